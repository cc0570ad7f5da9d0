// Owns what a CPU has for VMX beside its ordinary state: operation, the VMCSs it holds active, and the
// controls of the guest that runs. The manual's "Introduction to Virtual Machine Extensions". The vmx room
// answers and rewrites state; it never runs an instruction (cpu/exec/vmx acts).
#pragma once

#include <memory>
#include <vector>

#include "cpu/arch/seams.h"
#include "cpu/state/cpu.h"
#include "vmx/capabilities.h"
#include "vmx/exit_info.h"
#include "vmx/refusals.h"
#include "vmx/vmcs.h"

namespace ringside {

// The controls of the VMCS that was entered last, with what does not count (secondary controls that are not
// activated) taken out. Filled by VM entry; nothing that happens to the VMCS while the guest runs changes
// them.
struct ActiveControls {
  std::array<u64, control_word_count> word{};
  u32 exception_bitmap = 0, page_fault_mask = 0, page_fault_match = 0;
  u64 cr0_mask = 0, cr0_shadow = 0, cr4_mask = 0, cr4_shadow = 0;
  std::array<u64, 4> cr3_target{};
  u32 cr3_target_count = 0;
  HostPhys io_bitmap_a, io_bitmap_b, msr_bitmap, virtual_apic, apic_access, posted_descriptor;
  HostPhys pid_pointer_table;
  u32 last_pid_pointer_index = 0;
  u32 tpr_threshold = 0;
  u16 vpid = 0;                         // 0: VPIDs are not in use
  u32 pause_gap = 0, pause_window = 0;  // PLE_Gap and PLE_Window, in ticks of the time-stamp counter
  u64 xss_exiting_bitmap = 0;
  std::array<u64, 4> eoi_exit_bitmap{};
  u8 posted_vector = 0;  // posted-interrupt notification vector

  bool has(VmxControl control) const {
    return word[static_cast<unsigned>(info(control).word)] & mask(control);
  }
};

struct Rule;
class Ept;

// An entry of a list of MSRs that could not be loaded or stored: for the explanation, no part of the state.
struct MsrListRefusal {
  enum class Why : u8 {
    none,
    beyond_limit,  // more entries than IA32_VMX_MISC recommends
    reserved,      // bits 63:32 of the entry's first half
    forbidden,     // an MSR that no list may name
    absent,        // the CPU model does not have it, and the machine is strict about that
    value,         // WRMSR would be #GP(0) for the value
    read,          // RDMSR would be #GP(0)
  } why = Why::none;
  bool store = false;
  unsigned entry = 0;  // counted from 1, as the exit qualification does
  u64 at = 0;          // the entry's physical address
  u32 number = 0;
  u64 value = 0;  // to be loaded
};

// A VM entry that failed.
struct RefusedEntry {
  std::vector<const Rule*> broken;  // every rule, in the manual's order; none: MSR loading or the like
  const ExitInfo* exit = nullptr;   // nullptr: VMfailValid, and no VM exit came of it
  u64 rip = 0;                      // of the VMLAUNCH or VMRESUME

  const Rule* rule() const { return broken.empty() ? nullptr : broken.front(); }  // what the CPU met first
};

// Somebody who wants to hear of transitions: traces, the debugger, coverage. Several may (Vmx::observers).
// Called after the state was rewritten.
class VmxObserver {
 public:
  virtual ~VmxObserver() = default;
  virtual void entered(Cpu& cpu) = 0;
  virtual void exited(Cpu& cpu, const ExitInfo& exit) = 0;  // before host state is looked at by anybody
  virtual void refused(Cpu& cpu, const RefusedEntry& entry) = 0;
  // VMfailValid or VMfailInvalid (error 0). cpu.rip is the instruction's, as in faulted().
  virtual void failed(Cpu& cpu, const VmRefusal& refusal) = 0;
  // A VMX instruction is #UD or #GP(0).
  virtual void faulted(Cpu& cpu, const VmRefusal& refusal) {
    static_cast<void>(cpu), static_cast<void>(refusal);
  }
  // A VMWRITE: what it wrote, where and when is in `vmcs`; registers and stack are as the instruction found
  // them, cpu.rip may not be.
  virtual void written(Cpu& cpu, const Vmcs& vmcs, Field field) {
    static_cast<void>(cpu), static_cast<void>(vmcs), static_cast<void>(field);
  }
};

struct Vmx {
  Vmx(Cpu& cpu, const CpuModel& model, Clock& clock);
  ~Vmx();

