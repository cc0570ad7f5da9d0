// Owns the workloads that leave the guest: the timer, ports, a device in memory, hypercalls, events.
#include "roms/kit/apic.h"
#include "roms/kit/hypercalls.h"
#include "roms/kit/instructions.h"
#include "roms/kit/pages.h"
#include "roms/kit/processor.h"
#include "roms/tiny/tiny.h"

namespace tiny {
namespace {

constexpr u8 irq_base = 0x20, event_vector = 0x40;
volatile u64 ticks, rung, upcalls;
SharedPage* shared;

void end_of_line(InterruptFrame&) { out8(0x20, 0x20); }  // end of interrupt, to the first 8259

void on_tick(InterruptFrame& frame) {
  ticks = ticks + 1;
  end_of_line(frame);
}

// Both 8259: four command words in this order (IRQ 0 becomes vector 20H, the second one sits at IRQ 2), then
// a mask for all but one line.
void start_pic(u8 line) {
  out8(0x20, 0x11);
  out8(0x21, irq_base);
  out8(0x21, 4);
  out8(0x21, 1);
  out8(0xa0, 0x11);
  out8(0xa1, irq_base + 8);
  out8(0xa1, 2);
  out8(0xa1, 1);
  out8(0x21, static_cast<u8>(~(1u << line)));
  out8(0xa1, 0xff);
}

void start_pit() {
  constexpr u16 counts = 1193;  // a millisecond
  out8(0x43, 0x34);             // channel 0, two bytes, mode 2: a tick each time it reaches the end
  out8(0x40, counts & 0xff);
  out8(0x40, counts >> 8);
}

void on_event(InterruptFrame&) {
  upcalls = upcalls + 1;
  __atomic_exchange_n(&shared->pending, 0, __ATOMIC_SEQ_CST);
}

}  // namespace

// CPUID leaves every guest: no control can forbid that.
bool identifications(u64 count) {
  const u32 highest = cpuid(0).eax;
  bool good = true;
  for (u64 n = 0; n < count; ++n) good &= cpuid(0).eax == highest;
  return good;
}

bool absent_ports(u64 count) {
  constexpr u16 absent = 0x5f0;
  bool good = true;
  for (u64 n = 0; n < count; ++n) good &= in8(absent) == 0xff;
  return good;
}

// A register that somebody emulates, and that changes nothing when it is read. Where nobody does, all bits
// are set.
bool serial_states(u64 count) {
  constexpr u16 line_status = 0x3f8 + 5;  // of COM1
  bool good = true;
  for (u64 n = 0; n < count; ++n) good &= in8(line_status) != 0xff;
  return good;
}

bool timer_ticks(u64 count) {
  set_handler(irq_base, on_tick);
  ticks = 0;
  start_pic(0);
  start_pit();
  while (ticks < count) wait_for_interrupt();
  out8(0x21, 0xff);
  return ticks == count;
}

// One after the other, each asleep until its interrupt.
bool alarms(u64 count) {
  constexpr u8 alarm_vector = 0x50;
  constexpr u64 nanoseconds = 100'000;
  enable_local_apic();
  set_handler(alarm_vector, [](InterruptFrame&) {
    rung = rung + 1;
    end_of_interrupt();
  });
  rung = 0;
  for (u64 n = 1; n <= count; ++n) {
    set_timer(alarm_vector, nanoseconds);
    while (rung < n) wait_for_interrupt();
  }
  return rung == count;
}

bool port_accesses(u64 count) {
  bool good = true;
  for (u32 n = 0; n < count; ++n) {
    out32(port_device, n);
    good &= in32(port_device) == n + 1;
  }
  return good;
}

bool memory_accesses(u64 count) {
  bool good = true;
  for (u32 n = 0; n < count; ++n) {
    write32(memory_device, n);
    good &= read32(memory_device) == n + 1;
  }
  return good;
}

bool hypercalls(u64 count) {
  bool good = true;
  for (u64 n = 0; n < count; ++n) good &= hypercall(call_nothing) == 0;
  return good;
}

bool start_events() {
  set_handler(event_vector, on_event);
  if (shared) return true;
  shared = at<SharedPage>(allocate_page());
  return hypercall(call_set_shared_page, address_of(shared), event_vector) == 0;
}

void listen_to_line(u8 line) {
  set_handler(irq_base + line, end_of_line);
  start_pic(line);
}

bool own_events(u64 count) {
  if (!start_events()) return false;
  const i64 here = hypercall(call_event_allocate, this_guest);
  const i64 there = hypercall(call_event_bind, this_guest, static_cast<u64>(here));
  if (here < 0 || there < 0) return false;
  upcalls = 0;
  for (u64 n = 0; n < count; ++n) {
    const u64 before = upcalls;
    hypercall(call_event_send, static_cast<u64>(there));
    while (upcalls == before) wait_for_interrupt();
  }
  return upcalls == count;
}

}  // namespace tiny
