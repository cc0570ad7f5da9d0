// Owns the board: the chips of the machine and the wires between them.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <set>

#include "devices/acpi/acpi_pm.h"
#include "devices/acpi/reset_port.h"
#include "devices/apic/apic_bus.h"
#include "devices/apic/io_apic.h"
#include "devices/apic/local_apic.h"
#include "devices/debug/debug_console.h"
#include "devices/debug/debug_exit.h"
#include "devices/debug/post_port.h"
#include "devices/dma/dma8237.h"
#include "devices/dma_memory.h"
#include "devices/ferr/ferr_port.h"
#include "devices/fwcfg/fw_cfg.h"
#include "devices/hpet/hpet.h"
#include "devices/i8042/i8042.h"
#include "devices/irq_or.h"
#include "devices/pci/i440fx.h"
#include "devices/pci/pci_bus.h"
#include "devices/pci/piix.h"
#include "devices/pic/pic8259.h"
#include "devices/pit/pit8254.h"
#include "devices/rtc/cmos_rtc.h"
#include "devices/serial/uart16550.h"
#include "devices/testdev/pc_testdev.h"
#include "frontend/machine/machine.h"

namespace ringside {

// A wire to any number of inputs, which can be cut.
class Wire final : public IrqLine {
 public:
  void to(IrqLine& end) { ends_.push_back(&end); }
  void set(bool level) override;
  void connect(bool connected);
  bool level() const { return level_; }

 private:
  std::vector<IrqLine*> ends_;
  bool level_ = false, connected_ = true;
};

class CallLine final : public IrqLine {
 public:
  explicit CallLine(std::function<void(bool)> call) : call_(std::move(call)) {}
  void set(bool level) override { call_(level); }

 private:
  std::function<void(bool)> call_;
};

class CallSink final : public SerialSink {
 public:
  std::function<void(u8)> call;
  void output(u8 byte) override {
    if (call) call(byte);
  }
};

// What a local APIC tells its CPU.
class CpuPins final : public CpuSignals {
 public:
  explicit CpuPins(Cpu& cpu) : cpu_(cpu) {}
  void interrupts_changed() override { cpu_.attention |= Attention::interrupt; }
  void nmi() override;
  void smi() override {}  // there is no system-management mode: an SMI is lost, as with SMM locked out
  void init() override;
  void start_up(u8 vector) override;

 private:
  Cpu& cpu_;
};

class Board final : public HpetRouting, public DmaMemory {
 public:
  static constexpr unsigned isa_irqs = 16;

  Board(const MachineConfig& config, PhysicalMemory& memory, Clock& clock, MachineControl& control,
        const std::vector<std::unique_ptr<Cpu>>& cpus);

  // The CPU whose local APIC answers at the APIC page now.
  void set_running(unsigned cpu) { running_ = cpu; }
  // A machine without firmware: what firmware would have left behind.
  void prepare_direct_boot();

  void fields(Fields& visit);
  void restored();

  PortBus ports;
  CallSink serial_out, console_out;
  Uart16550& serial() { return *uart_; }
  I8042& keyboard_controller() { return *i8042_; }
  AcpiPm& power_management() { return *pm_; }
  LocalApic& local_apic(unsigned cpu) { return *apics_[cpu]; }
  IoApic& io_apic() { return io_apic_; }
  const PicPair& pic() { return *pic_; }

  // Something is wired so that EFLAGS.IF does not hold it back: NMI, SMI or INIT of a chip.
  bool unmaskable_sources() const;

 private:
  // The page of the local APICs: each CPU meets its own.
  class ApicPage final : public MmioDevice {
   public:
    ApicPage(Board& board, HostPhys base) : base(base), board_(board) {}
    u64 mmio_read(u64 offset, unsigned size) override;
    void mmio_write(u64 offset, unsigned size, u64 value) override;
    HostPhys base;

   private:
    Board& board_;
  };

  void set_gsi(unsigned gsi, bool level) override { gsi_or_[gsi]->set(level); }
  void set_legacy(unsigned irq, bool level) override { irq_inputs_hpet_[irq]->set(level); }
  void legacy_replacement(bool on) override;
  bool dma_read(HostPhys from, std::span<u8> to) override;
  bool dma_write(HostPhys to, std::span<const u8> from) override;
  void place_apic_pages();
  IrqLine& isa(unsigned irq) { return irq_or_[irq]->input(); }

  PhysicalMemory& memory_;
  unsigned running_ = 0;
  ApicBus apic_bus_;
  std::vector<std::unique_ptr<CpuPins>> pins_;
  std::vector<std::unique_ptr<LocalApic>> apics_;
  std::vector<std::unique_ptr<ApicPage>> apic_pages_;
  IoApic io_apic_{apic_bus_};
  std::unique_ptr<PicPair> pic_;
  std::array<Wire, isa_irqs> irq_wires_;                 // to the PIC and the I/O APIC
  std::array<std::unique_ptr<IrqOr>, isa_irqs> irq_or_;  // chips that share an ISA interrupt
  std::array<std::unique_ptr<IrqOr>, IoApic::pin_count> gsi_sources_;
  std::array<IrqLine*, IoApic::pin_count> gsi_or_{};  // the HPET's inputs
  std::array<IrqLine*, isa_irqs> irq_inputs_hpet_{};
  Wire pit_wire_, rtc_wire_;
  CallLine a20_line_;
  std::unique_ptr<Pit8254> pit_;
  std::unique_ptr<CmosRtc> rtc_;
  std::unique_ptr<I8042> i8042_;
  std::unique_ptr<AcpiPm> pm_;
  std::unique_ptr<ResetPort> reset_port_;
  std::unique_ptr<Hpet> hpet_;
  std::unique_ptr<Uart16550> uart_;
  std::unique_ptr<DebugConsole> console_;
  std::unique_ptr<DebugExit> debug_exit_;
  PostPort post_;
  Dma8237 dma_;
  std::unique_ptr<FerrPort> ferr_;
  PciBus pci_;
  I440fx host_bridge_;
  std::unique_ptr<Piix3Isa> isa_bridge_;
  Piix4Pm pci_pm_;
  FwCfg fw_cfg_{*this};
  std::unique_ptr<PcTestdev> testdev_;
};

}  // namespace ringside
