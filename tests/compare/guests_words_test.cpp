// Owns the tests of what a guest's own lines may do to those who read about it: nothing.
#include <string_view>

#include "frontend/compare/measured_run.h"
#include "tests/machine/guest.h"

namespace ringside::compare {
namespace {

// A guest that prints this, and then waits for ever.
bool measure_printing(std::string_view text, MeasuredRun& run, std::string& error) {
  Guest guest;
  for (const char letter : text) guest.out(0x3f8, static_cast<u8>(letter));
  guest.forever();
  Subject subject;
  subject.name = "test";
  subject.begin = {"^begin"};
  subject.piece = "^work: ([^:]*): ([0-9]+) (.*)";
  subject.end = "^end";
  subject.fail = "^FAILED";
  subject.most_instructions = 10'000;
  return measure_run(*guest.machine, subject, run, error);
}

}  // namespace

TEST_CASE("what a guest prints reaches a terminal and documents as ASCII only") {
  MeasuredRun run;
  std::string error;
  REQUIRE_MESSAGE(measure_printing("begin\nwork: \x1b[2Jdisk: 7 \xff\tpages\nend\n", run, error), error);
  REQUIRE(run.measured.pieces.size() == 1);
  CHECK(run.measured.pieces[0].name == "?[2Jdisk");
  CHECK(run.measured.pieces[0].units == 7);
  CHECK(run.measured.pieces[0].units_are == "??pages");

  CHECK_FALSE(measure_printing("begin\nFAILED\x1b]0;title\x07\n", run, error));
  CHECK(error == "test: the guest's work went wrong: \"FAILED?]0;title?\"");
}

}  // namespace ringside::compare
