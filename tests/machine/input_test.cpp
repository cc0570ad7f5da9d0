// Owns the tests of the machine's one door for input: what a record holds makes the same run again.
#include <vector>

#include "tests/machine/sleeper.h"

using namespace ringside;

namespace {

void record_and_repeat(Dispatcher dispatcher, Others others) {
  CAPTURE(static_cast<int>(others));
  const auto first = sleeper(dispatcher, others);
  Machine& machine = *first->machine;
  std::vector<InputRecord> records;
  machine.on_input([&](const InputRecord& record) { records.push_back(record); });
  Random random(7);
  unsigned refused = 0, asleep = 0;
  for (unsigned n = 0; n < 300; ++n) {
    machine.run(1 + random.next() % 97);
    asleep += machine.moment().asleep ? 1 : 0;
    for (u64 events = random.next() % 3; events > 0; --events)
      refused += machine.input(some_event(random)) ? 0 : 1;
  }
  // Some came into a sleep, some between two instructions, and some found their receiver full.
  CHECK(refused > 0);
  CHECK(records.size() > 50);
  if (others != Others::busy) CHECK(asleep > 20);
  CHECK(asleep < 300);

  const auto second = sleeper(dispatcher, others);
  Machine& again = *second->machine;
  std::vector<InputRecord> repeated;
  again.on_input([&](const InputRecord& record) { repeated.push_back(record); });
  for (const InputRecord& record : records) {
    REQUIRE(again.run_to(record.at));
    REQUIRE(again.input(record.event));
  }
  REQUIRE(again.run_to(machine.moment()));
  CHECK(repeated == records);
  CHECK(again.state_hash() == machine.state_hash());
  CHECK(second->get(Guest::data) == first->get(Guest::data));

  // The input matters: one byte less is another run.
  const auto third = sleeper(dispatcher, others);
  for (std::size_t n = 1; n < records.size(); ++n) {
    if (!third->machine->run_to(records[n].at)) return;
    third->machine->input(records[n].event);
  }
  CHECK(third->machine->state_hash() != machine.state_hash());
}

}  // namespace

TEST_CASE("events at the moments of a record make the same run again") {
  for (const Others others : {Others::none, Others::busy, Others::asleep}) {
    record_and_repeat(Dispatcher::emitted, others);
    record_and_repeat(Dispatcher::reference, others);
  }
}

TEST_CASE("a moment that is none of the run's is told as such") {
  const auto guest = sleeper(Dispatcher::emitted, Others::none);
  Machine& machine = *guest->machine;
  const auto twin = sleeper(Dispatcher::reference, Others::none);
  twin->machine->run(10);
  REQUIRE(machine.run_to(twin->machine->moment()));
  Moment past = machine.moment(), never = past;
  past.retired = 5;
  CHECK_FALSE(machine.run_to(past));
  never.retired = 1000;
  never.now = 1;
  CHECK_FALSE(machine.run_to(never));
}

TEST_CASE("input that is not taken changes nothing and is not recorded") {
  const auto guest = sleeper(Dispatcher::emitted, Others::none);
  Machine& machine = *guest->machine;
  unsigned recorded = 0;
  machine.on_input([&](const InputRecord&) { ++recorded; });
  CHECK(machine.input(SerialByte{0, 'x'}));
  CHECK(recorded == 1);
  const std::string before = machine.state_hash();
  CHECK_FALSE(machine.input(SerialByte{0, 'y'}));         // the receiver holds one byte
  CHECK_FALSE(machine.input(SerialByte{9, 'y'}));         // no such port
  CHECK_FALSE(machine.input(KeyStroke{0, false, true}));  // no such key
  CHECK(recorded == 1);
  CHECK(machine.state_hash() == before);
  machine.power_off();
  CHECK_FALSE(machine.input(PowerButton{}));
  CHECK(recorded == 1);
}

TEST_CASE("the power button is where ACPI looks for it") {
  Guest g;
  constexpr u16 pm1_status = 0x600, power_button = 0x0100;
  g.bytes({0x66, 0xba}).number(pm1_status, 2).bytes({0x66, 0xed, 0x66, 0xa3}).number(Guest::data, 4).hlt();
  CHECK(g.machine->input(PowerButton{}));
  g.machine->run(4);
  CHECK((g.get(Guest::data, 2) & power_button) != 0);
}

TEST_CASE("a sleep of all CPUs is a part of the state: who is restored in it is at the same moment") {
  for (const Others others : {Others::none, Others::asleep}) {
    const auto first = sleeper(Dispatcher::emitted, others);
    Machine& machine = *first->machine;
    for (unsigned n = 0; n < 10'000 && !machine.moment().asleep; ++n) machine.run(97);
    REQUIRE(machine.moment().asleep);
    // A run that was interrupted before it began changes nothing of it.
    const Moment there = machine.moment();
    machine.interrupt();
    machine.run(0);
    CHECK(machine.moment() == there);

    const std::vector<u8> saved = machine.save();
    const auto second = sleeper(Dispatcher::emitted, others);
    Machine& again = *second->machine;
    std::string error;
    REQUIRE_FALSE(again.moment().asleep);
    REQUIRE(again.restore(saved, error));
    CHECK(again.moment() == there);
    std::vector<InputRecord> records, repeated;
    machine.on_input([&](const InputRecord& record) { records.push_back(record); });
    again.on_input([&](const InputRecord& record) { repeated.push_back(record); });
    CHECK(machine.input(SerialByte{0, 'x'}));
    CHECK(again.input(SerialByte{0, 'x'}));
    CHECK(records == repeated);
    machine.run(500);
    again.run(500);
    CHECK(again.moment() == machine.moment());
    CHECK(again.state_hash() == machine.state_hash());
    REQUIRE(machine.reboot(error));
    CHECK_FALSE(machine.moment().asleep);
  }
}
