// Owns the I/O APIC: 24 pins, the redirection table, remote IRR and the EOI register (82093AA, version 0x20
// as in later chipsets).
#pragma once

#include <array>

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"
#include "devices/apic/apic_bus.h"
#include "devices/bus/device.h"

namespace ringside {

class IoApic final : public Device, public MmioDevice, public EoiListener {
 public:
  static constexpr unsigned pin_count = 24;
  static constexpr u64 default_address = 0xfec00000;

  explicit IoApic(ApicBus& bus);
  ~IoApic() override;
  IoApic(const IoApic&) = delete;
  IoApic& operator=(const IoApic&) = delete;

  Description describe() const override { return {"I/O APIC", "24 inputs"}; }
  void places(Places& at) override { at.memory(HostPhys(default_address), page_bytes, *this, "ioapic"); }
  // Pins keep their levels: they are wires.
  void reset(ResetKind kind) override;

  // number: 0..23. The level is the request's: true asks for service. The entry's polarity bit is kept but
  // turns nothing round, because a line here carries "asserted", not volts.
  IrqLine& pin(unsigned number) { return pins_[number]; }
  void set(unsigned number, bool level);

  // IOREGSEL at 0x00, IOWIN at 0x10, EOI at 0x40. IOREGSEL takes any width; the window and EOI want aligned
  // accesses of at least 32 bits for writing; narrower reads see their part.
  u64 mmio_read(u64 offset, unsigned size) override;
  void mmio_write(u64 offset, unsigned size, u64 value) override;

  // From a local APIC's broadcast or from the EOI register.
  void eoi(u8 vector) override;

  u64 entry(unsigned number) const { return entries_[number]; }  // for dumps
  bool asserted(unsigned number) const { return levels_ >> number & 1; }
  u32 peek(u8 index) const;  // an indirect register, without side effects

  void fields(Fields& fields) override;

 private:
  class Pin final : public IrqLine {
   public:
    void set(bool level) override { owner->set(number, level); }
    IoApic* owner = nullptr;
    unsigned number = 0;
  };

  void write_register(u8 index, u32 value);
  void service_level(unsigned number);
  bool send(u64 entry);

  ApicBus& bus_;
  std::array<Pin, pin_count> pins_;
  u8 select_ = 0;
  u32 id_ = 0;
  std::array<u64, pin_count> entries_{};
  u32 levels_ = 0;  // bit n: pin n is asserted
};

}  // namespace ringside
