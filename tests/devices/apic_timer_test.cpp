// Owns the test of the local APIC's timer: exact counts in all modes, and what a change of mode does.
#include "devices/apic/apic_timer.h"

#include "tests/devices/apic_fixture.h"

using namespace ringside;
using namespace ringside::apic_test;
namespace reg = ringside::apic_register;

namespace {
constexpr u32 one_shot = 0, periodic = 1u << 17, deadline_mode = 2u << 17;
constexpr u32 vector = 0xee;
constexpr Ticks count = 80;  // clock ticks of one count at divider 1

struct Timed : Machine {
  LocalApic& apic;
  Timed() : apic((*this)[0]) { write(apic, reg::DIVIDE_CONFIGURATION, 0xb); }
  void mode(u32 bits) { write(apic, reg::LVT_TIMER, bits | vector); }
  void start(u32 value) { write(apic, reg::INITIAL_COUNT, value); }
  u32 current() { return read(apic, reg::CURRENT_COUNT); }
};
}  // namespace

TEST_CASE("one-shot: exact to the tick, once") {
  Timed t;
  t.mode(one_shot);
  t.start(100);
  CHECK(t.current() == 100);
  t.clock.advance(count - 1);
  CHECK(t.current() == 100);
  t.clock.advance(1);
  CHECK(t.current() == 99);
  t.clock.advance(98 * count + count - 1);
  CHECK(t.current() == 1);
  CHECK_FALSE(t.apic.pending());
  t.clock.advance(1);
  CHECK(t.apic.pending());
  CHECK(t.current() == 0);
  CHECK(Machine::service(t.apic) == vector);
  t.clock.advance(1000 * count);
  CHECK_FALSE(t.apic.pending());
  CHECK(Machine::read(t.apic, reg::INITIAL_COUNT) == 100);
}

TEST_CASE("each divider") {
  const unsigned divisors[8] = {2, 4, 8, 16, 32, 64, 128, 1};
  for (u32 code = 0; code < 8; ++code) {
    CAPTURE(code);
    Timed t;
    const u32 value = ((code & 4) << 1) | (code & 3);
    Machine::write(t.apic, reg::DIVIDE_CONFIGURATION, value | 0xfffffff4);
    CHECK(Machine::read(t.apic, reg::DIVIDE_CONFIGURATION) == value);
    t.mode(one_shot);
    t.start(10);
    t.clock.advance(10 * count * divisors[code] - 1);
    CHECK_FALSE(t.apic.pending());
    t.clock.advance(1);
    CHECK(t.apic.pending());
  }
}

TEST_CASE("a new divider keeps the count under way") {
  Timed t;
  t.mode(one_shot);
  t.start(100);
  t.clock.advance(40 * count);
  Machine::write(t.apic, reg::DIVIDE_CONFIGURATION, 0x0);  // by 2
  CHECK(t.current() == 60);
  t.clock.advance(60 * 2 * count - 1);
  CHECK_FALSE(t.apic.pending());
  t.clock.advance(1);
  CHECK(t.apic.pending());
}

TEST_CASE("periodic: reloads without drift; a count of 0 stops it; a new count restarts it") {
  Timed t;
  t.clock.hertz = 2'000'000'001;  // a count is not a whole number of ticks
  t.mode(periodic);
  t.start(3);
  const Ticks begin = t.clock.ticks;
  for (u64 n = 1; n <= 1000; ++n) {
    const Ticks due = begin + t.clock.ticks_of(3 * n, 25'000'000);
    t.clock.advance(due - 1 - t.clock.ticks);
    CHECK_FALSE(t.apic.pending());
    t.clock.advance(1);
    CHECK(t.current() == 3);
    CHECK(Machine::service(t.apic) == vector);
  }
  t.start(50);
  t.clock.advance(45 * count);
  t.start(50);
  t.clock.advance(45 * count);
  CHECK_FALSE(t.apic.pending());
  t.start(0);
  CHECK(t.current() == 0);
  t.clock.advance(1000 * count);
  CHECK_FALSE(t.apic.pending());
}

TEST_CASE("periods missed while the clock leapt make one interrupt, and the phase stays") {
  Timed t;
  t.mode(periodic);
  t.start(10);
  t.clock.ticks += 35 * count;
  t.clock.advance(0);
  CHECK(Machine::service(t.apic) == vector);
  CHECK(t.current() == 5);
  t.clock.advance(5 * count - 1);
  CHECK_FALSE(t.apic.pending());
  t.clock.advance(1);
  CHECK(t.apic.pending());
}

TEST_CASE("a deadline passes in silence under a mask; one beyond the end of time never comes") {
  Timed t;
  t.mode(deadline_mode | apic_lvt::MASK);
  CHECK(t.apic.write_msr(0x6e0, t.clock.ticks + 100));
  t.clock.advance(100);
  CHECK(Machine::msr(t.apic, 0x6e0) == 0);
  t.mode(deadline_mode);
  t.clock.advance(1000);
  CHECK_FALSE(t.apic.pending());
  t.apic.set_tsc_offset(-500);
  CHECK(t.apic.write_msr(0x6e0, ~u64{0}));
  t.clock.advance(1000);
  CHECK_FALSE(t.apic.pending());
  CHECK(Machine::msr(t.apic, 0x6e0) == ~u64{0});
}

