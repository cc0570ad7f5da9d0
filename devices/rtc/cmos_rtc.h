// Owns the real-time clock of a PC: an MC146818 with its battery-backed RAM, and the NMI mask beside its
// index.
#pragma once

#include <array>

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"
#include "devices/port_window.h"

namespace ringside {

// The date starts at a given second and goes on in virtual time. The registers hold the date as bytes, as the
// chip does: changing between BCD and binary, or 12 and 24 hours, converts nothing. Daylight saving is not
// kept. The clock costs no events of its own: a timer runs only while one of its interrupts is enabled. Data
// sheet: Motorola MC146818A; the PC's uses of the RAM are those of the AT's BIOS.
class CmosRtc final : public Device, public PortDevice {
 public:
  static constexpr PortSpan ports{0x70, 2};
  static constexpr unsigned irq = 8;
  static constexpr u64 crystal_hz = 32'768;
  static constexpr u8 century_register = 0x32;         // for the FADT; BCD
  static constexpr s64 default_start = 1'767'225'600;  // 2026-01-01 00:00:00 UTC

  // `seconds_since_1970`: the date at power-on; years 1970..2199 (others are clamped).
  CmosRtc(Clock& clock, IrqLine& irq8, s64 seconds_since_1970 = default_start);

  u32 io_read(u16 offset, unsigned size) override;
  void io_write(u16 offset, unsigned size, u32 value) override;

  bool nmi_masked() const { return (index_ & 0x80) != 0; }

  // The RAM, for the machine to fill in: registers 0x0e..0x7f. The date's own registers cannot be set so.
  void set_ram(u8 index, u8 value);
  u8 ram(u8 index) const { return index < registers_.size() ? registers_[index] : 0xff; }
  // Bytes of RAM below and above 4 GiB, in all the places where firmware looks for them.
  void set_memory_size(u64 below_4g, u64 above_4g);
  // Sum of 0x10..0x2d into 0x2e/0x2f, as the AT's BIOS checks it.
  void set_checksum();

  Description describe() const override { return {"MC146818", "real-time clock and CMOS memory"}; }
  void places(Places& at) override {
    at.ports(ports, *this, "rtc");
    at.irq(irq);
  }
  // Power-on: the date that the host gave, RAM of zeros. The RESET pin leaves date, RAM and divider alone.
  void reset(ResetKind kind) override;
  void fields(Fields& fields) override;

 private:
  enum Register : u8 {
    seconds,
    seconds_alarm,
    minutes,
    minutes_alarm,
    hours,
    hours_alarm,
    weekday,
    day,
    month,
    year,
    a,
    b,
    c,
    d
  };
  struct B {
    enum : u8 { dse = 1, h24 = 2, binary = 4, sqwe = 8, uie = 0x10, aie = 0x20, pie = 0x40, set = 0x80 };
  };
  struct C {
    enum : u8 { uf = 0x10, af = 0x20, pf = 0x40, irqf = 0x80 };
  };

  u64 crystal() const { return clock_.periods_in(clock_.now(), crystal_hz); }
  bool divider_runs() const { return (registers_[a] & 0x70) <= 0x20; }
  bool updates() const { return divider_runs() && !(registers_[b] & B::set); }
  u64 rate_period() const;  // crystal clocks between periodic interrupts; 0: none
  bool update_in_progress() const;

  u8 decode(u8 raw) const;
  u8 encode(u8 value) const;
  u8 next_hour(u8 raw, bool& carry) const;
  unsigned days_in_month() const;
  void next_second();
  void next_day();
  bool alarm_matches() const;
  void fill_registers();
  void start_date(s64 seconds_since_1970);

  void catch_up();
  void update();  // after a change: the interrupt line and the timer

  Clock& clock_;
  IrqLine& irq8_;
  s64 first_second_;
  Timer timer_;
  std::array<u8, 128> registers_{};
  u8 index_ = 0;
  u64 divider_start_ = 0;  // crystal clock at which a second began
  u64 seen_ = 0;           // crystal clock of the last look
};

}  // namespace ringside
