// Owns the PC's way of reporting x87 errors: FERR# becomes IRQ 13, and a write to port 0xf0 takes it back.
#pragma once

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"
#include "devices/bus/numeric_error_pins.h"
#include "devices/port_window.h"

namespace ringside {

// The CPU drives FERR#; it reads IGNNE# before it stops at an x87 instruction. With CR0.NE set, neither
// plays. Data sheet: Intel 82371AB (PIIX4), "Coprocessor Error Register".
class FerrPort final : public Device, public PortDevice, public NumericErrorPins {
 public:
  static constexpr PortSpan ports{0xf0, 2};
  static constexpr unsigned irq = 13;

  explicit FerrPort(IrqLine& irq13) : irq13_(irq13) {}
  FerrPort(const FerrPort&) = delete;
  FerrPort& operator=(const FerrPort&) = delete;

  void set_ferr(bool asserted) override {
    if (asserted && !asserted_) {
      irq_ = true;
      irq13_.set(true);
    }
    if (!asserted) ignne_ = false;
    asserted_ = asserted;
  }
  bool ignne() const override { return ignne_; }

  u32 io_read(u16, unsigned) override { return 0xff; }
  void io_write(u16, unsigned, u32) override {
    irq_ = false;
    ignne_ = asserted_;  // until the CPU takes FERR# back
    irq13_.set(false);
  }

  Description describe() const override { return {"FERR#", "x87 errors the old way"}; }
  void places(Places& at) override {
    at.ports(ports, *this, "ferr");
    at.irq(irq);
  }
  void reset(ResetKind) override {
    asserted_ = irq_ = ignne_ = false;
    irq13_.set(false);
  }
  void fields(Fields& fields) override {
    fields.group("ferr");
    fields("asserted", asserted_);
    fields("irq", irq_);
    fields("ignne", ignne_);
    fields.end();
  }

 private:
  IrqLine& irq13_;
  bool asserted_ = false, irq_ = false, ignne_ = false;
};

}  // namespace ringside
