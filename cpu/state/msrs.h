// Owns the model-specific registers as a table of described objects: what RDMSR, WRMSR, the VMX MSR lists,
// dumps and traces know about an MSR comes from here.
#pragma once

#include <optional>
#include <span>

#include "cpu/arch/register_bits.h"
#include "cpu/state/cpu.h"

namespace ringside {

struct MsrInfo {
  u32 number = 0;
  std::string_view name;   // as the manual spells it
  std::string_view title;  // of the manual's section or table that describes it
  // The plain case: kept in a member; a write with `reserved` bits set is #GP(0) and changes `writable` bits.
  u64 Cpu::Msrs::*member = nullptr;
  u64 writable = 0, reserved = 0;
  // The other cases. False: #GP(0), nothing was changed.
  bool (*read)(const Cpu&, const MsrInfo&, u64& value) = nullptr;
  bool (*write)(Cpu&, const MsrInfo&, u64 value) = nullptr;
  bool (*present)(const CpuModel&) = nullptr;          // nullptr: in every model
  u16 index = 0;                                       // in its family: MTRR, machine-check bank
  u64& (*cell)(Cpu::Msrs&, unsigned index) = nullptr;  // where one of a family is kept
  std::span<const BitField> bits = {};                 // that have names

  // Where its value is kept; nullptr: it is made of other state, or of none.
  u64* place(Cpu::Msrs& msr) const { return member ? &(msr.*member) : cell ? &cell(msr, index) : nullptr; }
  bool is_present(const Cpu& cpu) const { return !present || (cpu.model && present(*cpu.model)); }
};

// Sorted by number, without the x2APIC range 0x800-0x8ff, which is the local APIC's.
std::span<const MsrInfo> msr_table();
const MsrInfo* find_msr(u32 number);    // nullptr: not in the table
std::string_view msr_name(u32 number);  // "IA32_EFER"; "x2APIC"; empty if nobody knows it

// RDMSR and WRMSR after their privilege checks. False: #GP(0); nothing was changed. An MSR that the model
// does not have is noted in cpu.unknown_msrs; without cpu.strict_msrs it reads as 0 and ignores writes. `rip`
// is for the note.
bool read_msr(Cpu& cpu, u32 number, u64& value, u64 rip);
bool write_msr(Cpu& cpu, u32 number, u64 value, u64 rip);
// For somebody who only looks: nothing is noted. nullopt: the model does not have it, or it cannot be read.
std::optional<u64> peek_msr(const Cpu& cpu, const MsrInfo& info);

// The time-stamp counter now: as software reads it (a guest with TSC offsetting and scaling), and the
// processor's own.
u64 read_tsc(const Cpu& cpu);
u64 host_tsc(const Cpu& cpu);

// Bits of EFER that may be set.
u64 supported_efer(const CpuModel& model);

// Canonical at the widest that the CPU knows, whatever CR4.LA57 says: MSRs, segment and table bases, INVLPG's
// and INVPCID's addresses are checked so.
bool canonical_for_cpu(const Cpu& cpu, u64 address);
bool valid_memory_type(u64 type, bool in_pat);

constexpr unsigned mc_bank_count = 10, mtrr_variable_count = 10;

namespace msr_number {
constexpr u32 IA32_TSC = 0x10, IA32_APIC_BASE = 0x1b, IA32_BIOS_SIGN_ID = 0x8b, IA32_PAT = 0x277,
              IA32_TSC_DEADLINE = 0x6e0, IA32_EFER = 0xc0000080, IA32_FS_BASE = 0xc0000100,
              IA32_GS_BASE = 0xc0000101, IA32_KERNEL_GS_BASE = 0xc0000102, x2apic_first = 0x800,
              x2apic_last = 0x8ff;
}  // namespace msr_number

struct FeatureControl {
  static constexpr u64 lock = bit(0), vmx_outside_smx = bit(2);
};

struct MiscEnable {
  static constexpr u64 fast_strings = bit(0), no_bts = bit(11), no_pebs = bit(12), monitor = bit(18),
                       limit_cpuid = bit(22), xtpr_disable = bit(23), xd_disable = bit(34);
};

}  // namespace ringside
