// Owns the tests of going back: each step and each search undoes what its counterpart did, across VM exits
// and entries, calls and interrupts.
#include <algorithm>
#include <vector>

#include "cpu/exec/engine/run.h"
#include "frontend/debug/debugger.h"
#include "frontend/inspect/look_memory.h"
#include "tests/debug/visor_machine.h"
#include "tests/machine/sleeper.h"

namespace ringside {
namespace {

struct Traveller {
  std::unique_ptr<Timeline> past;
  Debugger debugger;

  explicit Traveller(Machine& machine, double instructions_between = 4000) : debugger(machine) {
    Timeline::Plan plan;
    plan.seconds_between = instructions_between;
    plan.clock = [&machine] { return static_cast<double>(machine.retired()); };
    std::string error;
    past = Timeline::create(machine, plan, error);
    REQUIRE_MESSAGE(past, error);
    debugger.use_timeline(past.get());
  }
  u64 at() { return debugger.machine().retired(); }
  u64 rip() { return linear_rip(debugger.cpu()); }
};

struct Seen {
  u64 count, rip;
  std::string hash;
};

Breakpoint at_symbol(const VisorMachine& visor, const char* name) {
  Breakpoint point;
  point.at = {AddressSpace::linear, visor.symbols.address(name).value_or(0)};
  REQUIRE(point.at.value != 0);
  return point;
}

TEST_CASE("steps back undo steps, through the visor's VM entries and exits") {
  VisorMachine visor;
  Traveller t(*visor.machine);
  REQUIRE(t.debugger.run_to(RunTo::vm_entry).kind == Stop::Kind::event);
  std::vector<Seen> seen;
  unsigned worlds = 0;
  bool guest = true;
  for (unsigned n = 0; n < 4000; ++n) {
    if (n % 7 == 0 || n > 3900) seen.push_back({t.at(), t.rip(), visor.machine->state_hash()});
    t.debugger.step(1, Debugger::Rounds::together);
    worlds += guest != visor.cpu().non_root;
    guest = visor.cpu().non_root;
  }
  REQUIRE(worlds >= 2);
  for (auto was = seen.rbegin(); was != seen.rend(); ++was) {
    const Stop stop = t.debugger.reverse_step(t.at() - was->count);
    CAPTURE(was->count);
    CHECK(stop.kind == Stop::Kind::step);
    CHECK(t.at() == was->count);
    CHECK(t.rip() == was->rip);
    CHECK(visor.machine->state_hash() == was->hash);
  }
  CHECK(t.past->trouble().empty());
}

TEST_CASE("reverse continue meets the breakpoints that continue met, the last first, then the beginning") {
  VisorMachine visor;
  Traveller t(*visor.machine);
  t.debugger.add(at_symbol(visor, "vm_exit"));
  std::vector<u64> met;
  for (unsigned n = 0; n < 12; ++n) {
    const Stop stop = t.debugger.run();
    if (stop.kind != Stop::Kind::breakpoint) break;
    met.push_back(t.at());
  }
  REQUIRE(met.size() == 12);
  t.debugger.run(1234);
  const Breakpoint* const point = t.debugger.find(1);
  const u64 hits = point->hits;
  for (auto count = met.rbegin(); count != met.rend(); ++count) {
    const Stop stop = t.debugger.reverse();
    CHECK(stop.kind == Stop::Kind::breakpoint);
    CHECK(stop.breakpoint == 1);
    CHECK(t.at() == *count);
  }
  CHECK(t.debugger.find(1)->hits == hits);  // what is looked at again is not counted again
  const Stop beginning = t.debugger.reverse();
  CHECK(beginning.kind == Stop::Kind::beginning);
  CHECK(t.at() == 0);
  CHECK(t.debugger.reverse_step().kind == Stop::Kind::beginning);
  // And forwards once more, to the same places.
  for (const u64 count : met) {
    CHECK(t.debugger.run().kind == Stop::Kind::breakpoint);
    CHECK(t.at() == count);
  }
}

TEST_CASE("conditions hold in the past as they did") {
  VisorMachine visor;
  Traveller t(*visor.machine);
  t.debugger.on_condition([](const Breakpoint&, Cpu& cpu, std::string&) {
    return static_cast<unsigned>(cpu.vmx->exit.reason) == 10;  // CPUID
  });
  Breakpoint point = at_symbol(visor, "vm_exit");
  point.condition = "asked";
  t.debugger.add(point);
  REQUIRE(t.debugger.run().kind == Stop::Kind::breakpoint);
  const u64 count = t.at();
  t.debugger.remove_all();
  t.debugger.run(20'000);
  t.debugger.add(point);
  CHECK(t.debugger.reverse().kind == Stop::Kind::breakpoint);
  CHECK(t.at() >= count);
  CHECK(visor.cpu().vmx->exit.reason == ExitReason::cpuid);
}

TEST_CASE("events backwards stop where they stop forwards") {
  for (const RunTo event : {RunTo::vm_exit, RunTo::vm_entry}) {
    VisorMachine visor;
    Traveller t(*visor.machine);
    std::vector<u64> met;
    for (unsigned n = 0; n < 10; ++n) {
      REQUIRE(t.debugger.run_to(event).kind == Stop::Kind::event);
      met.push_back(t.at());
    }
    for (std::size_t n = met.size() - 1; n-- > 0;) {
      const Stop stop = t.debugger.reverse_to(event);
      CHECK(stop.kind == Stop::Kind::event);
      CHECK(has(stop.text, event == RunTo::vm_exit ? "VM exit" : "VM entry"));
      CHECK(t.at() == met[n]);
    }
  }
}

TEST_CASE("exits that the debugger has counted go with the machine") {
  VisorMachine visor;
  Traveller t(*visor.machine);
  std::vector<u64> counts;
  for (unsigned n = 0; n < 5; ++n) {
    t.debugger.run_to(RunTo::vm_exit);
    counts.push_back(t.at());
  }
  t.debugger.run(30'000);
  for (unsigned n = 5; n-- > 0;) {
    t.debugger.go_to(counts[n]);
    CHECK(t.debugger.read_register("exits") == n + 1);
    REQUIRE(t.debugger.last_vmx_event(0));
    CHECK(t.debugger.last_vmx_event(0)->kind == VmxEvent::Kind::exited);
  }
  t.debugger.go_to(counts[0] - 1);
  CHECK(t.debugger.read_register("exits") == 0);
}

TEST_CASE("a watchpoint backwards stops before the instruction that wrote") {
  VisorMachine visor;
  Traveller t(*visor.machine);
  Breakpoint watch;
  watch.kind = Breakpoint::Kind::watch;
  watch.at = {AddressSpace::linear, 0x8000};  // where the visor saves RAX
  watch.bytes = 8;
  watch.on_write = true;
  watch.on_read = false;
  t.debugger.add(watch);
  std::vector<u64> after;
  for (unsigned n = 0; n < 4; ++n) {
    REQUIRE(t.debugger.run().kind == Stop::Kind::watchpoint);
    after.push_back(t.at());
  }
  t.debugger.run(500);
  for (unsigned n = 4; n-- > 0;) {
    const Stop stop = t.debugger.reverse();
    CHECK(stop.kind == Stop::Kind::watchpoint);
    CHECK(t.at() == after[n] - 1);
  }
  const auto last = t.debugger.last_met(watch, after[2]);
  REQUIRE(last);
  CHECK(last->count == after[2] - 1);
  const auto first = t.debugger.first_met(watch, 0);
  REQUIRE(first);
  CHECK(first->count == after[0] - 1);
  CHECK(t.at() == after[0] - 1);  // nobody moved
}

// call function; nop; ...; function: three nops, ret
struct Calling {
  Guest guest;
  u64 call, behind, function, last;

  explicit Calling(unsigned cpus = 1) : guest(Guest::config(cpus)) {
    call = guest.next;
    guest.bytes({0x90, 0xe8}).number(20, 4);
    call = Guest::code + 1;
    behind = guest.next;
    guest.bytes({0x90, 0x90}).forever();
    function = behind + 20;
    guest.next = function;
    guest.bytes({0x90, 0x90, 0x90});
    last = guest.next;
    guest.bytes({0xc3});
  }
};

TEST_CASE("back over a call, and out of a function") {
  Calling c;
  Traveller t(*c.guest.machine);
  t.debugger.run_until({AddressSpace::linear, c.behind + 1});
  REQUIRE(t.rip() == c.behind + 1);
  t.debugger.reverse_over();
  CHECK(t.rip() == c.behind);
  t.debugger.reverse_over();
  CHECK(t.rip() == c.call);
  t.debugger.run_until({AddressSpace::linear, c.behind});
  t.debugger.reverse_step();
  CHECK(t.rip() == c.last);
  CHECK(t.debugger.reverse_out().kind == Stop::Kind::step);
  CHECK(t.rip() == c.call);
  CHECK(t.debugger.reverse_over().kind == Stop::Kind::step);
  CHECK(t.rip() == Guest::code);
  CHECK(t.debugger.reverse_over().kind == Stop::Kind::beginning);
  // A breakpoint inside is met on the way.
  t.debugger.run_until({AddressSpace::linear, c.behind});
  Breakpoint inside;
  inside.at = {AddressSpace::linear, c.function + 1};
  t.debugger.add(inside);
  CHECK(t.debugger.reverse_over().kind == Stop::Kind::breakpoint);
  CHECK(t.rip() == c.function + 1);
}

TEST_CASE("back over an interrupt's handler, to the instruction that it interrupted") {
  Guest guest;
  guest.open_pic().start_pit(2000).count_interrupts(0x20, true).sti();
  const u64 loop = guest.next;
  guest.bytes({0x90, 0x90, 0x90, 0xeb, 0xfb});
  Traveller t(*guest.machine);
  const Stop stop = t.debugger.run_to(RunTo::interrupt);
  REQUIRE(stop.kind == Stop::Kind::event);
  const u64 entered = t.at();
  while (t.rip() < loop) t.debugger.step();
  const u64 interrupted = t.rip();
  t.debugger.reverse_over();
  CHECK(t.at() == entered - 1);
  CHECK(t.rip() == interrupted);
}

TEST_CASE("a repeated string instruction is one step back, and a round is undone by going to its beginning") {
  Guest guest;
  // mov ecx, 5; mov edi, data; mov esi, code; rep movsb; nop; jmp $
  guest.bytes({0xb9, 5, 0, 0, 0, 0xbf, 0, 0, 2, 0, 0xbe, 0, 0, 1, 0, 0xf3, 0xa4, 0x90, 0xeb, 0xfe});
  Traveller t(*guest.machine);
  t.debugger.step(4, Debugger::Rounds::together);
  REQUIRE(guest.cpu().gpr[RCX] == 0);
  t.debugger.reverse_step();
  CHECK(guest.cpu().gpr[RCX] == 5);
  CHECK(t.rip() == Guest::code + 15);
  Breakpoint watch;
  watch.kind = Breakpoint::Kind::watch;
  watch.at = {AddressSpace::linear, Guest::data + 3};
  watch.bytes = 1;
  watch.on_write = true;
  t.debugger.add(watch);
  t.debugger.go_to(0);
  t.debugger.run(6);
  t.debugger.run(6);
  t.debugger.go_to(5);
  CHECK(t.debugger.reverse().kind == Stop::Kind::watchpoint);
  CHECK(t.rip() == Guest::code + 15);
}

TEST_CASE("several CPUs: a step back is one of the CPU that is looked at") {
  auto guest = sleeper(Dispatcher::emitted, Others::busy);
  Traveller t(*guest->machine, 2000);
  t.debugger.run(20'000);
  REQUIRE(t.debugger.select(1));
  Cpu& cpu = t.debugger.cpu();
  struct Place {
    u64 own, rip, ecx;
  };
  std::vector<Place> places;
  for (unsigned n = 0; n < 300; ++n) {
    places.push_back({retired(cpu), cpu.rip, cpu.gpr[RCX]});
    t.debugger.step();
    t.debugger.select(1);
  }
  for (std::size_t n = places.size(); n-- > 0;) {
    const Stop stop = t.debugger.reverse_step();
    CHECK(stop.kind == Stop::Kind::step);
    CHECK(stop.cpu == 1);
    CHECK(retired(cpu) == places[n].own);
    CHECK(cpu.rip == places[n].rip);
  }
  t.debugger.reverse_step(500);
  CHECK(retired(cpu) == places[0].own - 500);
}

TEST_CASE("what is written in the past is the machine's new course, and can be gone back over") {
  Calling c;
  Traveller t(*c.guest.machine);
  t.debugger.run(100);
  t.debugger.go_to(2);
  std::string why;
  REQUIRE(t.debugger.write_register("rax", 0x1234, why));
  const u8 byte = 0x77;
  REQUIRE(t.debugger.write({AddressSpace::linear, Guest::data}, {&byte, 1}) == 1);
  CHECK_FALSE(t.past->in_past());
  t.debugger.run(50);
  CHECK(c.guest.cpu().gpr[RAX] == 0x1234);
  t.debugger.go_to(1);
  CHECK(c.guest.cpu().gpr[RAX] != 0x1234);
  CHECK(c.guest.get(Guest::data, 1) == 0);
  t.debugger.go_to(30);
  CHECK(c.guest.cpu().gpr[RAX] == 0x1234);
  CHECK(c.guest.get(Guest::data, 1) == 0x77);
}

TEST_CASE("a search that is broken off leaves the machine where it was") {
  Calling c;
  Traveller t(*c.guest.machine, 1e6);
  t.debugger.run(900'000);
  const std::string hash = c.guest.machine->state_hash();
  Breakpoint never;
  never.at = {AddressSpace::linear, 0x12345};
  t.debugger.add(never);
  t.debugger.on_slice([&] { t.debugger.interrupt(); });
  const Stop stop = t.debugger.reverse();
  CHECK(stop.kind == Stop::Kind::interrupted);
  CHECK(t.at() == 900'000);
  CHECK(c.guest.machine->state_hash() == hash);
  t.debugger.on_slice({});
  CHECK(t.debugger.reverse().kind == Stop::Kind::beginning);
}

TEST_CASE("without a timeline nothing goes back, and says so") {
  VisorMachine visor;
  Debugger debugger(*visor.machine);
  debugger.run(1000);
  for (const Stop& stop :
       {debugger.reverse_step(), debugger.reverse(), debugger.reverse_out(), debugger.go_to(5)}) {
    CHECK(stop.kind == Stop::Kind::beginning);
    CHECK(has(stop.text, "nobody keeps"));
  }
  CHECK(visor.machine->retired() == 1000);
}

}  // namespace
}  // namespace ringside
