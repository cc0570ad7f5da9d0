// Owns the VMX capability MSRs as they follow from a CPU model: the manual's "VMX Capability Reporting
// Facility".
#pragma once

#include <array>

#include "cpu/arch/vmx_controls.h"
#include "cpu/arch/registers.h"
#include "cpu/state/model.h"
#include "vmx/field.h"

namespace ringside {

constexpr u32 first_capability_msr = 0x480;      // IA32_VMX_BASIC
constexpr unsigned capability_msr_count = 0x13;  // to IA32_VMX_PROCBASED_CTLS3, 0x492

struct Capabilities {
  VmxControlSet controls;
  std::array<u64, capability_msr_count> msr{};  // by number - first_capability_msr
  unsigned physical_bits = 46, linear_bits = 48;

  bool has(VmxControl control) const { return controls.test(static_cast<unsigned>(control)); }
  bool has(Field field) const { return info(field).needs == FieldInfo::always || has(info(field).needs); }
  // The bits that a control field (a word below ControlWord::basic) must have set, and may have set: as the
  // TRUE MSRs say where the CPU has them.
  u64 required(ControlWord word) const;
  u64 allowed(ControlWord word) const;
  // The number of the MSR that tells of `word`, also of capabilities that are no field.
  u32 source(ControlWord word) const;

  u64 cr0_fixed0() const { return msr[6]; }
  u64 cr0_fixed1() const { return msr[7]; }
  u64 cr4_fixed0() const { return msr[8]; }
  u64 cr4_fixed1() const { return msr[9]; }
  u64 misc() const { return msr[5]; }
  unsigned preemption_timer_shift() const { return misc() & 0x1f; }
  unsigned cr3_targets() const { return misc() >> 16 & 0x1ff; }
  unsigned msr_list_limit() const { return 512 * ((misc() >> 25 & 7) + 1); }
  u64 ept_vpid() const { return msr[12]; }
  u64 vm_functions() const { return msr[17]; }
};

// All zero (and nothing supported) for a model without VMX.
Capabilities capabilities(const CpuModel& model);
// Their names are in the table of MSRs (cpu/state/msrs.h).

}  // namespace ringside
