// Owns the face of somebody who looks at a CPU while it runs: what it is told, and where it may stop the run.
#pragma once

#include "cpu/arch/fault.h"
#include "cpu/arch/types.h"

namespace ringside {

struct Cpu;

struct ObservedAccess {
  LinAddr linear;
  unsigned size = 0;
  Access access;
  // The first `part` bytes lie at `physical`, the rest, in the next page, at `rest`.
  unsigned part = 0;
  HostPhys physical, rest;
  bool modifies = false;  // a write that reads first: a read-modify-write
};

// Told of slow events only, so that nobody who does not look pays for it. Nothing that an observer does may
// change what the guest sees. Several may look at one CPU (Cpu::observers). VM entries and VM exits have
// observers of their own (vmx/vmx.h). Every function but `stops_before` is called in the middle of an
// instruction or of a delivery: to stop after it, end_run_at(cpu, 0).
class CpuObserver {
 public:
  virtual ~CpuObserver() = default;

  // Before the instruction at cpu.rip, which lies at the linear address `linear` and at `physical` in memory.
  // Asked only at offsets into a page that BlockCache::set_stop_offsets named. True: the run ends here.
  virtual bool stops_before(Cpu& cpu, LinAddr linear, HostPhys physical) = 0;

  // An explicit or implicit access to a page in `Cpu::watched` or among Mmu::set_watched_frames; walks,
  // devices and what VMX does of itself are none. `watches`: whether accessed() wants to hear of it; it is
  // then called once the access cannot fault any more, before it is made.
  virtual bool watches(const Cpu& cpu, const ObservedAccess& access) const = 0;
  virtual void accessed(Cpu& cpu, const ObservedAccess& access) = 0;

  // A fault or trap whose handler was entered: cpu.rip is the handler's; `from` is the saved RIP.
  virtual void exception(Cpu& cpu, const Fault& fault, u64 from) = 0;
  // An external interrupt, NMI or INT n whose handler was entered.
  virtual void interrupt(Cpu& cpu, u8 vector, u64 from) = 0;
  virtual void msr_access(Cpu& cpu, u32 number, bool write, u64 value) = 0;
  virtual void port_access(Cpu& cpu, u16 port, unsigned size, bool write, u32 value) = 0;
  // Whether vmcs_written() is to be called: each VMWRITE then runs alone.
  virtual bool hears_vmwrites() const = 0;
  // VMWRITE of `encoding` in the VMCS at `region`.
  virtual void vmcs_written(Cpu& cpu, HostPhys region, u64 encoding, u64 value) = 0;
  // The mode or the privilege level may have changed: cpu.mode and cpu.cpl hold the new ones. It is called
  // more often than they change, and in states that an instruction passes through.
  virtual void mode_changed(Cpu& cpu) = 0;

  // Whether this CPU's repeated string instruction is to take one round; asked before each. Of a round that
  // leaves some to do round_over() hears then. It counts as no instruction: the registers are what they are
  // between rounds, and the rest, with its count, is still to come.
  virtual bool wants_rounds(const Cpu& cpu) const = 0;
  virtual void round_over(Cpu& cpu) = 0;

  // After RESET#, or INIT: the registers are those that it leaves.
  virtual void was_reset(Cpu& cpu, bool init) = 0;
};

}  // namespace ringside
