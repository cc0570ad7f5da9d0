// Owns the high-precision event timers: a main counter and three comparators.
#pragma once

#include <array>

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"
#include "devices/bus/device.h"

namespace ringside {

// Where the interrupts go; the machine's wiring.
class HpetRouting {
 public:
  virtual ~HpetRouting() = default;
  virtual void set_gsi(unsigned gsi, bool level) = 0;  // an input of the I/O APIC
  // The lines of the PIT (irq 0) and of the real-time clock (irq 8), while legacy replacement is on.
  virtual void set_legacy(unsigned irq, bool level) = 0;
  // On: the PIT and the real-time clock are cut off from their lines.
  virtual void legacy_replacement(bool on) = 0;
  // A comparator's interrupt message: a 32-bit write.
  virtual void send_message(HostPhys address, u32 data) = 0;
};

// All comparators are 64 bits wide, can be periodic, and can send messages (FSB) in place of moving a line; a
// message is sent at each match, level-triggered or not. An edge-triggered
// interrupt is a rising edge: the line falls just before it and then stays high. 100 MHz, so that the period
// is a whole number of femtoseconds and of most clocks' ticks. Writes must be whole, aligned 32- or 64-bit
// ones, as the specification demands; others are ignored. Source: IA-PC HPET Specification 1.0a, "Register
// Overview".
class Hpet final : public Device, public MmioDevice {
 public:
  static constexpr HostPhys base{0xfed00000};
  static constexpr u64 bytes = 0x400;
  static constexpr unsigned timers = 3;
  static constexpr u64 hertz = 100'000'000;
  static constexpr u64 period_femtoseconds = 1'000'000'000'000'000 / hertz;
  static constexpr u32 vendor = 0x8086;
  static constexpr u32 allowed_gsis = 0x00f00104;  // 2, 8 and 20..23

  Hpet(Clock& clock, HpetRouting& routing);

  u64 mmio_read(u64 offset, unsigned size) override;
  void mmio_write(u64 offset, unsigned size, u64 value) override;
  static constexpr u32 block_id() { return static_cast<u32>(capabilities()); }  // for the ACPI table

  Description describe() const override { return {"HPET", "high-precision event timer"}; }
  void places(Places& at) override { at.memory(base, bytes, *this, "hpet"); }
  void reset(ResetKind kind) override;
  void fields(Fields& fields) override;

 private:
  struct Config {
    enum : u8 { enable = 1, legacy = 2 };
  };
  struct Tn {
    enum : u32 {
      level = 0x2,
      enable = 0x4,
      periodic = 0x8,
      set_value = 0x40,
      mode32 = 0x100,
      route = 0x3e00,
      fsb = 0x4000,
      writable = 0x7f4e,
      fixed = 0x8030
    };
  };

  struct Comparator {
    u32 config = Tn::fixed;
    u64 value = ~u64{0};
    u64 period = 0;
    u64 message = 0;    // the FSB route: address in the high half, data in the low one
    bool line = false;  // what the routing was told last
    unsigned gsi() const { return (config >> 9) & 31; }
    u64 mask() const { return (config & Tn::mode32) ? 0xffffffff : ~u64{0}; }
  };

  static constexpr u64 capabilities() {
    return period_femtoseconds << 32 | u64{vendor} << 16 | 0xa000 | (timers - 1) << 8 | 0x01;
  }
  bool enabled() const { return (config_ & Config::enable) != 0; }
  u64 counter() const;
  u64 read_register(u64 offset);
  void write_register(u64 offset, unsigned size, u64 value);
  void write_config(u64 value);
  void write_timer_config(unsigned index, u64 value);
  void write_comparator(unsigned index, u64 value, u64 mask);
  void catch_up();
  void schedule();
  void drive(unsigned index, bool level);
  void pulse(unsigned index);
  void update_level(unsigned index);

  Clock& clock_;
  HpetRouting& routing_;
  Timer alarm_;
  u64 config_ = 0, status_ = 0;
  u64 stopped_at_ = 0;  // the counter while it stands; while it runs, its value at `started_`
  u64 started_ = 0;     // in periods of `hertz` since tick 0
  u64 seen_ = 0;        // the counter at the last look
  std::array<Comparator, timers> comparators_;
};

}  // namespace ringside
