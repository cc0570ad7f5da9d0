// Owns the tests of the console: the raw terminal, its restoring, the escape key, signals.
#include <doctest/doctest.h>

#include <csignal>

#include "tests/cli/program.h"

using namespace ringside::cli;

namespace {

// Prints "A\n", then sends back what it receives, for ever.
const std::string echo = firmware({0xba, 0xf8, 0x03, 0xb0, 'A',  0xee, 0xb0, '\n', 0xee,  // OUT
                                   0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xfb,  // until data is ready
                                   0xba, 0xf8, 0x03, 0xec, 0xee, 0xeb, 0xf1});      // IN, OUT

}  // namespace

TEST_CASE("the terminal is raw while the guest has it, and is given back") {
  if (!has_terminals()) return;
  const Folder folder;
  Running program({"-bios", folder.write("rom", echo), "-display", "none"}, Running::With::terminal);
  REQUIRE(program.wait_for("A\r\n"));
  CHECK(program.output().starts_with("ringside: Ctrl-A x ends the run"));
  CHECK(program.raw());
  program.type("abc\x03");  // Ctrl-C is the guest's
  CHECK(program.wait_for("abc"));
  CHECK(program.wait_for("Ctrl-C went to the guest; Ctrl-A x ends the run"));
  CHECK(program.wait_for("\x03"));
  program.type("<\x01\x01>");
  CHECK(program.wait_for("<\x01>"));
  program.type("\x01h");
  CHECK(program.wait_for("this help"));
  program.type("\x01x");
  CHECK(program.finish() == 0);
  CHECK(!program.raw());
}

TEST_CASE("the terminal is given back on every way out") {
  if (!has_terminals()) return;
  const Folder folder;
  const std::string rom = folder.write("rom", echo);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGSEGV, SIGABRT}) {
    CAPTURE(number);
    Running program({"-bios", rom}, Running::With::terminal);
    REQUIRE(program.wait_for("A\r\n"));
    CHECK(program.raw());
    program.signal(number);
    CHECK(program.finish() == 128 + number);
    CHECK(!program.raw());
  }
}

TEST_CASE("an interrupted run writes its statistics") {
  const Folder folder;
  Running program({"-bios", folder.write("rom", echo), "--stats", folder / "stats"}, Running::With::pipes);
  REQUIRE(program.wait_for("A\n"));
  program.signal(SIGINT);
  CHECK(program.finish() == 130);
  CHECK(read_file(folder / "stats").find("\"interrupted\"") != std::string::npos);
}

TEST_CASE("a halted guest waits for a person") {
  if (!has_terminals()) return;
  const Folder folder;
  // STI; HLT: an interrupt could still come.
  const std::string rom = firmware({0xba, 0xf8, 0x03, 0xb0, 'A', 0xee, 0xfb, 0xf4, 0xeb, 0xfd});
  Running program({"-bios", folder.write("rom", rom)}, Running::With::terminal);
  REQUIRE(program.wait_for("A"));
  program.type("\x01x");
  CHECK(program.finish() == 0);
}
