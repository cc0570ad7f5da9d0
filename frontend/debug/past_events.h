// Owns what happens to one CPU between its instructions while the past is run through: heard again, in order.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cpu/state/observer.h"
#include "frontend/machine/machine.h"
#include "vmx/vmx.h"

namespace ringside {

struct PastEvent {
  enum class Kind : u8 { exception, interrupt, vm_entry, vm_exit, reset, port_access } kind = Kind::exception;
  u8 vector = 0;    // of an exception or interrupt
  u64 region = 0;   // of a VM entry or VM exit: the VMCS
  ExitInfo exit{};  // of a VM exit
  u16 port = 0;
  std::string text() const;  // "delivery of #PF", "VM exit, reason 12: HLT"
};

// Listens as long as it lives; it stops nothing.
class PastEvents final : public CpuObserver, public VmxObserver {
 public:
  explicit PastEvents(Cpu& cpu);

  // Called before each instruction of the CPU, where the run asks observers before each.
  void on_instruction(std::function<void(Cpu&, HostPhys)> told) { told_ = std::move(told); }
  std::vector<PastEvent>& heard() { return heard_; }

  bool stops_before(Cpu& cpu, LinAddr linear, HostPhys physical) override;
  bool watches(const Cpu&, const ObservedAccess&) const override { return false; }
  void accessed(Cpu&, const ObservedAccess&) override {}
  void exception(Cpu& cpu, const Fault& fault, u64 from) override;
  void interrupt(Cpu& cpu, u8 vector, u64 from) override;
  void msr_access(Cpu&, u32, bool, u64) override {}
  void port_access(Cpu& cpu, u16 port, unsigned size, bool write, u32 value) override;
  bool hears_vmwrites() const override { return false; }
  void vmcs_written(Cpu&, HostPhys, u64, u64) override {}
  void mode_changed(Cpu&) override {}
  bool wants_rounds(const Cpu&) const override { return false; }
  void round_over(Cpu&) override {}
  void was_reset(Cpu& cpu, bool init) override;
  void entered(Cpu& cpu) override;
  void exited(Cpu& cpu, const ExitInfo& exit) override;
  void refused(Cpu&, const RefusedEntry&) override {}
  void failed(Cpu&, const VmRefusal&) override {}

 private:
  std::function<void(Cpu&, HostPhys)> told_;
  std::vector<PastEvent> heard_;
  Observers<CpuObserver>::Attachment looks_at_cpu_;
  Observers<VmxObserver>::Attachment looks_at_vmx_;
};

}  // namespace ringside
