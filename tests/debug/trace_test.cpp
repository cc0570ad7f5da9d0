// Owns the tests of the log of what runs, and of the command that asks for it.
#include "frontend/commands/execution_log.h"
#include "tests/debug/files.h"
#include "tests/debug/prompt.h"

namespace ringside {
namespace {

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// What a machine that runs `instructions` logs.
std::string log_of(std::string_view words, u64 instructions, std::string* hash = nullptr,
                   std::string_view ranges = {}) {
  VisorMachine m;
  ExecutionLog::Options options;
  std::string error, text;
  if (!words.empty()) REQUIRE_MESSAGE(ExecutionLog::add_words(words, options, error), error);
  if (!ranges.empty()) REQUIRE_MESSAGE(ExecutionLog::add_ranges(ranges, options, error), error);
  Debugger debugger(*m.machine);
  if (options.any())
    debugger.let_witness(
        std::make_shared<ExecutionLog>(options, m.symbols, [&](std::string_view line) { text += line; }));
  for (u64 before = ~u64{0}; m.machine->retired() < instructions && m.machine->retired() != before;) {
    before = m.machine->retired();
    m.machine->run(instructions - before);
  }
  if (hash) *hash = m.machine->state_hash();
  return text;
}

TEST_CASE("exec: a line for each instruction, with count, CPU, world, address, symbol, words") {
  const std::string all = log_of("exec,in_asm", 100);
  CHECK(lines(all) == 100);
  CHECK(all.starts_with("exec             0 0 root  0x00000000fffffff0"));
  CHECK(has(all, "jmp "));
  CHECK(has(all, " <start>  cli\n"));
  CHECK_FALSE(has(log_of("exec", 100), "  cli"));
  // Each only when it first runs.
  const std::string first = log_of("in_asm", 100'000);
  CHECK(lines(first) < 5'000);
  CHECK(lines(first) > 100);
  CHECK(has(first, " guest 0x"));
}

TEST_CASE("int, vmx and cpu_reset: deliveries, VM entries and exits, resets with registers") {
  const std::string all = log_of("int,vmx,cpu_reset,nochain", ~u64{0} >> 1);
  CHECK(all.starts_with("reset            0 0 root  RESET#\n  RAX "));
  CHECK(has(all, "<guest_start>  VM entry of VMCS 0xa000\n"));
  CHECK(has(all, "  VM exit, reason 48: EPT violation: "));
  CHECK(has(all, "int "));
  CHECK(has(all, " -> 0x"));
  CHECK_FALSE(has(all, "exec "));
}

TEST_CASE("the log changes nothing, and is the same each time") {
  std::string with, without, again;
  const std::string one = log_of("exec,int,vmx,cpu", 30'000, &with);
  CHECK(one == log_of("exec,int,vmx,cpu", 30'000, &again));
  log_of("", 30'000, &without);
  CHECK(with == without);
  CHECK(with == again);
}

TEST_CASE("ranges of addresses, and words that are none") {
  const std::string some = log_of("exec", 20'000, nullptr, "0xf02c0..0xf02d0,0xf0392+4");
  CHECK(lines(some) > 0);
  CHECK_FALSE(has(some, "0x00000000fffffff0"));
  ExecutionLog::Options options;
  std::string error;
  for (const char* bad : {"", "5", "5..", "9..5", "5+0", "x..y", "1-3", "0xffffffffffffffff+2"}) {
    error.clear();
    CHECK_FALSE(ExecutionLog::add_ranges(bad, options, error));
    CHECK_MESSAGE(has(error, "not a range of addresses"), bad);
  }
  options = {};
  CHECK(ExecutionLog::add_ranges("0x2000-0x1000", options, error));
  CHECK(options.ranges.front().first == 0x1001);
  CHECK(options.ranges.front().last == 0x2000);
  CHECK_FALSE(ExecutionLog::add_words("exec,unimp", options, error));
  CHECK(error == "unimp: no such log; there are exec, in_asm, cpu, int, vmx, cpu_reset, nochain");
}

TEST_CASE("trace: on the terminal, into a file, of a function, of a world, so many entries") {
  Prompt p;
  CHECK(p.run("trace") == "nothing is traced\n");
  CHECK(p.run("trace on count 3") == "tracing exec,in_asm, 0 entries so far of 3\n");
  const std::string three = p.run("stepi 10");
  CHECK(has(three, "exec             2 "));
  CHECK_FALSE(has(three, "exec             3 "));
  CHECK(p.machine->retired() == 10);
  CHECK(has(p.run("trace off"), "3 entries so far of 3; no longer"));
  CHECK(p.run("trace") == "nothing is traced\n");
  CHECK_FALSE(has(p.run("stepi 3"), "exec "));

  const TemporaryFile file("");
  CHECK(has(p.run("trace exec guest to " + file.path), "tracing exec, 0 entries so far, guest, into "));
  p.run("run-to exit");
  p.run("trace off");
  const std::string text = read_file(file.path);
  CHECK(text.starts_with("exec "));
  CHECK(has(text, "<guest_start>\n"));
  CHECK_FALSE(has(text, " root "));

  p.run("trace exec in run_guest..vm_exit");
  p.run("trace exec cpu 0 cpu");
  p.run("log none");
  for (const char* bad : {"trace nonsense", "trace on to", "trace exec in nosuch", "trace cpu 9",
                          "trace off now", "trace exec to /no/such/folder/x", "trace exec in main..",
                          "trace exec count x", "trace exec in 9..5"})
    p.refused(bad);
  p.commands.on_output([](const std::string&, std::string& why) {
    why = "not this one";
    return false;
  });
  CHECK(has(p.refused("trace exec to " + file.path), "not this one"));
}

TEST_CASE("what has heard enough costs nothing from then on") {
  Prompt p;
  p.run("trace exec count 1");
  p.run("continue 1000");
  CHECK_FALSE(p.debugger.witness()->hears_instructions());
  // A block of several instructions runs as one again.
  const u64 before = p.machine->retired();
  p.run("continue 1000");
  CHECK(p.machine->retired() == before + 1000);
}

}  // namespace
}  // namespace ringside
