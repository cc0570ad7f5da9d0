// Owns the credits, and what time brings.
#include "roms/loft/schedule.h"

#include "roms/kit/apic.h"
#include "roms/kit/clock.h"
#include "roms/kit/processor.h"
#include "roms/loft/events.h"
#include "roms/loft/serial.h"
#include "roms/loft/switch.h"

namespace loft {

Spinlock lock;

namespace {

u64 turns;        // counts choices
u64 next_credit;  // when it is given

template <class Visit>
void each_vcpu(Visit visit) {
  for (u32 n = 0; n < most_domains; ++n)
    for (Vcpu& v : domain(n).vcpus)
      if (domain(n).exists && v.state != VcpuState::off) visit(v);
}

// The higher goes first.
int rank(const Vcpu& v) { return v.boosted ? 2 : v.credit > 0 ? 1 : 0; }

bool goes_before(const Vcpu& a, const Vcpu& b) {
  return rank(a) != rank(b) ? rank(a) > rank(b) : a.last_turn < b.last_turn;
}

bool active(const Vcpu& v) { return v.state == VcpuState::ready || v.state == VcpuState::running; }

// All CPUs' time of a period is given to the virtual CPUs that want any, by weight. Who does not use it up
// cannot save more than one period's: else a sleeper could later keep all others out.
void give_credit() {
  u64 weights = 0;
  each_vcpu([&](Vcpu& v) { weights += active(v) ? v.domain->weight : 0; });
  if (!weights) return;
  const u64 all = period * processor_count();
  each_vcpu([&](Vcpu& v) {
    if (!active(v)) return;
    const i64 part = static_cast<i64>(all * v.domain->weight / weights);
    v.credit = smaller(v.credit + part, part);
    if (v.credit < -part) v.credit = -part;
  });
}

u64 pit_time() { return now() / 1000 * pit_counts_a_second / 1'000'000; }
u64 nanoseconds_of(u64 pit_counts) { return pit_counts * 1'000'000 / pit_counts_a_second * 1000 + 1000; }

void pass_time_of(Domain& d, u64 time) {
  while (d.pit.next_interrupt() <= pit_time()) {
    d.pit.interrupted(pit_time());
    d.pic.set_line(0, false);  // the output is low for one count, and its rise is the tick
    d.pic.set_line(0, true);
    if (d.pic.interrupts()) wake(d.vcpus[0]);
  }
  if (d.apic.next_alarm() <= time) {
    d.apic.ring(time);
    wake(d.vcpus[0]);
  }
  for (Vcpu& v : d.vcpus) {
    if (!v.wake_time || v.wake_time > time) continue;
    v.wake_time = 0;
    set_pending(d, 0);
  }
}

}  // namespace

Vcpu* choose() {
  Vcpu* best = nullptr;
  each_vcpu([&](Vcpu& v) {
    if (v.state == VcpuState::ready && (!best || goes_before(v, *best))) best = &v;
  });
  if (!best) return nullptr;
  best->state = VcpuState::running;
  best->last_turn = ++turns;
  best->boosted = false;
  if (best->ready_since) best->time_lost += now() - best->ready_since;
  best->ready_since = 0;
  if (best->number == 0 && best->domain->shared) best->domain->shared->time_lost = best->time_lost;
  return best;
}

void charge(Vcpu& v, u64 nanoseconds) {
  v.credit -= static_cast<i64>(nanoseconds);
  v.time_run += nanoseconds;
}

bool should_give_way(const Vcpu& v, u64 slice_begin) {
  const bool over = v.yields || now() - slice_begin >= slice;
  bool better = false;
  each_vcpu([&](Vcpu& other) {
    if (other.state == VcpuState::ready) better |= rank(other) > rank(v) || (over && rank(other) == rank(v));
  });
  return better;
}

void put_back(Vcpu& v, VcpuState state) {
  if (v.state == VcpuState::off) return;  // it was ended meanwhile
  v.state = state;
  if (state == VcpuState::ready) v.ready_since = now();
}

void wake(Vcpu& v) {
  if (v.state == VcpuState::running && v.processor != this_processor().number) kick(v.processor);
  if (v.state != VcpuState::blocked) return;
  v.state = VcpuState::ready;
  v.ready_since = now();
  v.boosted = v.credit >= 0;
  kick_for(rank(v));
}

void pass_time() {
  const u64 time = now();
  take_serial_input();
  for (u32 n = 0; n < most_domains; ++n)
    if (domain(n).exists && domain(n).state == domain_running) pass_time_of(domain(n), time);
  if (time >= next_credit) {
    give_credit();
    next_credit = time + period;
  }
}

u64 next_deadline() {
  u64 next = next_credit;
  for (u32 n = 0; n < most_domains; ++n) {
    const Domain& d = domain(n);
    if (!d.exists || d.state != domain_running) continue;
    if (d.pit.next_interrupt() != ~0ul) next = smaller(next, nanoseconds_of(d.pit.next_interrupt()));
    next = smaller(next, d.apic.next_alarm());
    for (const Vcpu& v : d.vcpus)
      if (v.wake_time) next = smaller(next, v.wake_time);
  }
  return next;
}

}  // namespace loft
