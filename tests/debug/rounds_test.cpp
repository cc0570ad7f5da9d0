// Owns the tests of steps through repeated string instructions: a round is a step, and nobody's time changes.
#include "frontend/debug/debugger.h"
#include "tests/machine/guest.h"

namespace ringside {
namespace {

// mov ecx, 5; mov edi, data; mov esi, code; rep movsb; hlt
constexpr std::initializer_list<int> copies = {0xb9, 5,    0, 0, 0, 0xbf, 0,    0,    2,
                                               0,    0xbe, 0, 0, 1, 0,    0xf3, 0xa4, 0xf4};
constexpr u64 repeated = Guest::code + 15;

Guest copying(Dispatcher dispatcher, unsigned cpus = 1) {
  MachineConfig config = Guest::config(cpus);
  config.dispatcher = dispatcher;
  Guest guest(config);
  for (const int byte : copies) guest.put(guest.next++, static_cast<u64>(byte), 1);
  return guest;
}

TEST_CASE("a step is one round of a repeated string instruction, as the processor's single step has it") {
  for (const Dispatcher dispatcher : {Dispatcher::reference, Dispatcher::emitted}) {
    Guest plain = copying(dispatcher);
    plain.machine->run(1000);

    Guest guest = copying(dispatcher);
    Debugger debugger(*guest.machine);
    debugger.step(3);
    REQUIRE(guest.cpu().rip == repeated);
    for (u64 left = 5; left-- > 1;) {
      const Stop stop = debugger.step();
      CHECK(stop.kind == Stop::Kind::step);
      CHECK(guest.cpu().gpr[RCX] == left);
      CHECK(guest.cpu().gpr[RDI] == Guest::data + 5 - left);
      CHECK(guest.cpu().rip == repeated);
      CHECK((guest.cpu().eflags() & Eflags::RF) != 0);
      CHECK(guest.machine->retired() == 3);  // the instruction is still to come
    }
    debugger.step();
    CHECK(guest.cpu().gpr[RCX] == 0);
    CHECK(guest.cpu().rip == repeated + 2);
    CHECK(guest.machine->retired() == 4);
    CHECK(guest.get(Guest::data, 4) == guest.get(Guest::code, 4));
    debugger.run(1000);
    CHECK(guest.machine->retired() == plain.machine->retired());
    CHECK(guest.machine->state_hash() == plain.machine->state_hash());
  }
}

TEST_CASE(
    "a count of steps goes through rounds; over and out pass them, and a breakpoint there is met once") {
  Guest guest = copying(Dispatcher::emitted);
  Debugger debugger(*guest.machine);
  debugger.step(3 + 2);
  CHECK(guest.cpu().gpr[RCX] == 3);
  debugger.step_over();
  CHECK(guest.cpu().rip == repeated + 2);

  Guest again = copying(Dispatcher::emitted);
  Debugger other(*again.machine);
  other.step(3);
  other.step(1, Debugger::Rounds::together);
  CHECK(again.cpu().rip == repeated + 2);

  Guest stopped = copying(Dispatcher::emitted);
  Debugger third(*stopped.machine);
  Breakpoint here;
  here.at.value = repeated;
  third.add(here);
  CHECK(third.run().kind == Stop::Kind::breakpoint);
  CHECK(third.step().kind == Stop::Kind::step);
  CHECK(stopped.cpu().gpr[RCX] == 4);
  CHECK(third.run().kind == Stop::Kind::ended);
}

TEST_CASE("rounds of the CPU that steps; another one's go together") {
  Guest guest = copying(Dispatcher::emitted, 2);
  guest.start(1, Guest::code);
  Debugger debugger(*guest.machine);
  debugger.select(1);
  debugger.step(3 + 1);
  CHECK(guest.cpu(1).gpr[RCX] == 4);
  CHECK(guest.cpu(1).rip == repeated);
  CHECK(guest.cpu(0).gpr[RCX] != 4);
}

TEST_CASE("a round that faults, and one that ends the instruction early") {
  Guest guest;
  // mov ecx, 5; mov edi, data; mov al, 1; repne scasb; hlt
  for (const int byte : {0xb9, 5, 0, 0, 0, 0xbf, 0, 0, 2, 0, 0xb0, 1, 0xf2, 0xae, 0xf4})
    guest.put(guest.next++, static_cast<u64>(byte), 1);
  guest.put(Guest::data + 1, 1, 1);
  Debugger debugger(*guest.machine);
  debugger.step(3);
  debugger.step();
  CHECK(guest.cpu().gpr[RCX] == 4);
  debugger.step();
  CHECK(guest.cpu().gpr[RCX] == 3);
  CHECK(guest.cpu().rip == Guest::code + 14);

  Guest faulty = copying(Dispatcher::emitted);
  Debugger other(*faulty.machine);
  other.step(3);
  faulty.cpu().segment[DS].limit = Guest::code + 1;
  faulty.cpu().segment[DS].update();
  faulty.cpu().segment[DS].rights &= ~Rights::G;
  other.step(2);
  CHECK(faulty.cpu().gpr[RCX] == 3);
  other.step();
  CHECK(faulty.cpu().rip == Guest::handler(13));
}

}  // namespace
}  // namespace ringside
