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
  // The control is 1 and counts: a secondary or tertiary control only where it is activated.
  bool has(VmxControl control) const { return word(info(control).word) & mask(control); }
  u64 word(ControlWord which) const;
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

struct Rule {
  static constexpr unsigned max_fields = 6;
  std::string_view id;  // guest.ss.dpl_is_rpl
  RuleStage stage;
  std::string_view sentence;             // the rule in our words
  std::string_view title;                // the manual's section
  std::array<Field, max_fields> fields;  // those that it reads; padded with Field::count
  bool (*applies)(const EntryView&);
  bool (*holds)(const EntryView&);
  u8 qualification;  // exit qualification of a guest rule's failure: 0, 2 PDPTEs, 3 NMI injection, 4 link
                     // pointer
  u8 areas;          // that its fields are in: without a write to any of them it holds since the last entry
};

// In the manual's order.
std::span<const Rule> entry_rules();
const Rule* find_rule(std::string_view id);
// The first rule that is broken among those that read an area in `dirty` (or none: rules that depend on the
// CPU or on memory always count). nullptr: the entry may go on.
const Rule* first_violation(const EntryView& view, u8 dirty = all_areas);
// All that are broken, in order.
std::vector<const Rule*> violations(const EntryView& view);

}  // namespace ringside
