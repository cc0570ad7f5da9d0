// Owns the architectural state of one virtual CPU and the few words that the engine keeps beside it.
#pragma once

#include <array>
#include <vector>

#include "cpu/arch/fault.h"
#include "cpu/arch/fields.h"
#include "cpu/arch/registers.h"
#include "cpu/arch/seams.h"
#include "cpu/decode/op.h"
#include "cpu/state/flags.h"
#include "cpu/state/model.h"
#include "cpu/state/observers.h"
#include "cpu/state/segment.h"
#include "cpu/state/vector.h"
#include "devices/bus/numeric_error_pins.h"
#include "mmu/mmu.h"

namespace ringside {

// What the instruction boundary has to look at before the next instruction; bits of Cpu::attention.
struct Attention {
  static constexpr u32 interrupt = 1,  // InterruptSource::pending() and IF may allow delivery
      nmi = 2, smi = 4, init = 8, start_up = 16,
                       trap = 32,  // pending_debug holds trap-class #DB causes
      shadow = 64,                 // interrupt_shadow is set: it ends after one instruction
      step = 128,                // run one instruction at a time: TF, breakpoints, branch records, observers
      activity = 256,            // not in the active state
      stop = 512,                // the machine wants the CPU to stop (power off, reset, exit)
      virtual_interrupt = 1024,  // EFLAGS.VIF and VIP are both set
      vmx = 2048;                // VMX non-root operation has something to look at: windows, timers, APIC
};

// Blocking by STI or by MOV SS, in the bits of the VMCS's interruptibility state.
struct Shadow {
  static constexpr u8 sti = 1, mov_ss = 2;
};

// Activity states as the VMCS numbers them.
enum class Activity : u8 { active = 0, hlt = 1, shutdown = 2, wait_for_sipi = 3, mwait = 4 };

// Why a chain of handlers came back to the run loop.
enum class ChainEnd : u8 {
  boundary,  // at an instruction boundary; cpu.rip is the next instruction
  fault,     // cpu.fault; cpu.rip is the faulting instruction; nothing of it was done
  exit,      // a VM exit, cpu.vmx->exit; cpu.rip is the instruction that causes it; nothing of it was done
  alone,   // the instruction touches MMIO, running code or a watched page: to be run alone; nothing of it was
           // done
  budget,  // the next block does not fit into the budget
  miss,    // no linked block: look cpu.rip up
};

class CpuObserver;  // cpu/state/observer.h
struct Engine;      // cpu/exec's own data of this CPU
struct Vmx;         // the vmx room's

// The registers that Op's offsets reach: bytes from here (namespace reg).
struct RegisterFile {
  std::array<u64, 16> gpr{};
  u64 zero = 0;
  u64 rip_base = 0;  // RIP of the first byte of the page of the running block
  u64 page_size = page_bytes;
};
static_assert(offsetof(RegisterFile, zero) == reg::zero &&
              offsetof(RegisterFile, rip_base) == reg::rip_base &&
              offsetof(RegisterFile, page_size) == reg::page_size);

struct alignas(64) Cpu : RegisterFile {
  // -- Hot.
  LazyFlags flags;
  s64 budget = 0;           // instructions left; see retired()
  TlbView* data = nullptr;  // mmu.data_view(): the Mmu keeps it so
  u64 rip = 0;              // valid at boundaries; inside a body use instruction_rip(op)
  u64 next_rip = 0;         // set before a body of kind indirect or boundary runs; such a body may change it
  bool alone = false;       // the instruction runs alone: MMIO and code writes may go ahead
  ChainEnd chain_end = ChainEnd::boundary;

  // -- Architecture.
  u64 system_flags = 0;              // EFLAGS without the arithmetic flags and bit 1
  std::array<Segment, 8> segment{};  // by SegReg, LDTR and TR included
  struct Table {
    u64 base = 0;
    u32 limit = 0xffff;
  } gdtr, idtr;
  u64 cr0 = 0, cr2 = 0, cr3 = 0, cr4 = 0, efer = 0, xcr0 = 1;
  std::array<u64, 4> dr{};
  u64 dr6 = Dr6::fixed_one, dr7 = Dr7::fixed_one;
  u32 pkru = 0;
  u8 cpl = 0;
  X87State x87;
  VectorState vector;

