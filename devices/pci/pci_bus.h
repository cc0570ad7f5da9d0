// Owns PCI bus 0: which function sits where, configuration mechanism #1, and where the interrupt pins lead.
#pragma once

#include <array>
#include <deque>

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"
#include "devices/pci/pci_function.h"
#include "devices/port_window.h"

namespace ringside {

// The four interrupt wires of the board; the ISA bridge leads them to IRQs.
class PirqSink {
 public:
  virtual ~PirqSink() = default;
  virtual void set_pirq(unsigned pirq, bool level) = 0;  // 0..3: PIRQA#..PIRQD#
};

// INTx# of device d is wired to PIRQ (x + d - 1) mod 4, as on Intel's 440FX boards.
// CONFIG_ADDRESS takes 32-bit accesses only; CONFIG_DATA any that stays inside the register.
// Source: PCI Local Bus Specification, "Software Generation of Configuration Transactions".
class PciBus final : public Device, public PortDevice {
 public:
  static constexpr PortSpan ports{0xcf8, 8, PortSpan::Width::any};

  PciBus() = default;
  PciBus(const PciBus&) = delete;
  PciBus& operator=(const PciBus&) = delete;

  // device 0..31, function 0..7. False: the place is taken or there is none. The function must outlive the
  // bus.
  bool attach_function(unsigned device, unsigned function, PciFunction& what);
  void set_pirq_sink(PirqSink* sink) { sink_ = sink; }
  static constexpr unsigned pirq_of(unsigned device, unsigned pin) {
    return (pin + device - 2) & 3;
  }  // pin 1..4

  u32 io_read(u16 offset, unsigned size) override;
  void io_write(u16 offset, unsigned size, u32 value) override;

  // As through the ports; all ones where nobody is. offset is a register's byte, size 1, 2 or 4 inside 32
  // bits.
  u32 config_read(u8 bus, u8 device, u8 function, u8 offset, unsigned size) const;
  void config_write(u8 bus, u8 device, u8 function, u8 offset, unsigned size, u32 value);
  PciFunction* function_at(u8 bus, u8 device, u8 function) const;

  Description describe() const override { return {"PCI", "configuration mechanism #1"}; }
  void places(Places& at) override { at.ports(ports, *this, "pci"); }
  // The functions are devices of their own.
  void reset(ResetKind) override { address_ = 0; }
  void fields(Fields& fields) override;

 private:
  struct Pin final : IrqLine {
    PciBus* bus = nullptr;
    PciFunction* function = nullptr;
    u8 pirq = 0;
    bool level = false;
    void set(bool now) override;
  };

  void update_pirq(unsigned pirq);
  std::array<std::array<PciFunction*, 8>, 32> functions_{};
  std::deque<Pin> pins_;
  PirqSink* sink_ = nullptr;
  u32 address_ = 0;
};

}  // namespace ringside
