// Owns the test of several who look at one machine at once: a debugger, traces, a listener; in any order.
#include "frontend/debug/debugger.h"
#include "frontend/inspect/exit_trace.h"
#include "frontend/render/sheet_text.h"
#include "tests/debug/visor_machine.h"
#include "vmx/rules.h"

using namespace ringside;

namespace {

struct Listener final : VmxObserver {
  u64 entries = 0, exits = 0;
  std::vector<const std::vector<const Rule*>*> lists;  // as the observers got them
  std::string broken;
  void entered(Cpu&) override { ++entries; }
  void exited(Cpu&, const ExitInfo&) override { ++exits; }
  void refused(Cpu&, const RefusedEntry& entry) override {
    lists.push_back(&entry.broken);
    for (const Rule* rule : entry.broken) broken += std::string(rule->id) + " ";
  }
  void failed(Cpu&, const VmRefusal&) override {}
};

void run_to_end(Machine& machine) {
  while (machine.ending().why == Ending::Why::running && machine.retired() < 50'000'000)
    machine.run(1'000'000);
}

// What a machine that nobody looks at does.
struct Alone {
  std::string hash;
  u64 retired = 0;
  explicit Alone(const std::string& rom) {
    VisorMachine m(rom);
    run_to_end(*m.machine);
    hash = m.machine->state_hash();
    retired = m.machine->retired();
  }
};

}  // namespace

TEST_CASE("a debugger, two traces and a listener see the same exits, and change nothing") {
  const Alone alone("visor");
  VisorMachine m;
  Listener listener;
  ExitTrace counts, story;
  std::string told, rows;
  story.tell_story([&](const Sheet& sheet) { told += text(sheet); });
  story.write_rows(TraceForm::csv, [&](std::string_view row) { rows += row; });
  counts.attach(*m.machine);
  auto debugger = std::make_unique<Debugger>(*m.machine);
  story.attach(*m.machine);
  auto listens = m.cpu().vmx->observers.attach(listener);

  const Stop stop = debugger->run_to(RunTo::vm_exit);
  CHECK(stop.kind == Stop::Kind::event);
  CHECK(counts.exits() == 1);
  CHECK(story.exits() == 1);
  CHECK(listener.exits == 1);
  // The debugger goes first, though others came after it.
  debugger.reset();
  run_to_end(*m.machine);
  CHECK(m.machine->ending().why == Ending::Why::power_off);
  CHECK(counts.exits() > 30);
  CHECK(story.exits() == counts.exits());
  CHECK(listener.exits == counts.exits());
  CHECK(listener.entries > 30);
  CHECK(counts.summary() == story.summary());
  CHECK(has(told, "VMCALL"));
  CHECK(has(rows, "VMCALL"));
  CHECK(m.machine->retired() == alone.retired);
  CHECK(m.machine->state_hash() == alone.hash);
}

TEST_CASE("the rules that an entry breaks are looked for once, and everybody gets the same list") {
  VisorMachine m("refusals");
  Listener first, second;
  const auto one = m.cpu().vmx->observers.attach(first);
  const auto two = m.cpu().vmx->observers.attach(second);
  run_to_end(*m.machine);
  CHECK(first.lists.size() > 15);
  CHECK(first.lists == second.lists);
  CHECK(first.broken == second.broken);
  CHECK(has(first.broken, "guest."));
  CHECK(has(first.broken, "host."));
  CHECK(has(first.broken, "controls."));
}

TEST_CASE("two debuggers stop at their breakpoints each, whoever came first") {
  VisorMachine m;
  Debugger first(*m.machine);
  {
    Debugger second(*m.machine);
    CHECK(second.run_to(RunTo::vm_entry).kind == Stop::Kind::event);
  }
  CHECK(first.run_to(RunTo::vm_exit).kind == Stop::Kind::event);
}
