// Owns the tests of looks as values: JSON of every look at every moment, and that it says what the text says.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "frontend/inspect/exit_trace.h"
#include "frontend/inspect/look_registers.h"
#include "frontend/inspect/sheet.h"
#include "frontend/render/json.h"
#include "frontend/render/sheet_text.h"
#include "tests/debug/prompt.h"

using namespace ringside;
using Json = nlohmann::json;

namespace {

Json parsed(const std::string& text) {
  CHECK_MESSAGE(std::count(text.begin(), text.end(), '\n') == 1, text);
  const Json j = Json::parse(text, nullptr, false);
  REQUIRE_MESSAGE(!j.is_discarded(), text);
  REQUIRE(j.contains("sheet"));
  for (const Json& section : j["sections"]) REQUIRE(section["rows"].is_array());
  return j;
}

// The first row that is called `name`, in any section.
Json row(const Json& sheet, std::string_view name) {
  for (const Json& section : sheet["sections"]) {
    for (const Json& one : section["rows"])
      if (one.value("name", "") == name) return one;
  }
  FAIL("no row ", std::string(name));
  return {};
}

constexpr const char* looks[] = {
    "info registers",    "info general",  "info control", "info segments", "info debug",      "info msrs",
    "info x87",          "info vector",   "info all",     "info symbols",  "info vmcs",       "info gdt",
    "info ldt",          "info idt",      "info tss",     "info pages",    "info ept",        "info mtrr",
    "info lapic",        "info ioapic",   "info memory",  "info cpus",     "info break",      "where",
    "explain",           "x/4g rip",      "x/3i rip",     "x/20b phys 0",  "backtrace",       "print rip + 1",
    "registers control", "registers rax", "walk rip",     "disassemble",   "info breakpoints"};

}  // namespace

TEST_CASE("every look is JSON where it is asked for, and text where it is not") {
  Prompt p;
  const auto all = [&] {
    for (const char* look : looks) {
      const std::string plain = p.run(look);
      CHECK_MESSAGE(plain.front() != '{', look);
      parsed(p.run(std::string(look) + " -json"));
    }
  };
  all();
  REQUIRE(p.to_symbol("run_guest"));
  all();
  for (const char* look : {"vmcs", "vmcs check", "vmcs GUEST_CR4", "vmcs list", "walk gpa 0x1000"})
    parsed(p.run(std::string(look) + " -json"));
  REQUIRE(p.to_exit(ExitReason::ept_violation));
  all();
  parsed(p.run("walk guest vmcs.GUEST_RIP -json"));
  CHECK(has(p.refused("set rax = 1 -json"), "nothing that JSON could hold"));
}

TEST_CASE("the values are those of the machine, with their bits and links") {
  Prompt p;
  REQUIRE(p.to_symbol("run_guest"));
  const Json registers = parsed(p.run("info registers -json"));
  CHECK(registers["sheet"] == "registers");
  CHECK(row(registers, "rsp")["value"]["number"] == p.cpu().gpr[RSP]);
  const Json rip = row(registers, "rip");
  CHECK(rip["value"]["hex"] == fmt::format("{:#x}", p.cpu().rip));
  CHECK(rip["value"]["link"]["to"] == "linear");
  CHECK(has(rip["symbol"]["text"], "run_guest"));
  CHECK(row(registers, "cr0")["bits"]["bits"] == Json({"PE", "ET", "NE", "PG"}));
  CHECK(row(registers, "cs")["rights"]["number"] == p.cpu().segment[CS].rights);
  const Json step = parsed(p.run("step -json"));
  CHECK(row(step, "where")["kind"]["text"] == "step");
  CHECK(row(step, "instruction")["address"]["number"] == p.cpu().rip);
  REQUIRE(p.to_exit(ExitReason::ept_violation));
  const Json why = parsed(p.run("explain -json"));
  CHECK(row(why, "exit")["reason"]["number"] == 48);
  CHECK(has(row(why, "conclusion")["conclusion"]["text"], "EPT violation: EPT PTE at 0x"));
}

