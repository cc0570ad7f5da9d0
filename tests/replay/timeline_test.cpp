// Owns the tests of a machine's past: whichever moment of it the machine is taken to, it is as it was, and
// goes on as it went.
#include "frontend/replay/timeline.h"

#include <map>

#include "tests/machine/sleeper.h"

namespace ringside {
namespace {

// Time that passes as instructions do, so that checkpoints lie at the same places in every run.
Timeline::Plan plan_for(Machine& machine, double instructions_between = 3000) {
  Timeline::Plan plan;
  plan.seconds_between = instructions_between;
  plan.clock = [&machine] { return static_cast<double>(machine.retired()); };
  return plan;
}

std::unique_ptr<Timeline> timeline_of(Machine& machine, double instructions_between = 3000) {
  std::string error;
  auto timeline = Timeline::create(machine, plan_for(machine, instructions_between), error);
  REQUIRE_MESSAGE(timeline, error);
  return timeline;
}

// dec ecx, from 100,000,000; counts in memory, too; prints a byte on COM1 every 256 rounds.
std::unique_ptr<Guest> counter(Dispatcher dispatcher = Dispatcher::emitted) {
  MachineConfig config = Guest::config();
  config.dispatcher = dispatcher;
  auto made = std::make_unique<Guest>(config);
  Guest& g = *made;
  g.bytes({0xb9}).number(100'000'000, 4).bytes({0xba}).number(0x3f8, 4);
  const u64 again = g.next;
  g.bytes({0xff, 0x05}).number(Guest::data, 4);                // inc dword [data]
  g.bytes({0xa0}).number(Guest::data, 4).bytes({0x84, 0xc0});  // mov al, [data]; test al, al
  g.bytes({0x75, 0x06, 0xa0})
      .number(Guest::data + 1, 4)
      .bytes({0xee});                                           // jnz; mov al, [data + 1]; out dx, al
  g.bytes({0x49, 0x0f, 0x85}).number(again - (g.next + 6), 4);  // dec ecx; jnz
  return made;
}

TEST_CASE("wherever in its past a machine is taken, it is as it was, and ends as it ended") {
  for (const Others others : {Others::none, Others::busy, Others::asleep}) {
    for (const Dispatcher dispatcher : {Dispatcher::emitted, Dispatcher::reference}) {
      CAPTURE(static_cast<int>(others));
      auto guest = sleeper(dispatcher, others);
      Machine& machine = *guest->machine;
      auto past = timeline_of(machine);
      Random random(static_cast<u64>(others) + 5);
      std::map<u64, std::string> hashes;  // when the machine had first retired so many
      u64 events = 0;
      while (machine.retired() < 60'000) {
        const u64 before = machine.retired();
        past->run(1 + random.next() % 300);
        if (machine.retired() != before && !machine.moment().asleep)
          hashes.emplace(machine.retired(), machine.state_hash());
        if (random.next() % 3 == 0) events += machine.input(some_event(random));
      }
      REQUIRE(events > 20);
      REQUIRE(past->history().size() == events);
      REQUIRE(past->use().checkpoints > 5);
      const std::string end = machine.state_hash();
      const Moment last = machine.moment();
      for (unsigned n = 0; n < 30; ++n) {
        auto there = hashes.begin();
        std::advance(there, static_cast<std::ptrdiff_t>(random.next() % hashes.size()));
        CAPTURE(there->first);
        REQUIRE(past->go_to(there->first));
        // What came at this very moment has come.
        CHECK(machine.retired() == there->first);
        CHECK(past->in_past());
        CHECK_FALSE(machine.input(KeyStroke{}));
        past->run(1 + random.next() % 500);
      }
      while (past->in_past()) past->run(1000);
      CHECK(machine.moment() == last);
      CHECK(machine.state_hash() == end);
      CHECK(past->trouble().empty());
      CHECK_FALSE(machine.repeating());
    }
  }
}

TEST_CASE("the state at a moment is the same from whichever side it is reached") {
  auto guest = counter();
  Machine& machine = *guest->machine;
  auto past = timeline_of(machine);
  std::map<u64, std::string> hashes;
  for (u64 count = 997; count < 100'000; count += 997) {
    past->run(count - machine.retired());
    hashes[count] = machine.state_hash();
  }
  for (auto there = hashes.rbegin(); there != hashes.rend(); ++there) {
    REQUIRE(past->go_to(there->first));
    CHECK(machine.state_hash() == there->second);
  }
  for (const auto& [count, hash] : hashes) {
    REQUIRE(past->go_to(count));
    CHECK(machine.state_hash() == hash);
  }
  CHECK_FALSE(past->go_to(machine.retired() + 1'000'000));
}

TEST_CASE("nobody hears again what the guest printed, and the present goes on where the past ends") {
  auto guest = counter(), twin = counter();
  std::string heard, whole;
  guest->machine->on_serial([&](u8 byte) { heard += static_cast<char>(byte); });
  twin->machine->on_serial([&](u8 byte) { whole += static_cast<char>(byte); });
  auto past = timeline_of(*guest->machine);
  Random random(3);
  for (unsigned n = 0; n < 40; ++n) {
    past->run(2000);
    if (n % 4 != 3) continue;
    REQUIRE(past->go_to(random.next() % guest->machine->retired()));
    while (past->in_past()) past->run(777);
  }
  twin->machine->run(guest->machine->retired());
  CHECK(heard == whole);
  CHECK(heard.size() > 20);
  CHECK(guest->machine->state_hash() == twin->machine->state_hash());
}

TEST_CASE("who changes the past gives up what came after, and the change is a part of it") {
  auto guest = counter();
  Machine& machine = *guest->machine;
  auto past = timeline_of(machine);
  past->run(40'000);
  REQUIRE(past->go_to(20'000));
  const u32 changed = 0x12345678;
  machine.memory().write(HostPhys(Guest::data), 4, changed);
  past->note(MemoryWritten{HostPhys(Guest::data), {0x78, 0x56, 0x34, 0x12}});
  CHECK_FALSE(past->in_past());
  CHECK(past->end().retired == 20'000);
  CHECK_FALSE(past->go_to(30'000));
  past->run(25'000);
  const std::string end = machine.state_hash();
  REQUIRE(past->go_to(19'999));
  CHECK(machine.memory().read(HostPhys(Guest::data), 4) < changed);
  REQUIRE(past->go_to(21'000));
  CHECK(machine.memory().read(HostPhys(Guest::data), 4) > changed);
  REQUIRE(past->go_to(45'000));
  CHECK(machine.state_hash() == end);
  CHECK(past->trouble().empty());
}

TEST_CASE("a register that a person wrote is written again where it was") {
  auto guest = counter();
  Machine& machine = *guest->machine;
  auto past = timeline_of(machine);
  past->on_register([&](const RegisterWritten& written) {
    if (written.name == "rcx") machine.cpu(written.cpu).gpr[RCX] = written.value;
  });
  past->run(10'000);
  machine.cpu(0).gpr[RCX] = 77;
  past->note(RegisterWritten{0, "rcx", 77});
  past->run(5'000);
  const std::string end = machine.state_hash();
  REQUIRE(past->go_to(100));
  REQUIRE(past->go_to(15'000));
  CHECK(machine.state_hash() == end);
}

TEST_CASE("CPUs that were held still are so again") {
  auto guest = sleeper(Dispatcher::emitted, Others::busy);
  Machine& machine = *guest->machine;
  auto past = timeline_of(machine, 1000);
  past->run(10'000);
  machine.hold_still(2);
  past->run(10'000);
  machine.hold_still(0);
  past->run(10'000);
  const std::string end = machine.state_hash();
  const u64 count = machine.retired();
  CHECK(past->history().size() == 2);
  REQUIRE(past->go_to(500));
  machine.hold_still(4);  // has nothing to say about the past
  past->run(100);
  machine.hold_still(0);
  REQUIRE(past->go_to(count));
  CHECK(machine.state_hash() == end);
  CHECK(past->trouble().empty());
}

TEST_CASE("resets are performed again") {
  MachineConfig config = Guest::config();
  config.boot.bios = RINGSIDE_BINARY_DIR "/roms/hello.bin";
  std::string error;
  const auto machine = Machine::create(config, error);
  REQUIRE_MESSAGE(machine, error);
  auto past = timeline_of(*machine, 500);
  for (unsigned n = 0; n < 3; ++n) {
    past->run(2000);
    machine->reset("a test");
    REQUIRE(machine->ending().why == Ending::Why::reset);
    REQUIRE(machine->perform_reset(error));
    past->note(ResetPerformed{});
  }
  past->run(2000);
  const std::string end = machine->state_hash();
  const u64 count = machine->retired();
  REQUIRE(past->go_to(1000));
  CHECK(machine->state_hash() != end);
  REQUIRE(past->go_to(count));
  CHECK(machine->state_hash() == end);
}

TEST_CASE("memory for checkpoints is bounded, and what was thinned out is reached all the same") {
  auto guest = counter();
  Machine& machine = *guest->machine;
  // Writes a page of its own every few instructions.
  Timeline::Plan plan = plan_for(machine, 1000);
  plan.most_bytes = 2u << 20;
  std::string error;
  auto past = Timeline::create(machine, plan, error);
  REQUIRE(past);
  for (u64 n = 0; n < 300; ++n) {
    machine.memory().write(HostPhys(0x100000 + n % 64 * 0x4000), 8, n * 0x9e3779b97f4a7c15);
    past->note(MemoryWritten{HostPhys(0x100000 + n % 64 * 0x4000), [&] {
                               std::vector<u8> bytes(8);
                               machine.memory().read_block(HostPhys(0x100000 + n % 64 * 0x4000), bytes.data(),
                                                           8);
                               return bytes;
                             }()});
    past->run(1500);
  }
  CHECK(past->use().bytes <= (2u << 20) + (64u << 10));
  CHECK(past->use().checkpoints > 5);
  CHECK(past->use().checkpoints < 300);
  const auto counts = past->checkpoint_counts();
  CHECK(counts.front() == 0);
  // Dense where it is new, sparse where it is old.
  const u64 end = machine.retired();
  const auto in_last_tenth =
      std::count_if(counts.begin(), counts.end(), [&](u64 c) { return c > end / 10 * 9; });
  const auto in_first_tenth =
      std::count_if(counts.begin(), counts.end(), [&](u64 c) { return c < end / 10; });
  CHECK(in_last_tenth > in_first_tenth);
  const std::string hash = machine.state_hash();
  REQUIRE(past->go_to(end / 7));
  REQUIRE(past->go_to(end));
  CHECK(machine.state_hash() == hash);
}

TEST_CASE("a run that does not repeat is told, not taken for the past") {
  auto guest = sleeper(Dispatcher::emitted, Others::none);
  Machine& machine = *guest->machine;
  auto past = timeline_of(machine);
  while (past->history().size() < 5) {
    past->run(500);
    machine.input(SerialByte{0, 'a'});
  }
  past->run(2000);
  REQUIRE(past->go_to(10));
  // Behind the timeline's back: interrupts are off.
  machine.cpu(0).set_eflags(0, Eflags::IF);
  machine.memory().write(HostPhys(guest->cpu().rip), 1, 0xf4);
  for (unsigned n = 0; n < 1000 && past->in_past() && past->trouble().empty(); ++n) past->run(100);
  CHECK_FALSE(past->trouble().empty());
}

TEST_CASE("a reboot begins another past") {
  MachineConfig config = Guest::config();
  config.boot.bios = RINGSIDE_BINARY_DIR "/roms/hello.bin";
  std::string error;
  const auto machine = Machine::create(config, error);
  REQUIRE_MESSAGE(machine, error);
  auto past = timeline_of(*machine, 500);
  past->run(5000);
  past->give_up();
  REQUIRE(machine->reboot(error));
  past->begin_anew();
  CHECK(past->begin() == 0);
  CHECK_FALSE(past->go_to(3000));
  past->run(2000);
  const std::string end = machine->state_hash();
  REQUIRE(past->go_to(100));
  REQUIRE(past->go_to(2000));
  CHECK(machine->state_hash() == end);
}

TEST_CASE("a recorded history is repeated by another machine, in either dispatcher") {
  auto guest = sleeper(Dispatcher::emitted, Others::busy);
  auto past = timeline_of(*guest->machine);
  Random random(8);
  while (guest->machine->retired() < 50'000) {
    past->run(1 + random.next() % 300);
    if (random.next() % 3 == 0) guest->machine->input(some_event(random));
  }
  for (const Dispatcher dispatcher : {Dispatcher::emitted, Dispatcher::reference}) {
    auto other = sleeper(dispatcher, Others::busy);
    auto again = timeline_of(*other->machine);
    again->repeat(past->history(), guest->machine->moment());
    CHECK(again->in_past());
    while (again->in_past() && again->trouble().empty()) again->run(1 + random.next() % 5000);
    CHECK(again->trouble().empty());
    CHECK(other->machine->moment() == guest->machine->moment());
    CHECK(other->machine->state_hash() == guest->machine->state_hash());
  }
}

TEST_CASE("the checkpoint that is missed least lies where they are dense for their age") {
  CHECK(missed_least(std::vector<double>{}) == 0);
  CHECK(missed_least(std::vector<double>{0, 1}) == 0);
  CHECK(missed_least(std::vector<double>{0, 1, 2}) == 1);
  CHECK(missed_least(std::vector<double>{0, 0.1, 10, 20}) == 1);
  CHECK(missed_least(std::vector<double>{0, 0.1, 10, 20}, 1) == 2);
  CHECK(missed_least(std::vector<double>{0, 1, 2}, 1) == 0);
  // Of a thousand that are kept down to 20, the gaps grow with age.
  std::vector<double> kept;
  for (unsigned n = 0; n < 1000; ++n) {
    kept.push_back(n);
    if (kept.size() > 20) kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(missed_least(kept)));
  }
  CHECK(kept.front() == 0);
  CHECK(kept.back() == 999);
  CHECK(kept[19] - kept[18] <= 2);
  CHECK(kept[2] - kept[1] > 50);
}

}  // namespace
}  // namespace ringside
