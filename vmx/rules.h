// Owns the shape of a VM-entry rule: what the CPU checks, in the manual's order, and what explains a refusal.
// The table is in rules/*.inc; the manual's "VM Entries", checks on VMX controls, host-state area and guest
// state.
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
  // The control is 1 and counts: the CPU has it, and a secondary or tertiary control is activated.
  bool has(VmxControl control) const {
    return (word(info(control).word) & mask(control)) && capability.has(control);
  }
  u64 word(ControlWord which) const;  // of the control fields only; 0 where it is not activated
  bool canonical(u64 address) const;  // for the CPU's linear-address width
  bool physical(u64 address) const {  // no bit beyond the physical-address width
    return !(address >> capability.physical_bits);
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
  bool (*holds)(const EntryView&);
  // The value nearest to that of fields[0] with which the rule holds; nullptr: not a matter of one value.
  u64 (*nearest)(const EntryView&);
  RuleSource source;
  u8 qualification;  // exit qualification of a guest rule's failure: 0, 2 PDPTEs, 3 NMI injection, 4 link
                     // pointer
  bool beyond_vmcs;  // depends on memory or on the CPU's state beside the VMCS: a past success proves nothing

  bool broken(const EntryView& view) const { return applies(view) && !holds(view); }
};

// In the manual's order.
std::span<const Rule> entry_rules();
const Rule* find_rule(std::string_view id);
// The first rule that is broken among those that read a field in `dirty` or something beside the VMCS.
// nullptr: the entry may go on. Guest state that the last VM exit saved needs no check: the processor's state
// obeys the rules.
const Rule* first_violation(const EntryView& view, const FieldSet& dirty = all_fields);
// All that are broken, in order.
std::vector<const Rule*> violations(const EntryView& view);

}  // namespace ringside