  Capabilities capability;
  HostPhys vmxon_region;
  Vmcs* current = nullptr;  // the current VMCS; nullptr: none

  ActiveControls controls;
  ExitInfo exit;  // of the VM exit that is on its way, then of the last one
  bool virtual_nmi_blocked = false;
  bool mtf_pending = false;    // an MTF VM exit at the next boundary
  bool init_pending = false;   // an INIT that VMX root operation blocks
  bool timer_expired = false;  // the VMX-preemption timer reached zero
  u32 abort = 0;               // the VMX-abort indicator, once there was a VMX abort: the CPU is shut down
  std::unique_ptr<Timer> preemption_timer;
  u64 entry_count = 0;  // retired instructions at the last VM entry, and at the last VM exit
  u64 exit_count = 0;
  u64 ple_first = 0, ple_last = 0;  // time stamps of PAUSE-loop detection
  // The guest interrupt status (RVI and SVI) while the guest runs, and whether a pending virtual interrupt
  // was recognized: "Evaluation of Pending Virtual Interrupts".
  u8 requested_vector = 0, servicing_vector = 0;
  bool virtual_interrupt_pending = false;
  // A trap-like VM exit of APIC virtualization that waits for the end of the instruction.
  enum class TrapExit : u8 { none, tpr_below_threshold, virtualized_eoi, apic_write };
  TrapExit trap_exit = TrapExit::none;
  u32 trap_detail = 0;       // the vector, or the offset of the write
  std::unique_ptr<Ept> ept;  // the second stage of the guest that runs
  Observers<VmxObserver> observers;

  // What a VM exit during the delivery of an event records about the event; valid inside a delivery only.
  struct Vectoring {
    u32 information = 0;  // with its valid bit
    u32 error = 0;
    u32 length = 0;       // of the instruction behind a software interrupt or exception
    bool resume = false;  // EFLAGS.RF of the image that the delivery saves
  } vectoring;
  bool nmi_unblocked = false;         // the instruction that runs is an IRET that took away blocking by NMI
  u64 task_return_rip = 0;            // of a task switch that exits: what follows the instruction
  u64 transitions = 0;                // VM entries and exits so far; not a part of the state
  const Vmcs* controls_of = nullptr;  // the VMCS that `controls` were taken from
  MsrListRefusal msr_refusal;         // the last one

  // The VMCS at `region`, which becomes active if it was not.
  Vmcs& activate(PhysicalMemory& memory, HostPhys region);
  Vmcs* find_active(HostPhys region);
  // To memory, and no longer active (VMCLEAR). A region that is not active has its launch state cleared in
  // memory. `rip` and `count` (retired instructions) are of the VMCLEAR, for former().
  void clear(PhysicalMemory& memory, HostPhys region, u64 rip = 0, u64 count = 0);
  // The one used longest ago goes to memory as it is.
  void release(PhysicalMemory& memory);
  const std::vector<std::unique_ptr<Vmcs>>& active() const { return active_; }

  // A VMCS as it was when it ceased to be active here, for looking only: VMPTRLD reads memory, and this is no
  // part of the state.
  struct Former {
    std::unique_ptr<Vmcs> vmcs;
    bool cleared = true;     // by VMCLEAR; else it had to make room
    u64 rip = 0, count = 0;  // of the VMCLEAR
  };
  // The newest first, one for each region.
  const std::vector<Former>& former() const { return former_; }

  void reset();  // power-up and INIT: not in VMX operation
  void fields(Fields& visit);

 private:
  // The manual lets a processor keep as many as it likes; the one used longest ago goes to memory first.
  static constexpr unsigned max_active = 64;
  std::vector<std::unique_ptr<Vmcs>> active_;
  std::vector<Former> former_;

  void deactivate(std::size_t index, Former how);
};

}  // namespace ringside