TEST_CASE("what has changed since the same look is marked") {
  Prompt p;
  REQUIRE(p.to_symbol("run_guest"));
  parsed(p.run("info general -json"));
  p.cpu().gpr[RBX] ^= 1;
  const Json now = parsed(p.run("info general -json"));
  CHECK(row(now, "rbx")["value"].value("changed", false));
  CHECK_FALSE(row(now, "rcx")["value"].contains("changed"));
  // A terminal shows it in bold.
  Sheet before = general_registers_sheet(p.cpu());
  p.cpu().gpr[RCX] ^= 2;
  Sheet after = general_registers_sheet(p.cpu());
  mark_changes(after, before);
  CHECK(has(text(after, true), fmt::format("RCX \033[1m{:016x}\033[0m", p.cpu().gpr[RCX])));
  CHECK_FALSE(has(text(after, false), "\033"));
}

TEST_CASE("bytes of a guest are no reason for broken JSON") {
  Sheet sheet("odd");
  sheet.row("a\"b").word("c\\d", std::string("\x80\xff\n\x01", 4)).number("n", ~u64{0}, "all");
  const Json j = parsed(ringside::json(sheet) + "\n");
  CHECK(j["sections"][0]["rows"][0]["n"]["number"] == ~u64{0});
  CHECK(j["sections"][0]["rows"][0]["name"] == "a\"b");
}

TEST_CASE("the story of a run is sheets: the same events as words and as JSON") {
  VisorMachine m;
  ExitTrace trace;
  std::string words, lines;
  trace.tell_story([&](const Sheet& event) {
    words += text(event);
    lines += ringside::json(event) + "\n";
  });
  trace.attach(*m.machine);
  REQUIRE(m.to_exit(ExitReason::ept_violation));
  CHECK(has(words, "VM entry 1: CPU 0, VMCS at 0xa000, guest RIP 0x"));
  CHECK(has(words, "      walk           guest-physical 0x"));
  const std::size_t last = lines.rfind("{\"sheet\":");
  const Json exit = parsed(lines.substr(last));
  CHECK(exit["sheet"] == "vm_exit");
  CHECK(row(exit, "vm_exit")["reason"]["number"] == 48);
  CHECK(row(exit, "vm_exit")["reason_name"]["text"] == "EPT violation");
  CHECK(row(exit, "where")["guest_rip"]["number"] == m.vmcs()[Field::GUEST_RIP]);
}

TEST_CASE("an exit that comes again at once is counted, with its likely cause") {
  VisorMachine m;
  ExitTrace trace;
  std::string words;
  trace.tell_story([&](const Sheet& event) { words += text(event); });
  trace.attach(*m.machine);
  REQUIRE(m.to_exit(ExitReason::cpuid));
  Cpu& cpu = m.cpu();
  const ExitInfo exit = cpu.vmx->exit;
  words.clear();
  for (unsigned n = 0; n < 5; ++n) {
    trace.entered(cpu);
    trace.exited(cpu, exit);
  }
  CHECK(words.empty());
  trace.conclude();
  CHECK(has(words, "VM exit: 5 times more at once, reason 10 at guest RIP 0x"));
  CHECK(has(words, "likely         GUEST_RIP was not advanced past this instruction of 2 bytes\n"));
  words.clear();
  trace.conclude();
  CHECK(words.empty());
}

TEST_CASE("a story tells what its filter lets through") {
  std::string error;
  CHECK(parse_story_filter("ept-violation,10,refused,from=5,to=7,every=2", error)->reasons.count() == 2);
  for (const char* wrong : {"", "nonsense", "every=0", "from=x", "999", "vm"}) {
    CHECK_FALSE(parse_story_filter(wrong, error));
    CHECK_MESSAGE(has(error, "--explain-only"), wrong);
  }
  const auto told = [](const char* filter) {
    VisorMachine m;
    ExitTrace trace;
    std::vector<std::string> names;
    std::string why;
    trace.filter_story(*parse_story_filter(filter, why));
    trace.tell_story([&](const Sheet& event) { names.push_back(event.name + text(event)); });
    trace.attach(*m.machine);
    m.machine->run(1'000'000);
    return names;
  };
  const auto all = told("every=1"), half = told("every=2"), one = told("cpuid"), none = told("refused");
  CHECK(all.size() > 10);
  CHECK(half.size() < all.size());
  REQUIRE(one.size() >= 1);
  for (const std::string& event : one) CHECK(has(event, "reason 10, "));
  CHECK(none.empty());
  CHECK(told("from=4000000000").empty());
}
