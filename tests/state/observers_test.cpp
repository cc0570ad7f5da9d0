// Owns the tests of lists of observers: they come and go in any order, also while they are told.
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cpu/state/observers.h"

using namespace ringside;

namespace {

struct Face {
  std::string name;
  std::string* heard;
  std::function<void()> meanwhile;
  bool answer = false;
  void hear() {
    *heard += name;
    if (meanwhile) meanwhile();
  }
};

struct Room {
  std::string heard;
  Observers<Face> list;
  Face a{"a", &heard, {}}, b{"b", &heard, {}}, c{"c", &heard, {}};
  std::string tell() {
    heard.clear();
    list.tell([](Face& face) { face.hear(); });
    return heard;
  }
};

}  // namespace

TEST_CASE("observers are told in the order in which they came, and leave in any") {
  Room r;
  CHECK_FALSE(r.list);
  CHECK(r.tell() == "");
  auto first = r.list.attach(r.a), second = r.list.attach(r.b), third = r.list.attach(r.c);
  CHECK(r.list);
  CHECK(r.tell() == "abc");
  second.detach();
  CHECK(r.tell() == "ac");
  second.detach();  // again: nothing
  CHECK(r.tell() == "ac");
  second = r.list.attach(r.b);
  CHECK(r.tell() == "acb");
  first = {};
  CHECK(r.tell() == "cb");
  {
    const auto moved = std::move(third);
    CHECK(r.tell() == "cb");
  }
  CHECK(r.tell() == "b");
  second.detach();
  CHECK_FALSE(r.list);
}

TEST_CASE("an observer may leave, send another away or bring one while it is told") {
  Room r;
  auto first = r.list.attach(r.a), second = r.list.attach(r.b);
  Observers<Face>::Attachment third;
  r.a.meanwhile = [&] { first.detach(); };
  CHECK(r.tell() == "ab");
  CHECK(r.tell() == "b");

  first = r.list.attach(r.a);  // behind b now
  r.a.meanwhile = nullptr;
  r.b.meanwhile = [&] { first.detach(); };
  CHECK(r.tell() == "b");
  CHECK(r.tell() == "b");

  r.b.meanwhile = [&] { third = r.list.attach(r.c); };
  CHECK(r.tell() == "b");  // c hears of the next one
  r.b.meanwhile = nullptr;
  CHECK(r.tell() == "bc");
}

TEST_CASE("an observer that makes another event is told of that, too") {
  Room r;
  const auto first = r.list.attach(r.a);
  auto second = r.list.attach(r.b);
  unsigned depth = 0;
  r.a.meanwhile = [&] {
    if (depth++ == 0) r.list.tell([](Face& face) { face.hear(); });
    second.detach();
  };
  CHECK(r.tell() == "aa");  // b went in the inner one, before it was told of either
  CHECK(r.tell() == "a");
}

TEST_CASE("a list may go before those who were attached to it") {
  std::string heard;
  Face face{"a", &heard, {}};
  Observers<Face>::Attachment attached;
  {
    Observers<Face> list;
    attached = list.attach(face);
    CHECK(list);
  }
  attached.detach();
  CHECK(heard.empty());
}

TEST_CASE("who is attached already is told once") {
  Room r;
  const auto first = r.list.attach(r.a);
  {
    const auto again = r.list.attach(r.a);
    CHECK(r.tell() == "a");
  }
  CHECK(r.tell() == "a");
}

TEST_CASE("a question is put to everybody") {
  Room r;
  const auto ask = [&] {
    r.heard.clear();
    return r.list.any([](Face& face) { return face.hear(), face.answer; });
  };
  CHECK_FALSE(ask());
  const auto first = r.list.attach(r.a), second = r.list.attach(r.b), third = r.list.attach(r.c);
  CHECK_FALSE(ask());
  r.b.answer = true;
  CHECK(ask());
  CHECK(r.heard == "abc");
}
