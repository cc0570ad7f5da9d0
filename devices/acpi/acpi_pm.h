// Owns the ACPI fixed hardware: PM1a event and control blocks, PM timer, GPE0 block, the SMI command port.
#pragma once

#include <optional>

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"
#include "devices/port_window.h"

namespace ringside {

// There is no system-management mode behind the SMI command port: writing `acpi_enable` sets SCI_EN by
// itself, as the firmware's handler would. The blocks begin at `base` until firmware gives them another
// place by the PIIX4's power-management function, which maps them. Sleep types other than S5's are not there
// and do nothing. Source: ACPI Specification, "ACPI Hardware Specification", "Fixed Hardware Registers".
class AcpiPm final : public Device, public PortDevice {
 public:
  static constexpr u16 base = 0x600;
  static constexpr u16 port_count = 0x10;
  static constexpr PortSpan smi_ports{0xb2, 2};
  // For the FADT and the DSDT: where the blocks begin while they are at `base`.
  static constexpr u16 pm1a_evt_blk = base + 0x0, pm1_evt_len = 4;
  static constexpr u16 pm1a_cnt_blk = base + 0x4, pm1_cnt_len = 2;
  static constexpr u16 pm_tmr_blk = base + 0x8, pm_tmr_len = 4;
  static constexpr u16 gpe0_blk = base + 0xc, gpe0_blk_len = 4;
  static constexpr u16 smi_cmd = 0xb2;
  static constexpr u8 acpi_enable = 0xf1, acpi_disable = 0xf0;
  static constexpr u8 s5_sleep_type = 0;  // SLP_TYPa of \_S5
  static constexpr unsigned sci_irq = 9;  // level-triggered
  static constexpr u64 timer_hz = 3'579'545;

  enum class TimerWidth : u8 { bits_24 = 24, bits_32 = 32 };  // 32: the FADT says TMR_VAL_EXT

  AcpiPm(Clock& clock, IrqLine& sci, MachineControl& control, TimerWidth width = TimerWidth::bits_32);

  u32 io_read(u16 offset, unsigned size) override;
  void io_write(u16 offset, unsigned size, u32 value) override;

  void press_power_button();
  void raise_gpe(unsigned event);  // 0..15: sets its status bit
  // Where the blocks begin now; nullopt: nowhere.
  void placed_at(std::optional<u16> first) { first_ = first; }
  bool acpi_mode() const { return (cnt_ & sci_en) != 0; }

  Description describe() const override {
    return {"ACPI PM", "PM1a event and control, PM timer, GPE0, power-off (S5)"};
  }
  void places(Places& at) override;
  void reset(ResetKind kind) override;
  void fields(Fields& fields) override;

 private:
  static constexpr u16 tmr_sts = 0x0001, pwrbtn_sts = 0x0100;
  static constexpr u16 en_bits = 0x0721;
  static constexpr u16 sci_en = 0x0001, slp_typ = 0x1c00, slp_en = 0x2000;

  u64 timer_clocks() const { return clock_.periods_in(clock_.now(), timer_hz); }
  void catch_up();
  void update();
  u8 read_byte(unsigned offset, u32 timer) const;
  void write_byte(unsigned offset, u8 value);
  u32 read_smi(u16 offset, unsigned size);
  void write_smi(u16 offset, unsigned size, u32 value);

  Clock& clock_;
  IrqLine& sci_;
  MachineControl& control_;
  u8 width_;
  std::optional<u16> first_ = base;  // follows from the function's registers
  Timer carry_;                      // the timer's top bit changes: TMR_STS
  u16 sts_ = 0, en_ = 0, cnt_ = 0, gpe_sts_ = 0, gpe_en_ = 0;
  u8 apm_control_ = 0, apm_status_ = 0;
  u64 halves_ = 0;  // how often the timer's top bit had changed at the last look
  PortWindow<AcpiPm> smi_window_;
};

}  // namespace ringside
