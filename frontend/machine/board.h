// Owns the board: the devices of the machine and the wires between them.
#pragma once

#include <array>
#include <memory>

#include "devices/acpi/acpi_pm.h"
#include "devices/apic/io_apic.h"
#include "devices/bus/wire.h"
#include "devices/dma_memory.h"
#include "devices/ferr/ferr_port.h"
#include "devices/dma/dma8237.h"
#include "devices/floppy/fdc82077.h"
#include "devices/fwcfg/fw_cfg.h"
#include "devices/hpet/hpet.h"
#include "devices/i8042/i8042.h"
#include "devices/pci/i440fx.h"
#include "devices/pci/pci_bus.h"
#include "devices/pic/pic8259.h"
#include "devices/rtc/cmos_rtc.h"
#include "devices/serial/uart16550.h"
#include "devices/vga/vga.h"
#include "frontend/machine/drives.h"
#include "frontend/machine/local_apics.h"
#include "frontend/machine/machine.h"

namespace ringside {

// The A20 gate of the memory, as a wire from the keyboard controller.
class A20Gate final : public IrqLine {
 public:
  explicit A20Gate(PhysicalMemory& memory) : memory_(memory) {}
  void set(bool open) override { memory_.set_a20(open); }

 private:
  PhysicalMemory& memory_;
};

class Board final : public HpetRouting, public DmaMemory, public ShadowSink {
 public:
  static constexpr unsigned isa_irqs = 16;

  // All chips are in the state of power-on.
  Board(const MachineConfig& config, PhysicalMemory& memory, Clock& clock, ResetControl& control,
        const std::vector<std::unique_ptr<Cpu>>& cpus, Drives& drives);
  // The last made goes first: chips know those that were there before them.
  ~Board() override;

  // In the order of their state.
  const std::vector<std::unique_ptr<Device>>& devices() const { return devices_; }
  // RESET# of all chips; the CPUs are the machine's to reset, afterwards.
  void reset(ResetKind kind);
  // INIT# of all CPUs, which take it at their next instruction boundaries; no chip notices.
  void init_cpus();
  void fields(Fields& visit);
  // After all fields were overwritten: nothing is driven, what follows from the fields is derived again.
  void restored();

  // The CPU whose local APIC answers at the APIC page now.
  void set_running(unsigned cpu) { local_apics_->set_running(cpu); }
  // Without firmware: RAM from C0000H to FFFFFH, as firmware opens it to copy itself there.
  void open_shadow();
  // The same, and all else that firmware would have left behind for a kernel.
  void prepare_direct_boot();
  // Something is wired so that EFLAGS.IF does not hold it back: NMI, SMI or INIT of a chip.
  bool unmaskable_sources() const;

  PortBus ports;
  std::array<SerialSink, Uart16550::com.size()> serial_out;
  SerialSink console_out;
  unsigned serial_ports() const { return static_cast<unsigned>(uarts_.size()); }
  Uart16550& serial(unsigned port) { return *uarts_.at(port); }
  LocalApic& local_apic(unsigned cpu) { return local_apics_->at(cpu); }
  IoApic& io_apic() { return *io_apic_; }
  I8042& keyboard_controller() { return *i8042_; }
  AcpiPm& power_management() { return *pm_; }
  const PicPair& pic() { return *pic_; }
  FwCfg& fw_cfg() { return *fw_cfg_; }
  const Vga* screen() const { return vga_; }  // nullptr: there is none
  NumericErrorPins& numeric_error_pins() { return *ferr_; }

 private:
  template <class Chip, class... Arguments>
  Chip& add(Arguments&&... arguments);
  void wire_interrupts();
  void add_pci(const MachineConfig& config, const Clock& clock, ResetControl& control);
  void add_drives(Clock& clock);
  void add_fw_cfg(const MachineConfig& config);
  void add_options(const MachineConfig& config, ResetControl& control);

  void set_gsi(unsigned gsi, bool level) override {
    if (gsi < IoApic::pin_count) hpet_gsis_[gsi]->set(level);
  }
  void set_legacy(unsigned irq, bool level) override { hpet_irqs_[irq]->set(level); }
  void legacy_replacement(bool on) override;
  void set_shadow(HostPhys start, u64 bytes, bool read_ram, bool write_ram) override;
  void send_message(HostPhys address, u32 data) override;
  bool dma_reaches(HostPhys first, u64 bytes);
  bool dma_read(HostPhys from, std::span<u8> to) override;
  bool dma_write(HostPhys to, std::span<const u8> from) override;
  IrqLine& isa(unsigned irq) { return irqs_[irq].driver(); }

  PhysicalMemory& memory_;
  u64 ram_bytes_;
  Drives& drives_;
  std::optional<BootRequest> firmware_;  // what firmware is to boot, if there is some
  // Chips drive an ISA wire, which leads to the PIC and to the I/O APIC's wire of its number (IRQ 0: 2).
  std::array<Wire, isa_irqs> irqs_;
  std::array<Wire, IoApic::pin_count> gsis_;
  std::array<Wire::Driver*, isa_irqs> hpet_irqs_{};
  std::array<Wire::Driver*, IoApic::pin_count> hpet_gsis_{};
  Wire::Driver* pit_line_ = nullptr;  // cut while the HPET replaces PIT and real-time clock
  Wire::Driver* rtc_line_ = nullptr;
  A20Gate a20_;

  // From the CPUs outwards: a reset goes the other way, so that no edge that it makes stays anywhere.
  std::vector<std::unique_ptr<Device>> devices_;
  LocalApics* local_apics_ = nullptr;
  IoApic* io_apic_ = nullptr;
  PicPair* pic_ = nullptr;
  AcpiPm* pm_ = nullptr;
  CmosRtc* rtc_ = nullptr;
  I8042* i8042_ = nullptr;
  std::vector<Uart16550*> uarts_;
  Dma8237* dma_ = nullptr;
  Fdc82077* floppy_ = nullptr;  // nullptr: no floppy drive, no controller
  FerrPort* ferr_ = nullptr;
  FwCfg* fw_cfg_ = nullptr;
  u16 acpi_tables_ = 0;  // their key in it; 0: none of the machine's own
  PciBus* pci_ = nullptr;
  PciFunction* ide_ = nullptr;  // nullptr: no drive, no controller
  Vga* vga_ = nullptr;
};

}  // namespace ringside