  // Model-specific registers with a place of their own; the table in cpu/state/msrs.* names them.
  struct Msrs {
    u64 star = 0, lstar = 0, cstar = 0, fmask = 0, kernel_gs_base = 0, tsc_aux = 0;
    u64 sysenter_cs = 0, sysenter_esp = 0, sysenter_eip = 0;
    // IA32_MISC_ENABLE: fast strings and MONITOR on, no branch trace store, no PEBS.
    u64 pat = 0x0007040600070406, misc_enable = bit(0) | bit(11) | bit(12) | bit(18), debugctl = 0,
        feature_control = 0;
    u64 tsc_offset = 0, tsc_adjust = 0, xss = 0, spec_ctrl = 0, smbase = 0x30000, microcode = 0;
    u64 mtrr_def_type = 0;
    std::array<u64, 11> mtrr_fixed{};
    std::array<u64, 20> mtrr_variable{};  // PHYSBASE0, PHYSMASK0, PHYSBASE1, ...
    u64 mcg_status = 0;
    std::array<u64, 128> mc_banks{};  // CTL, STATUS, ADDR, MISC of each bank
    u64 pkrs = 0, umwait_control = 0;
    std::array<u64, 32> mc_ctl2{};
    // Last branch records: the stack, and the last one before an exception or interrupt.
    static constexpr unsigned most_last_branches = 32;
    std::array<u64, most_last_branches> last_branch_from{}, last_branch_to{}, last_branch_info{};
    u64 last_branch_top = 0, last_branch_select = 0, last_exception_from = 0, last_exception_to = 0;
    u64 last_branch_time = 0;  // virtual time of the last record: its successor counts from there
    u64 mcg_ctl = ~u64{0}, misc_features = 0, power_ctl = 0, monitor_filter = 0;
    u64 package_states = 0;
  } msr;

  // -- Events.
  u32 attention = 0;
  u8 interrupt_shadow = 0;
  bool nmi_blocked = false, nmi_pending = false;
  bool records_data_pointer = false;  // of the model: FDP follows every x87 instruction with a memory operand
  bool ferr = false;                  // the FERR# pin: unmasked x87 error with CR0.NE = 0
  Activity activity = Activity::active;
  u8 sipi_vector = 0;
  u64 pending_debug = 0;       // DR6 bits (B0..B3, BS, BD) that trap at the next boundary
  bool step_consumed = false;  // the instruction took TF away (INT n, SYSCALL): no single step follows it
  // The exceptions that led to Activity::shutdown, in their order.
  struct FailedDelivery {
    Vector vector = Vector::DE;
    u32 error = 0;
    u64 address = 0;  // of #PF
    u16 cs = 0;
    u64 rip = 0;
  };
  std::array<FailedDelivery, 4> shutdown_chain{};
  u8 shutdown_chain_length = 0;
  Fault fault;              // valid when a body returned false
  u64 monitor_address = 0;  // MONITOR's line; armed while monitor_armed
  bool monitor_armed = false;
  u64 random_state = 0x9e3779b97f4a7c15;  // what RDRAND and RDSEED draw from: the same numbers in every run

  // -- Derived from the above by update_mode() and update_translation().
  struct Mode {
    u8 code_bits = 16;  // 16, 32 or 64
    u8 stack_bits = 16;
    bool long_mode = false;       // EFER.LMA: IA-32e mode
    bool bits64 = false;          // 64-bit mode
    bool protected_mode = false;  // CR0.PE and not virtual-8086
    bool v86 = false;
    bool limited = true;    // code fetch has a limit below 4 GiB to check
    u64 rip_mask = 0xffff;  // of (E)IP by code size: 0xffff only matters to branches with 16-bit operands
    u32 key = 0;            // folds what decoding and handlers depend on; part of a block's key
  } mode;

