// Owns the tests of the inspector by a person's means: real keys in a real window move the built-in
// hypervisor, and the console beside it sees it. They are skipped, in words, where Xvfb, xdotool, SDL or Dear
// ImGui is missing.
#include <doctest/doctest.h>

#include "tests/cli/desktop.h"
#include "tests/cli/program.h"

using namespace ringside::cli;

namespace {

bool has_inspector() {
  const Result none = run({"-bios", "/no/such/file", "--inspector"});
  const bool there = none.err.find("built without") == std::string::npos;
  if (!there) MESSAGE("skipped: ", none.err);
  return there;
}

}  // namespace

TEST_CASE("the inspector's keys step the built-in hypervisor, and the debugger's console tells the stops") {
  Desktop desktop;
  if (!desktop.there() || !has_inspector()) return;
  Running program({"debug", "--inspector"}, Running::With::pipes);
  REQUIRE(desktop.wait_for_window("Ringside"));
  REQUIRE(program.wait_for("CPU 0, "));
  desktop.press("F7");
  REQUIRE(program.wait_for("VM exit, reason 18: VMCALL"));
  CHECK(program.wait_for(" <vm_exit>"));
  desktop.press("F11");
  CHECK(program.wait_for(" <vm_exit+0x8>"));
  desktop.press("F8");
  CHECK(program.wait_for("guest of VMCS 0xa000"));
  // A breakpoint at the present instruction, which the next exit's way back meets.
  desktop.press("F9");
  desktop.press("F5");
  CHECK(program.wait_for("the inspector lets the machine run"));
  const std::string dots = desktop.dots();
  desktop.press("F2");
  if (!dots.empty()) CHECK(desktop.wait_for_other_dots(dots));
  program.type("quit\n");
  CHECK(program.finish() == 0);
}

TEST_CASE(
    "a run waits for its inspector, stays to be looked at when the guest is off, and ends with the window") {
  Desktop desktop;
  if (!desktop.there() || !has_inspector()) return;
  Running program({"explain", "--inspector"}, Running::With::pipes);
  REQUIRE(desktop.wait_for_window("paused"));
  CHECK(program.output().empty());
  desktop.press("F7");
  REQUIRE(program.wait_for("VM exit 1: reason 18"));
  desktop.press("F5");
  REQUIRE(program.wait_for("VM exit 20"));
  CHECK(desktop.wait_for_window("paused"));
  desktop.close();
  CHECK(program.finish() == 0);
}

TEST_CASE(
    "the time line is clicked and dragged with the mouse, and the debugger's console hears of the end") {
  Desktop desktop;
  if (!desktop.there() || !has_inspector()) return;
  Running program({"debug", "--inspector"}, Running::With::pipes);
  REQUIRE(desktop.wait_for_window("Ringside"));
  REQUIRE(program.wait_for("CPU 0, "));
  desktop.press("F7");
  REQUIRE(program.wait_for(" <vm_exit>"));
  // The window is as wide as the desktop, and the panes have the right part of it.
  constexpr int left = 486, right = 1274, line = 90;
  program.forget();
  desktop.click_at(left, line);
  CHECK(program.wait_for(" at 0xfffffff0"));
  program.forget();
  desktop.drag(left + 100, line, right, line);
  CHECK(program.wait_for(" <vm_exit>"));
  const std::string told = program.output();
  CHECK(told.find("CPU 0, ") == told.rfind("CPU 0, "));
  desktop.press("ctrl+shift+F11");
  CHECK(program.wait_for("guest of VMCS 0xa000"));
  program.type("bookmark before_it\n");
  CHECK(program.wait_for("before_it is instruction"));
  program.forget();
  desktop.press("ctrl+shift+F6");
  CHECK(program.wait_for(" <vm_exit>"));
  program.type("quit\n");
  CHECK(program.finish() == 0);
}
