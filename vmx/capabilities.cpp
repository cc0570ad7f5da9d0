// Owns the derivation of the capability MSRs from the controls that a CPU model has.
#include "vmx/capabilities.h"

#include <algorithm>

#include "vmx/vmcs.h"

namespace ringside {
namespace {

constexpr unsigned at(u32 msr) { return msr - first_capability_msr; }
constexpr u32 IA32_VMX_BASIC = 0x480, IA32_VMX_PINBASED_CTLS = 0x481, IA32_VMX_PROCBASED_CTLS = 0x482,
              IA32_VMX_EXIT_CTLS = 0x483, IA32_VMX_ENTRY_CTLS = 0x484, IA32_VMX_MISC = 0x485,
              IA32_VMX_CR0_FIXED0 = 0x486, IA32_VMX_CR0_FIXED1 = 0x487, IA32_VMX_CR4_FIXED0 = 0x488,
              IA32_VMX_CR4_FIXED1 = 0x489, IA32_VMX_VMCS_ENUM = 0x48a, IA32_VMX_PROCBASED_CTLS2 = 0x48b,
              IA32_VMX_EPT_VPID_CAP = 0x48c, IA32_VMX_TRUE_PINBASED_CTLS = 0x48d,
              IA32_VMX_TRUE_PROCBASED_CTLS = 0x48e, IA32_VMX_TRUE_EXIT_CTLS = 0x48f,
              IA32_VMX_TRUE_ENTRY_CTLS = 0x490, IA32_VMX_VMFUNC = 0x491, IA32_VMX_PROCBASED_CTLS3 = 0x492;

// The preemption timer counts down with bit 3 of the TSC. The manual allows 0 to 31. Server parts have 5,
// where a transition takes hundreds of ticks; here it takes one as any instruction does, and a guest that
// runs for a few instructions would mostly not see the timer move. KVM does not use a timer that counts more
// often than about 429 million times a second: with 2 GHz, 3 is the finest.
constexpr u64 preemption_timer_rate = 3;
constexpr u64 cr3_target_values = 4;
constexpr u64 write_back = 6;

u64 bits_of(const VmxControlSet& set, ControlWord word) {
  u64 bits = 0;
  for (unsigned i = 0; i < vmx_control_count; ++i) {
    if (vmx_controls[i].word == word && set.test(i)) bits |= bit(vmx_controls[i].bit);
  }
  return bits;
}

// Low half: what must be 1; high half: what may be 1.
u64 allowed_settings(const VmxControlSet& set, ControlWord word, bool strict) {
  const u64 offered = bits_of(set, word);
  // A default1 control that the CPU lets be 0 stands in the table of controls; without it there, it stays
  // required.
  const Default1 fixed = default1(word);
  u64 required = strict ? fixed.strict : fixed.classic;
  if (strict) required |= fixed.classic & ~fixed.strict & ~offered;
  return (required | ((offered | fixed.classic) << 32));
}

}  // namespace

u64 Capabilities::required(ControlWord word) const {
  return word == ControlWord::tertiary ? 0 : static_cast<u32>(msr[at(source(word))]);
}
u64 Capabilities::allowed(ControlWord word) const {
  return word == ControlWord::tertiary ? msr[at(IA32_VMX_PROCBASED_CTLS3)] : msr[at(source(word))] >> 32;
}
u32 Capabilities::source(ControlWord word) const {
  const bool strict = has(VmxControl::true_controls);
  switch (word) {
    case ControlWord::pin: return strict ? IA32_VMX_TRUE_PINBASED_CTLS : IA32_VMX_PINBASED_CTLS;
    case ControlWord::primary: return strict ? IA32_VMX_TRUE_PROCBASED_CTLS : IA32_VMX_PROCBASED_CTLS;
    case ControlWord::secondary: return IA32_VMX_PROCBASED_CTLS2;
    case ControlWord::tertiary: return IA32_VMX_PROCBASED_CTLS3;
    case ControlWord::exit: return strict ? IA32_VMX_TRUE_EXIT_CTLS : IA32_VMX_EXIT_CTLS;
    case ControlWord::entry: return strict ? IA32_VMX_TRUE_ENTRY_CTLS : IA32_VMX_ENTRY_CTLS;
    case ControlWord::basic: return IA32_VMX_BASIC;
    case ControlWord::misc: return IA32_VMX_MISC;
    case ControlWord::ept_vpid: return IA32_VMX_EPT_VPID_CAP;
    case ControlWord::vm_function: return IA32_VMX_VMFUNC;
  }
  return IA32_VMX_BASIC;
}

Capabilities capabilities(const CpuModel& model) {
  Capabilities c;
  if (!model.has(Feature::vmx)) return c;
  c.controls = model.vmx;
  c.physical_bits = model.physical_bits;
  c.linear_bits = model.linear_bits;
  const auto value = [&](u32 msr) -> u64& { return c.msr[at(msr)]; };
  const VmxControlSet& set = model.vmx;

  value(IA32_VMX_BASIC) =
      vmcs_revision | u64{vmcs_bytes} << 32 | write_back << 50 | bits_of(set, ControlWord::basic);
  value(IA32_VMX_MISC) = bits_of(set, ControlWord::misc) | cr3_target_values << 16 |
                         (c.has(VmxControl::preemption_timer) ? preemption_timer_rate : 0);
  value(IA32_VMX_PINBASED_CTLS) = allowed_settings(set, ControlWord::pin, false);
  value(IA32_VMX_PROCBASED_CTLS) = allowed_settings(set, ControlWord::primary, false);
  value(IA32_VMX_EXIT_CTLS) = allowed_settings(set, ControlWord::exit, false);
  value(IA32_VMX_ENTRY_CTLS) = allowed_settings(set, ControlWord::entry, false);
  if (c.has(VmxControl::true_controls)) {
    value(IA32_VMX_TRUE_PINBASED_CTLS) = allowed_settings(set, ControlWord::pin, true);
    value(IA32_VMX_TRUE_PROCBASED_CTLS) = allowed_settings(set, ControlWord::primary, true);
    value(IA32_VMX_TRUE_EXIT_CTLS) = allowed_settings(set, ControlWord::exit, true);
    value(IA32_VMX_TRUE_ENTRY_CTLS) = allowed_settings(set, ControlWord::entry, true);
  }
  if (c.has(VmxControl::secondary_controls))
    value(IA32_VMX_PROCBASED_CTLS2) = allowed_settings(set, ControlWord::secondary, false);
  if (c.has(VmxControl::tertiary_controls))
    value(IA32_VMX_PROCBASED_CTLS3) = bits_of(set, ControlWord::tertiary);
  if (c.has(VmxControl::ept) || c.has(VmxControl::vpid))
    value(IA32_VMX_EPT_VPID_CAP) = bits_of(set, ControlWord::ept_vpid);
  if (c.has(VmxControl::vm_functions)) value(IA32_VMX_VMFUNC) = bits_of(set, ControlWord::vm_function);

  // "VMX-Fixed Bits in CR0": PE, NE and PG are fixed to 1 (unrestricted guests are excused from PE and
  // PG).
  value(IA32_VMX_CR0_FIXED0) = Cr0::PE | Cr0::NE | Cr0::PG;
  value(IA32_VMX_CR0_FIXED1) = 0xffffffff;
  value(IA32_VMX_CR4_FIXED0) = Cr4::VMXE;
  value(IA32_VMX_CR4_FIXED1) = supported_cr4(model);

  unsigned highest = 0;
  for (unsigned i = 0; i < field_count; ++i) {
    const Field field = static_cast<Field>(i);
    if (c.has(field)) highest = std::max(highest, info(field).index());
  }
  value(IA32_VMX_VMCS_ENUM) = u64{highest} << 1;
  return c;
}

}  // namespace ringside
