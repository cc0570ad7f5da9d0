// Owns the behaviour of the ACPI fixed hardware.
#include "devices/acpi/acpi_pm.h"

#include "devices/bus/timer_fields.h"

namespace ringside {

AcpiPm::AcpiPm(Clock& clock, IrqLine& sci, MachineControl& control, TimerWidth width)
    : clock_(clock),
      sci_(sci),
      control_(control),
      width_(static_cast<u8>(width)),
      carry_(clock, "acpi.timer_carry", [this] { update(); }),
      smi_window_(*this, &AcpiPm::read_smi, &AcpiPm::write_smi) {}

void AcpiPm::places(Places& at) {
  if (first_) at.movable_ports({*first_, port_count, PortSpan::Width::any}, *this, "acpi pm");
  at.ports(smi_ports, smi_window_, "smi command");
  at.irq(sci_irq);
}

void AcpiPm::reset(ResetKind) {
  sts_ = en_ = cnt_ = gpe_sts_ = gpe_en_ = 0;
  apm_control_ = apm_status_ = 0;
  halves_ = timer_clocks() >> (width_ - 1);
  update();
}

void AcpiPm::press_power_button() {
  sts_ |= pwrbtn_sts;
  update();
}

void AcpiPm::raise_gpe(unsigned event) {
  if (event < 16) gpe_sts_ |= static_cast<u16>(1u << event);
  update();
}

void AcpiPm::catch_up() {
  const u64 halves = timer_clocks() >> (width_ - 1);
  if (halves != halves_) sts_ |= tmr_sts;
  halves_ = halves;
}

void AcpiPm::update() {
  catch_up();
  sci_.set((cnt_ & sci_en) && ((sts_ & en_) || (gpe_sts_ & gpe_en_)));
  if ((en_ & tmr_sts) && !(sts_ & tmr_sts)) {
    carry_.arm(clock_.ticks_of((halves_ + 1) << (width_ - 1), timer_hz));
  } else {
    carry_.disarm();
  }
}

u8 AcpiPm::read_byte(unsigned offset, u32 timer) const {
  const auto half = [&](u16 value) { return static_cast<u8>(offset & 1 ? value >> 8 : value); };
  switch (offset & ~1u) {
    case 0x0: return half(sts_);
    case 0x2: return half(en_);
    case 0x4: return half(cnt_);
    case 0x8: return half(static_cast<u16>(timer));
    case 0xa: return half(static_cast<u16>(timer >> 16));
    case 0xc: return half(gpe_sts_);
    case 0xe: return half(gpe_en_);
    default: return 0;
  }
}

u32 AcpiPm::io_read(u16 offset, unsigned size) {
  catch_up();
  const u32 timer = static_cast<u32>(timer_clocks() & bit_range(0, width_ - 1u));
  u32 value = 0;
  for (unsigned i = 0; i < size; ++i) value |= u32{read_byte(offset + i, timer)} << (8 * i);
  return value;
}

void AcpiPm::write_byte(unsigned offset, u8 value) {
  const unsigned shift = (offset & 1) * 8;
  const u16 bits = static_cast<u16>(value << shift);
  const u16 keep = static_cast<u16>(~(0xff << shift));
  switch (offset & ~1u) {
    case 0x0: sts_ &= static_cast<u16>(~bits); break;
    case 0x2: en_ = static_cast<u16>(((en_ & keep) | bits) & en_bits); break;
    case 0x4: cnt_ = static_cast<u16>((cnt_ & keep) | bits); break;
    case 0xc: gpe_sts_ &= static_cast<u16>(~bits); break;
    case 0xe: gpe_en_ = static_cast<u16>((gpe_en_ & keep) | bits); break;
    default: break;  // the timer cannot be set
  }
}

void AcpiPm::io_write(u16 offset, unsigned size, u32 value) {
  catch_up();
  for (unsigned i = 0; i < size; ++i) write_byte(offset + i, static_cast<u8>(value >> (8 * i)));
  const bool sleep = (cnt_ & slp_en) != 0;
  cnt_ &= sci_en | 0x0002 | slp_typ;  // SLP_EN and GBL_RLS read as zero
  update();
  if (sleep && (cnt_ & slp_typ) >> 10 == s5_sleep_type) control_.power_off();
}

u32 AcpiPm::read_smi(u16 offset, unsigned) { return (offset & 1) ? apm_status_ : apm_control_; }

void AcpiPm::write_smi(u16 offset, unsigned, u32 value) {
  if (offset & 1) {
    apm_status_ = static_cast<u8>(value);
    return;
  }
  apm_control_ = static_cast<u8>(value);
  if (apm_control_ == acpi_enable) cnt_ |= sci_en;
  if (apm_control_ == acpi_disable) cnt_ &= static_cast<u16>(~sci_en);
  update();
}

void AcpiPm::fields(Fields& fields) {
  fields.group("acpi_pm");
  fields("pm1_sts", sts_);
  fields("pm1_en", en_);
  fields("pm1_cnt", cnt_);
  fields("gpe0_sts", gpe_sts_);
  fields("gpe0_en", gpe_en_);
  fields("apm_control", apm_control_);
  fields("apm_status", apm_status_);
  fields("timer_halves", halves_);
  timer_fields(fields, carry_);
  fields.end();
}

}  // namespace ringside