  // -- VMX, as far as the rest of the CPU has to know.
  bool vmx_operation = false;     // after VMXON, root or non-root
  bool non_root = false;          // a guest runs
  bool interrupt_window = false;  // whoever sets EFLAGS.IF has to raise Attention::vmx
  // What a guest's time-stamp counter is made of: (TSC * multiplier >> 48) + offset.
  u64 guest_tsc_offset = 0, guest_tsc_multiplier = u64{1} << 48;
  std::array<u64, 19>
      vmx_capability{};  // the MSRs 0x480 to 0x492, as the vmx room derived them from the model

  // -- Neighbours.
  const CpuModel* model = nullptr;
  Vmx* vmx = nullptr;  // nullptr: a CPU without VMX
  Mmu& mmu;
  PortSpace* ports = nullptr;
  // FERR# and IGNNE#; nullptr: they are not wired, and software is taken to hold IGNNE#.
  NumericErrorPins* numeric_error = nullptr;
  InterruptSource* interrupts = nullptr;
  Clock* clock = nullptr;
  MachineControl* control = nullptr;
  Engine* engine = nullptr;
  Observers<CpuObserver> observers;
  std::vector<LinAddr> watched;  // pages whose accesses observers hear of; after a change: update_debug()
  unsigned index = 0;            // number of the CPU in the machine, 0 is the BSP
  unsigned cpus = 1;             // in the machine: what CPUID's topology leaves report
  bool strict_msrs = true;       // an MSR that nobody knows is #GP(0); else it reads as 0 and ignores writes
  bool observed = false;         // somebody wants to see every instruction: keeps Attention::step set

  // MSRs outside the table that the guest touched, in the order of first touch: for a report.
  struct UnknownMsr {
    u32 number = 0;
    u64 reads = 0, writes = 0;
    u64 first_rip = 0;
  };
  std::vector<UnknownMsr> unknown_msrs;

  explicit Cpu(Mmu& m) : mmu(m) { mmu.publish_data_view(data); }
  Cpu(const Cpu&) = delete;
  Cpu& operator=(const Cpu&) = delete;

  // Power-up or INIT state as the manual's table "IA-32 and Intel 64 Processor States Following Power-up,
  // Reset, or INIT".
  void reset(bool init);
  // The FERR# pin, with its wire if it has one.
  void set_ferr(bool asserted);

  template <class T>
  T& reg(u8 offset) {
    return *reinterpret_cast<T*>(reinterpret_cast<u8*>(static_cast<RegisterFile*>(this)) + offset);
  }
  u64 instruction_rip(const Op& op) const { return (rip_base + op.offset) & mode.rip_mask; }
  u64 following_rip(const Op& op) const { return (rip_base + op.offset + op.length) & mode.rip_mask; }

  // EFLAGS as software sees it.
  u64 eflags() const { return system_flags | flags.image() | Eflags::reserved_one; }
  // Sets all bits given by `mask`; the caller has applied privilege. Updates attention, mode and privilege.
  void set_eflags(u64 value, u64 mask);
  bool flag(u64 system_flag) const { return system_flags & system_flag; }
  unsigned iopl() const { return static_cast<unsigned>(system_flags >> 12) & 3; }

  // After any change of CS, SS, CR0, CR4, EFER or VM: derives `mode`. After CPL, AC or CR0.AM too: the MMU's
  // privilege.
  void update_mode();
  void update_privilege();
  // After any change of CR0, CR3 (by other ways than MOV to CR3), CR4, EFER, PKRU: tells the MMU.
  void update_translation();
  void set_cpl(u8 level) {
    cpl = level;
    update_mode();
    update_privilege();
  }
  // After DR7, DR0-3, TF, CR4.DE, IA32_DEBUGCTL.LBR or `observed` changed: attention bits and the MMU's
  // watched pages.
  void update_debug();
  // What a body does before it returns false for an exception.
  void raise(Vector v, u32 error = 0, u64 address = 0) {
    fault = Fault::exception(v, error, address);
    chain_end = ChainEnd::fault;
  }

  void fields(Fields& visit);
  void restored();  // derives everything derived
};

}  // namespace ringside
