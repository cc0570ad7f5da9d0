// Owns the PC's way of reporting x87 errors: FERR# becomes IRQ 13, and a write to port 0xf0 takes it back.
#pragma once

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"
#include "devices/ports_of.h"

namespace ringside {

// The CPU drives `ferr()`; it reads `ignne()` before it stops at an x87 instruction. With CR0.NE set, neither
// plays. Data sheet: Intel 82371AB (PIIX4), "Coprocessor Error Register".
class FerrPort final : public PortDevice {
 public:
  static constexpr PortSpan ports{0xf0, 2};
  static constexpr unsigned irq = 13;

  explicit FerrPort(IrqLine& irq13) : irq13_(irq13) { ferr_.port = this; }
  FerrPort(const FerrPort&) = delete;
  FerrPort& operator=(const FerrPort&) = delete;

  IrqLine& ferr() { return ferr_; }
  bool ignne() const { return ignne_; }

  u32 io_read(u16, unsigned) override { return 0xff; }
  void io_write(u16, unsigned, u32) override {
    irq_ = false;
    ignne_ = asserted_;  // until the CPU takes FERR# back
    irq13_.set(false);
  }

  void reset() {
    asserted_ = irq_ = ignne_ = false;
    irq13_.set(false);
  }
  void fields(Fields& fields) {
    fields.group("ferr");
    fields("asserted", asserted_);
    fields("irq", irq_);
    fields("ignne", ignne_);
    fields.end();
  }
  void restored() { irq13_.set(irq_); }

 private:
  struct Wire final : IrqLine {
    FerrPort* port = nullptr;
    void set(bool level) override { port->set_ferr(level); }
  };

  void set_ferr(bool level) {
    if (level && !asserted_) {
      irq_ = true;
      irq13_.set(true);
    }
    if (!level) ignne_ = false;
    asserted_ = level;
  }

  IrqLine& irq13_;
  Wire ferr_;
  bool asserted_ = false, irq_ = false, ignne_ = false;
};

}  // namespace ringside
