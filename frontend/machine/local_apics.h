// Owns the local APICs of the CPUs, their common bus, and the page at which each CPU meets its own.
#pragma once

#include <memory>
#include <vector>

#include "devices/apic/local_apic.h"
#include "devices/bus/device.h"
#include "frontend/machine/machine.h"

namespace ringside {

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

class LocalApics final : public Device {
 public:
  LocalApics(const CpuModel& model, PhysicalMemory& memory, Clock& clock,
             const std::vector<std::unique_ptr<Cpu>>& cpus);

  // The CPU whose local APIC answers at the APIC page now.
  void set_running(unsigned cpu) { running_ = cpu; }
  LocalApic& at(unsigned cpu) { return *apics_[cpu]; }
  ApicBus& bus() { return bus_; }
  // INIT# of every CPU.
  void init();
  // LINT0 of some CPU is NMI, SMI or INIT.
  bool unmaskable_source() const;
  void on_pic_acknowledge(const std::function<u8()>& acknowledge);

  Description describe() const override {
    return {"local APIC", "xAPIC and x2APIC, every timer mode; one for each CPU"};
  }
  void places(Places& at) override;
  void reset(ResetKind kind) override;
  void fields(Fields& visit) override;
  void restored() override;

 private:
  class Page final : public MmioDevice {
   public:
    Page(LocalApics& owner, HostPhys at) : base(at), owner_(owner) {}
    u64 mmio_read(u64 offset, unsigned size) override;
    void mmio_write(u64 offset, unsigned size, u64 value) override;
    HostPhys base;

   private:
    LocalApics& owner_;
  };

  void place_pages();

  PhysicalMemory& memory_;
  unsigned running_ = 0;
  ApicBus bus_;
  std::vector<std::unique_ptr<CpuPins>> pins_;
  std::vector<std::unique_ptr<LocalApic>> apics_;
  std::vector<std::unique_ptr<Page>> pages_;
};

}  // namespace ringside
