// Owns the south bridge: the PIIX3's ISA bridge, which routes PCI interrupts, and the PIIX4's
// power-management function, by which systems find the ACPI ports.
#pragma once

#include <array>
#include <functional>

#include "devices/acpi/acpi_pm.h"
#include "devices/pci/pci_bus.h"
#include "devices/pci/pci_function.h"

namespace ringside {

// Registers 0x60..0x63 lead PIRQA#..PIRQD# to an ISA IRQ (3-7, 9-12, 14, 15), or nowhere. Several may share
// one. Data sheet: Intel 82371SB (PIIX3).
class Piix3Isa final : public PciFunction, public PirqSink {
 public:
  static constexpr unsigned device = 1, function = 0;
  static constexpr u16 routable_irqs = 0xdef8;

  // lines[n]: ISA IRQ n as the PCI interrupts drive it (beside others: see IrqOr); null: not wired.
  explicit Piix3Isa(std::array<IrqLine*, 16> lines);

  void set_pirq(unsigned pirq, bool level) override;

  Description describe() const override { return {"PIIX3", "ISA bridge"}; }
  void places(Places& at) override { at.pci(device, function, *this); }
  void fields(Fields& fields) override;

 private:
  void config_written(u8 first, u8 last) override;
  void update();
  std::array<IrqLine*, 16> lines_;
  u8 pirqs_ = 0;    // levels of the four wires
  u16 driven_ = 0;  // ISA IRQs that are held high
};

// Puts AcpiPm's ports where its registers say. Until firmware gives them a place they begin at AcpiPm::base,
// so that a ROM of one's own can power the machine off without a word about PCI. No SMBus.
// Data sheet: Intel 82371AB (PIIX4), "Power Management PCI Configuration Registers".
class Piix4Pm final : public PciFunction {
 public:
  static constexpr unsigned device = 1, function = 3;

  // `moved` is told where the ports begin after each change, also after a restore; nullopt: nowhere.
  using Moved = std::function<void(std::optional<u16> first)>;
  Piix4Pm(AcpiPm& pm, PortBus& ports, Moved moved = {});

  // What firmware writes: PMBA, which holds the first port and a 1, and the bit of PMREGMISC that decodes it.
  static constexpr u8 pm_base = 0x40, pm_miscellaneous = 0x80, pm_ports_on = 0x01;

  Description describe() const override { return {"PIIX4 PM", "power management function"}; }
  void places(Places& at) override { at.pci(device, function, *this); }

 private:
  void config_written(u8 first, u8 last) override;
  AcpiPm& pm_;
  PortBus& ports_;
  Moved moved_;
};

}  // namespace ringside
