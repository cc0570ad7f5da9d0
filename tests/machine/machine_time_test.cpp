// Owns the tests of the machine's time: timers arrive at their exact tick, HLT jumps, the idle machine ends.
#include "tests/machine/guest.h"

using namespace ringside;

namespace {

// The number of the first pulse of a `hertz` clock that is not before `ticks`, if it is exactly there.
u64 pulse_at(Ticks ticks, u64 hertz, u64 frequency) {
  const u64 pulse = static_cast<u64>(static_cast<u128>(ticks) * hertz / frequency);
  for (u64 n = pulse ? pulse - 1 : 0; n < pulse + 2; ++n) {
    if (static_cast<u64>((static_cast<u128>(n) * frequency + hertz - 1) / hertz) == ticks) return n;
  }
  return ~u64{0};
}

// When handler `vector` is entered: the tick before the delivery, which is an instruction itself.
Ticks arrival(Guest& g, u64 vector) {
  REQUIRE(g.step_to(Guest::handler(vector)));
  const Ticks when = g.machine->now() - 1;
  g.machine->run(1);
  return when;
}

}  // namespace

TEST_CASE("the PIT's interrupts come at the ticks of its pulses, without drift") {
  Guest g;
  g.open_pic().start_pit(10).count_interrupts(0x20, true).sti().forever();
  const u64 frequency = g.machine->cpu(0).clock->frequency();
  arrival(g, 0x20);  // OUT goes high as the mode is set
  const u64 first = pulse_at(arrival(g, 0x20), 1'193'182, frequency);
  REQUIRE(first != ~u64{0});
  for (u64 n = 1; n < 6; ++n) CHECK(pulse_at(arrival(g, 0x20), 1'193'182, frequency) == first + 10 * n);
}

TEST_CASE("the local APIC's timer, periodic") {
  Guest g;
  g.store(Guest::apic + 0xf0, 0x1ff).store(Guest::apic + 0x3e0, 0xb).store(Guest::apic + 0x320, 0x20040);
  g.store(Guest::apic + 0x380, 100).count_interrupts(0x40, false).sti().forever();
  const CpuModel& model = *g.cpu().model;
  const Ticks period = 100 * (model.tsc_hertz / model.crystal_hertz);
  Ticks last = arrival(g, 0x40);
  for (unsigned n = 0; n < 5; ++n) {
    const Ticks next = arrival(g, 0x40);
    CHECK(next == last + period);
    last = next;
  }
}

TEST_CASE("the TSC deadline arrives at its tick, in running code and out of HLT") {
  for (const bool halts : {false, true}) {
    for (const u64 deadline : {u64{500}, u64{501}, u64{77'777}}) {
      Guest g;
      g.store(Guest::apic + 0xf0, 0x1ff).store(Guest::apic + 0x320, 0x40041).write_msr(0x6e0, deadline).sti();
      if (halts) g.hlt();
      g.forever();
      CHECK(arrival(g, 0x41) == deadline);
      if (halts) CHECK(g.machine->retired() < 40);
    }
  }
}

TEST_CASE("a deadline that has passed fires at once") {
  Guest g;
  g.store(Guest::apic + 0xf0, 0x1ff).store(Guest::apic + 0x320, 0x40041).sti().write_msr(0x6e0, 1);
  const u64 after = g.next;
  g.forever();
  REQUIRE(g.step_to(Guest::handler(0x41), 1000));
  CHECK(g.get(g.cpu().gpr[RSP], 4) == after);
}

TEST_CASE("the same interrupts, however the run is sliced") {
  std::string whole;
  for (const u64 slice : {u64{300'000}, u64{1}, u64{7}, u64{19'999}, u64{20'000}, u64{100'003}}) {
    Guest g;
    g.open_pic().start_pit(20).count_interrupts(0x20, true).count_interrupts(0x40, false);
    g.store(Guest::apic + 0x3e0, 0xb).store(Guest::apic + 0x320, 0x20040).store(Guest::apic + 0x380, 37);
    g.sti().bytes({0xff, 0x05}).number(Guest::data, 4).bytes({0xeb, 0xf8});  // L: inc dword [data]; jmp L
    while (g.machine->retired() < 300'000) g.machine->run(std::min(slice, 300'000 - g.machine->retired()));
    CHECK(g.machine->retired() == 300'000);
    CHECK(g.get(Guest::data + 4 * 0x20, 4) > 5);
    CHECK(g.get(Guest::data + 4 * 0x40, 4) > 50);
    const std::string hash = g.machine->state_hash();
    if (whole.empty()) whole = hash;
    CAPTURE(slice);
    CHECK(hash == whole);
  }
}

TEST_CASE("HLT jumps over the time until the next interrupt") {
  Guest g;
  g.open_pic().start_pit(0xffff).count_interrupts(0x20, true).sti().hlt().bytes({0xeb, 0xfd});
  // A run comes back when the guest sleeps for long.
  while (g.machine->retired() < 1000) g.machine->run(1000 - g.machine->retired());
  const u64 ticks = g.get(Guest::data + 4 * 0x20, 4);
  CHECK(ticks > 50);
  CHECK(g.machine->now() > ticks * 100'000'000);
}

TEST_CASE("a machine that waits for nothing is idle") {
  Guest g;
  g.cli().hlt();
  const Ending& end = g.machine->run(1'000'000);
  CHECK(end.why == Ending::Why::idle);
  CHECK(end.reason.size() > 10);
  CHECK(g.machine->retired() == 2);
  CHECK(g.machine->run(1000).why == Ending::Why::idle);
}
