// Owns the local APIC of a domain that has one: the registers in memory, interrupts that the guest sends to
// itself, and the timer. The manual's "Advanced Programmable Interrupt Controller (APIC)", in xAPIC mode.
//
// It is the only one of its domain, so that what is sent to others goes nowhere; what the two 8259 send
// passes it by.
#pragma once

#include "roms/kit/types.h"

namespace loft {

using namespace kit;

class LocalApic {
 public:
  static constexpr u64 address = 0xfee00000;             // guest-physical: its page
  static constexpr u64 timer_frequency = 1'000'000'000;  // per second, before it is divided

  // Registers of 32 bits at an offset in the page; `time` is now(), in nanoseconds.
  u32 read(u64 offset, u64 time) const;
  void write(u64 offset, u32 value, u64 time);

  // A vector waits, and is of a higher priority than what is in service.
  bool interrupts() const { return enabled() && something_interrupts(); }
  // That vector, which is in service from now on.
  u8 acknowledge();

  // When the timer interrupts next; ~0: never. And the alarm itself, which is due.
  u64 next_alarm() const { return alarm_ == ~0ul || masked() ? ~0ul : alarm_; }
  void ring(u64 time);

 private:
  // "APIC software enable" in the spurious-interrupt vector register. Without it all others are asked
  // nothing.
  bool enabled() const { return registers_[0x0f] & 1 << 8; }
  bool something_interrupts() const;
  bool masked() const;
  u64 nanoseconds(u32 counts) const;
  void count_on(u64 time);
  void request(u32 vector);
  void send(u32 command);

  u32 registers_[64] = {};  // each 16 bytes from the next
  u64 alarm_ = ~0ul;
};

}  // namespace loft
