// Owns the names of VMX's controls and capabilities: where each stands in its control field or capability
// MSR. The manual's "VM-Execution Control Fields", "VM-Exit Control Fields", "VM-Entry Control Fields" and
// "VMX Capability Reporting Facility".
#pragma once

#include <array>
#include <bitset>
#include <string_view>

#include "cpu/arch/types.h"

namespace ringside {

// Control fields of the VMCS, then capability MSRs for what has no control bit.
enum class ControlWord : u8 {
  pin,
  primary,
  secondary,
  tertiary,
  exit,
  entry,
  basic,
  misc,
  ept_vpid,
  vm_function
};
constexpr unsigned control_word_count = 6;  // those that are fields of the VMCS

enum class VmxControl : u8 {
#define CONTROL(word, bit, id, name, flag) id,
#include "cpu/arch/vmx_controls.inc"
#undef CONTROL
  count
};
constexpr unsigned vmx_control_count = static_cast<unsigned>(VmxControl::count);
using VmxControlSet = std::bitset<vmx_control_count>;

struct VmxControlInfo {
  ControlWord word;
  u8 bit;
  std::string_view id;    // as in the code
  std::string_view name;  // the manual's
  std::string_view flag;  // for "-cpu NAME,-flag", also as "vmx-flag"
};
inline constexpr std::array<VmxControlInfo, vmx_control_count> vmx_controls = {{
#define CONTROL(word, bit, id, name, flag) {ControlWord::word, bit, #id, name, flag},
#include "cpu/arch/vmx_controls.inc"
#undef CONTROL
}};
constexpr const VmxControlInfo& info(VmxControl control) {
  return vmx_controls[static_cast<unsigned>(control)];
}
constexpr u64 mask(VmxControl control) { return bit(info(control).bit); }

// Bits of the control fields that are reserved and must be 1, with and without the TRUE capability MSRs: the
// manual's "Reserved Controls and Default Settings".
struct Default1 {
  u32 classic;  // as the capability MSRs report it
  u32 strict;   // as the TRUE ones do
};
constexpr Default1 default1(ControlWord word) {
  switch (word) {
    case ControlWord::pin: return {0x16, 0x16};
    case ControlWord::primary: return {0x0401e172, 0x04006172};
    case ControlWord::exit: return {0x00036dff, 0x00036dfb};
    case ControlWord::entry: return {0x000011ff, 0x000011fb};
    default: return {0, 0};
  }
}

}  // namespace ringside
