// Owns the tests of text that is fitted into a terminal's width.
#include <doctest/doctest.h>

#include "frontend/render/wrap.h"

using namespace ringside;

TEST_CASE("long lines are broken between words, and set in") {
  CHECK(wrapped("one two three\nfour\n", 0) == "one two three\nfour\n");
  CHECK(wrapped("one two three\nfour\n", 40) == "one two three\nfour\n");
  CHECK(wrapped("one two three four\n", 10) == "one two\n  three\n  four\n");
  CHECK(wrapped("  word  another word\n", 14) == "  word\n    another\n    word\n");
  CHECK(wrapped("  word  another word\n", 15) == "  word  another\n    word\n");
  CHECK(wrapped("unbreakable-word-that-is-long x\n", 10) == "unbreakable-word-that-is-long\n  x\n");
  CHECK(wrapped("", 10).empty());
  CHECK(wrapped("\n\n", 10) == "\n\n");
  CHECK(wrapped("no end", 3) == "no\nend");
  // What is not shown takes no room: bold, and the second byte of a letter.
  CHECK(wrapped("\033[1mone\033[0m two\n", 7) == "\033[1mone\033[0m two\n");
  CHECK(wrapped("\xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\n", 5) == "\xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\n");
}

TEST_CASE("the rows that a line takes") {
  CHECK(rows_of("", 10) == 1);
  CHECK(rows_of("0123456789", 10) == 1);
  CHECK(rows_of("0123456789a", 10) == 2);
  CHECK(rows_of("\033[1m0123456789\033[0m", 10) == 1);
  CHECK(rows_of("anything", 0) == 1);
}
