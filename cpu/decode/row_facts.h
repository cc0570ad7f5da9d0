// Owns what a row may say of its instruction beside operands and body: who may run it, whether a guest leaves
// by it, what an exit records, and who judges it.
#pragma once

#include "cpu/arch/exit_reasons.h"
#include "cpu/arch/vmx_controls.h"

namespace ringside {

// Who may run an instruction. Real-address mode counts as CPL 0, virtual-8086 mode as CPL 3.
enum class Privilege : u8 {
  everyone,
  cpl0,            // #GP(0) above CPL 0
  cpl0_or_ud,      // #UD above CPL 0
  iopl,            // #GP(0) above IOPL, unless a bitmap or virtual interrupts let it pass
  v86_iopl,        // #GP(0) in virtual-8086 mode below IOPL 3, unless the mode's extensions let it pass
  umip,            // #GP(0) above CPL 0 if CR4.UMIP is 1
  tsd,             // #GP(0) above CPL 0 if CR4.TSD is 1
  pce,             // #GP(0) above CPL 0 if CR4.PCE is 0
  cpuid_faulting,  // #GP(0) above CPL 0 if IA32_MISC_FEATURES_ENABLES says so
  smm,             // #UD outside system-management mode, which there is not
};

// Whether the instruction itself causes VM exits in VMX non-root operation: the manual's "Instructions That
// Cause VM Exits". Exits by what an instruction meets (exceptions, task switches, EPT violations, the
// APIC-access page) are nobody's.
struct RowExit {
  enum class When : u8 {
    never,
    always,   // wherever it would not fault by its privilege or mode
    control,  // if `control` is 1
    depends,  // on bitmaps, masks, values or several controls: its body asks
  };
  When when = When::never;
  ExitReason reason{};
  VmxControl control = VmxControl::count;
};

// What a branch is to the filters of last branch records: the manual's "Filtering of Last Branch Records".
// Rows of kind `conditional` need not say it: all of them are conditional branches.
enum class Branch : u8 {
  no_branch,
  conditional,
  near_relative_call,
  near_indirect_call,
  near_return,
  near_indirect_jump,
  near_relative_jump,
  far,
  far_if_overflow,  // INTO
};

// The formats of the VM-exit instruction-information field, by what its tables in the manual describe.
enum class InformationFormat : u8 {
  absent,
  string,       // INS and OUTS
  invalidate,   // INVEPT, INVPCID and INVVPID: memory, a register in Reg2
  table,        // LGDT, LIDT, SGDT and SIDT: memory, operand size and identity
  selector,     // LLDT, LTR, SLDT and STR: register or memory, and identity
  destination,  // RDRAND, RDSEED, TPAUSE and UMWAIT: a register and its size
  memory,       // VMCLEAR, VMPTRLD, VMPTRST, VMXON, XRSTORS and XSAVES
  field,        // VMREAD and VMWRITE: register or memory, a register in Reg2
};
struct RowInformation {
  InformationFormat format = InformationFormat::absent;
  // Bits 29:28 of tables and selectors; OUTS is 1 among strings; of VMREAD and VMWRITE the operand that Reg2
  // names.
  u8 identity = 0;
};

// Which test compares a row with a real processor: that of its group, the one of user programs alone, or none
// for the reason named. Privileged rows need not say so: their privilege does.
enum class Judge : u8 {
  of_group,
  programs,        // tests/oracle/user_test.cpp
  decoded_as_nop,  // an encoding of a feature that is not there
  random_numbers,
  time_or_identity,
  kernel_entry,   // of the host's own kernel
  approximation,  // which makers choose
  differs_by_maker,
  debug_exception,  // which a hypervisor below the host may alter
  rights_of_test,   // rights to the test's own memory
  plain_address,  // a general-purpose register that holds an address, with nothing in the encoding to say so
};

}  // namespace ringside