TEST_CASE("an illegal timer vector is an error, not an interrupt") {
  Timed t;
  Machine::write(t.apic, reg::LVT_TIMER, 0x0f);
  t.start(1);
  t.clock.advance(count);
  CHECK_FALSE(t.apic.pending());
  CHECK(t.apic.pending_errors() == apic_esr::RECEIVE_ILLEGAL_VECTOR);
}

TEST_CASE("a masked timer counts in silence") {
  Timed t;
  t.mode(periodic | apic_lvt::MASK);
  t.start(10);
  t.clock.advance(25 * count);
  CHECK_FALSE(t.apic.pending());
  CHECK(t.current() == 5);
  t.mode(periodic);
  t.clock.advance(5 * count - 1);
  CHECK_FALSE(t.apic.pending());
  t.clock.advance(1);
  CHECK(t.apic.pending());
  Timed u;
  u.mode(one_shot | apic_lvt::MASK);
  u.start(10);
  u.clock.advance(10 * count);
  u.mode(one_shot);
  u.clock.advance(100 * count);
  CHECK_FALSE(u.apic.pending());
}

TEST_CASE("between one-shot and periodic the count runs on") {
  Timed t;
  t.mode(one_shot);
  t.start(100);
  t.clock.advance(60 * count + 7);
  t.mode(periodic);
  CHECK(t.current() == 40);
  CHECK(Machine::read(t.apic, reg::INITIAL_COUNT) == 100);
  t.clock.advance(40 * count - 7);
  CHECK(Machine::service(t.apic) == vector);
  CHECK(t.current() == 100);
  t.clock.advance(170 * count);
  CHECK(Machine::service(t.apic) == vector);
  CHECK(t.current() == 30);
  t.mode(one_shot);
  CHECK(t.current() == 30);
  t.clock.advance(30 * count);
  CHECK(Machine::service(t.apic) == vector);
  CHECK(t.current() == 0);
  t.clock.advance(500 * count);
  CHECK_FALSE(t.apic.pending());
  t.mode(periodic);
  CHECK(t.current() == 0);  // does not start by itself
  t.clock.advance(500 * count);
  CHECK_FALSE(t.apic.pending());
}

TEST_CASE("TSC deadline: fires at the guest's TSC, clears the MSR, once") {
  Timed t;
  CHECK(t.apic.write_msr(0x6e0, 5000));
  CHECK(Machine::msr(t.apic, 0x6e0) == 0);  // ignored outside the mode
  t.mode(deadline_mode);
  t.start(100);
  CHECK(Machine::read(t.apic, reg::INITIAL_COUNT) == 0);  // ignored in the mode
  CHECK(t.current() == 0);
  t.apic.set_tsc_offset(-500);
  CHECK(t.apic.write_msr(0x6e0, t.clock.ticks - 500 + 1000));
  CHECK(Machine::msr(t.apic, 0x6e0) == t.clock.ticks + 500);
  t.clock.advance(999);
  CHECK_FALSE(t.apic.pending());
  t.clock.advance(1);
  CHECK(t.apic.pending());
  CHECK(Machine::msr(t.apic, 0x6e0) == 0);
  CHECK(Machine::service(t.apic) == vector);
  t.clock.advance(100000);
  CHECK_FALSE(t.apic.pending());

  CHECK(t.apic.write_msr(0x6e0, t.clock.ticks - 500));  // now: at once
  CHECK(Machine::service(t.apic) == vector);
  CHECK(Machine::msr(t.apic, 0x6e0) == 0);
  CHECK(t.apic.write_msr(0x6e0, t.clock.ticks + 1000));
  CHECK(t.apic.write_msr(0x6e0, 0));  // disarmed
  t.clock.advance(100000);
  CHECK_FALSE(t.apic.pending());
}

TEST_CASE("TSC deadline: follows a new TSC, and a change of mode disarms") {
  Timed t;
  t.mode(deadline_mode);
  const u64 start = t.clock.ticks;
  CHECK(t.apic.write_msr(0x6e0, start + 1000));
  t.apic.set_tsc_offset(900);
  t.clock.advance(99);
  CHECK_FALSE(t.apic.pending());
  t.clock.advance(1);
  CHECK(Machine::service(t.apic) == vector);

  CHECK(t.apic.write_msr(0x6e0, ~u64{0}));
  t.clock.advance(1000);
  CHECK(Machine::msr(t.apic, 0x6e0) == ~u64{0});
  t.mode(one_shot);
  CHECK(Machine::msr(t.apic, 0x6e0) == 0);
  t.start(10);
  t.mode(deadline_mode);
  t.clock.advance(100 * count);
  CHECK_FALSE(t.apic.pending());
  t.mode(one_shot);
  CHECK(t.current() == 0);

  LocalApic::Config config;
  config.tsc_deadline = false;
  LocalApic& old = t.add(config);
  u64 value;
  CHECK_FALSE(old.read_msr(0x6e0, value));
  CHECK_FALSE(old.write_msr(0x6e0, 1));
  Machine::write(old, reg::LVT_TIMER, deadline_mode | vector);
  CHECK(Machine::read(old, reg::LVT_TIMER) == vector);
}
