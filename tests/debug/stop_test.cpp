// Owns the tests of what happens at stops (lines of source, displays, scripts of breakpoints), and of the
// formats and frames that one looks with.
#include <fmt/format.h>

#include "tests/debug/prompt.h"

using namespace ringside;

TEST_CASE("step goes by lines of source where there are any, stepi by instructions") {
  Prompt p;
  p.run("step 3");  // the first instruction lies in no file, the next two are lines of their own
  REQUIRE(p.to_symbol("main"));
  // `say` is one line of several instructions.
  const auto here = [&] { return p.symbols.line(p.cpu().rip, World::any); };
  const auto main = here();
  REQUIRE(main);
  p.run("step");
  const auto after = here();
  REQUIRE(after);
  CHECK(after->line != main->line);
  const u64 rip = p.cpu().rip;
  const u64 count = p.machine->retired();
  p.run("stepi");
  CHECK(p.machine->retired() == count + 1);
  CHECK(p.cpu().rip != rip);
}

TEST_CASE("displays are shown at each stop until they are not wanted any more") {
  Prompt p;
  CHECK(has(p.run("display"), "nothing is displayed"));
  CHECK(has(p.run("display rip + 1"), "number 1"));
  p.run("display/1i $pc");
  const std::string stop = p.run("stepi");
  CHECK(has(stop, fmt::format("1: {:#x} = ", p.cpu().rip + 1)));
  CHECK(has(stop, "2: "));
  CHECK(has(p.run("display"), "  1  print rip + 1\n  2  x/1i $pc\n"));
  p.run("undisplay 1");
  CHECK_FALSE(has(p.run("stepi"), "1: 0x"));
  p.run("undisplay");
  CHECK_FALSE(has(p.run("stepi"), "2: "));
  p.refused("undisplay 7");
}

TEST_CASE("a breakpoint's commands run when it stops, and a script that continues goes on") {
  Prompt p;
  p.refused("commands");
  p.run("break run_guest");
  p.run("commands");
  p.run("print 40 + 2");
  p.run("catch exit cpuid");
  p.run("continue");
  CHECK(p.run("end").empty());
  const std::string all = p.run("continue");
  CHECK(has(all, "0x2a = 42"));
  CHECK(has(all, "VM exit, reason 10"));
  CHECK(p.cpu().vmx->exit.reason == ExitReason::cpuid);
  // In a script of its own file, and one that never ends is told.
  p.output.clear();
  CHECK(p.commands.execute_script("break main\ncommands\nwhere\nend\n", "file") == Commands::Result::done);
  CHECK(p.commands.execute_script("commands\nwhere\n", "file") == Commands::Result::failed);
  CHECK(has(p.output, "file: commands "));
  CHECK(p.commands.execute("where") == Commands::Result::done);
}

TEST_CASE("a failure in a script says its file and line, on a channel of its own") {
  Prompt p;
  std::string told;
  p.commands.on_failure([&](std::string_view line) { told += line; });
  CHECK(p.commands.execute_script("where\n\nnonsense\nwhere\n", "script") == Commands::Result::failed);
  CHECK(told == "script:3: nonsense: no such command; help lists them\n");
  CHECK_FALSE(has(p.output, "nonsense"));
}

TEST_CASE("formats of print and x, as gdb has them and as QEMU's xp does") {
  Prompt p;
  CHECK(p.run("print/d 0xffffffffffffffff") == "-1\n");
  CHECK(p.run("print/x 255") == "0xff\n");
  CHECK(p.run("print/t 5") == "101\n");
  CHECK(p.run("print/c 65") == "65 'A'\n");
  p.refused("print/q 1");
  for (unsigned n = 0; n < 6; ++n)
    p.machine->memory().write(HostPhys(0x5000 + n), 1, static_cast<u8>("hello"[n]));
  CHECK(p.run("x/s 0x5000") == "0x0000000000005000: \"hello\"\n");
  CHECK(p.run("xp /2db 0x5000") == "0x0000000000005000:  104  101\n");
  CHECK(p.run("xp/2xb 0x5000") == p.run("x/2xb phys 0x5000"));
  CHECK(has(p.run("x/2i $pc"), "=> 0x00000000fffffff0  "));
  CHECK(p.run("info registers rsp") == "rsp = 0x0\n");
  CHECK(has(p.run("info mem"), "paging is off"));
}

TEST_CASE("frames of the stack are chosen by number and by steps") {
  Prompt p;
  REQUIRE(p.to_symbol("main"));
  p.run("continue 200");
  const std::string all = p.run("backtrace");
  CHECK(p.run("frame") == all.substr(0, all.find('\n') + 1));
  p.refused("down");
  p.refused("frame 99");
  p.refused("frame x");
  if (std::count(all.begin(), all.end(), '\n') > 1) {
    CHECK(has(p.run("up"), "#1 "));
    CHECK(has(p.run("down"), "#0 "));
  }
}
