// Owns the shape of a VM-entry rule: what the CPU checks, in the manual's order, and what explains a refusal.
// The table is in rules/*.inc; the manual's "VM Entries", checks on VMX controls, host-state area and guest
// state. Rules for what no CPU model here has (SMM and its dual monitor, SGX, CET, performance-counter, MPX,
// processor-trace and user-interrupt state) stand there only where the bits are in a field that there is.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "vmx/vmx.h"

namespace ringside {

// What a rule looks at: the current VMCS, the CPU that executes VMLAUNCH or VMRESUME, its capabilities.
struct EntryView {
  const Cpu& cpu;
  const Vmcs& vmcs;
  const Capabilities& capability;

  u64 operator[](Field field) const { return vmcs[field]; }
  // The control is 1 and counts: the CPU has it (or has it fixed to 1), and a secondary or tertiary control
  // is activated.
  bool has(VmxControl control) const {
    const ControlWord which = info(control).word;
    return (word(which) & mask(control)) &&
           ((default1(which).classic & mask(control)) || capability.has(control));
  }
  // Of the control fields and of the VM-function controls; 0 where they are not activated.
  u64 word(ControlWord which) const {
    switch (which) {
      case ControlWord::pin: return vmcs[Field::PIN_BASED_CONTROLS];
      case ControlWord::primary: return vmcs[Field::PRIMARY_CONTROLS];
      case ControlWord::secondary:
        return has(VmxControl::secondary_controls) ? vmcs[Field::SECONDARY_CONTROLS] : 0;
      case ControlWord::tertiary:
        return has(VmxControl::tertiary_controls) ? vmcs[Field::TERTIARY_CONTROLS] : 0;
      case ControlWord::exit: return vmcs[Field::VM_EXIT_CONTROLS];
      case ControlWord::entry: return vmcs[Field::VM_ENTRY_CONTROLS];
      case ControlWord::vm_function:
        return has(VmxControl::vm_functions) ? vmcs[Field::VM_FUNCTION_CONTROLS] : 0;
      default: return 0;
    }
  }
  // The nearest address whose bits beyond the CPU's linear-address width all equal the highest bit within.
  u64 canonical(u64 address) const {
    const unsigned shift = 64 - capability.linear_bits;
    return static_cast<u64>(static_cast<s64>(address << shift) >> shift);
  }
  // Without the bits beyond the CPU's physical-address width.
  u64 physical(u64 address) const { return address & (bit(capability.physical_bits) - 1); }
  // A CR3 without its reserved bits. The CPU that has LAM_SUP in CR4 has the other bits of LAM here.
  u64 cr3(u64 value) const {
    const u64 lam = capability.cr4_fixed1() & Cr4::LAM_SUP ? Cr3::LAM_U57 | Cr3::LAM_U48 : 0;
    return physical(value) | (value & lam);
  }
};

enum class RuleStage : u8 {
  controls,  // VMfailValid 7: VM entry with invalid control field(s)
  host,      // VMfailValid 8: VM entry with invalid host-state field(s)
  guest,     // VM exit 33: VM-entry failure due to invalid guest state
};

// Where the limits of a rule come from, for the explanation.
enum class RuleSource : u8 {
  none,
  pin,  // the capability MSR of a control word
  primary,
  secondary,
  tertiary,
  exit,
  entry,
  basic,  // IA32_VMX_BASIC, and so on
  misc,
  ept_vpid,
  vm_function,
  cr0_fixed,
  cr4_fixed,
  physical_width,  // CPUID
  linear_width,
};

struct Rule {
  static constexpr unsigned max_fields = 8;
  std::string_view id;  // guest.ss.dpl_is_rpl
  RuleStage stage;
  std::string_view sentence;  // the rule in our words
  std::string_view title;     // the manual's section
  std::array<Field, max_fields>
      fields;  // those that it reads, the one to cure first; padded with Field::count
  bool (*applies)(const EntryView&);
  bool (*broken)(const EntryView&);  // it applies and does not hold
  // The value nearest to that of fields[0] with which the rule holds; nullptr: not a matter of one value.
  u64 (*nearest)(const EntryView&);
  RuleSource source;
  u8 qualification;  // exit qualification of a guest rule's failure: 0, 2 PDPTEs, 3 NMI injection, 4 link
                     // pointer
  // May be broken without a VMWRITE since the last VM entry: it depends on memory, on the CPU, or on fields
  // that VM exits bring out of step.
  bool beyond_vmcs;
};

// In the manual's order.
std::span<const Rule> entry_rules();
const Rule* find_rule(std::string_view id);
// The first rule that is broken among those that read a field in `dirty` and those of beyond_vmcs (others may
// be asked too).
// nullptr: the entry may go on. Guest state that the last VM exit saved needs no other check: the processor's
// state obeys the rules.
const Rule* first_violation(const EntryView& view, const FieldSet& dirty = all_fields);
// All that are broken, in order.
std::vector<const Rule*> violations(const EntryView& view);

}  // namespace ringside
