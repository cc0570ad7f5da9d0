// Owns the explanation of a refused VM entry: values and their writers, the nearest valid value, the limits.
#include "vmx/explain_rule.h"

#include <bit>

#include <fmt/format.h>

#include "cpu/arch/register_bits.h"
#include "cpu/state/msrs.h"
#include "vmx/ept.h"
#include "vmx/manual_titles.h"

namespace ringside {
namespace {

using enum Field;

struct BitName {
  std::string_view group;
  u8 bit;
  std::string_view name;
};
constexpr BitName bit_table[] = {
#define BIT(group, bit, name) {#group, bit, name},
#include "vmx/field_bits.inc"
#undef BIT
};

// The register that a field holds, or the group of its own whose names its bits have.
std::string_view group_of(Field field) {
  switch (field) {
    case GUEST_CR0:
    case HOST_CR0:
    case CR0_GUEST_HOST_MASK:
    case CR0_READ_SHADOW: return "CR0";
    case GUEST_CR4:
    case HOST_CR4:
    case CR4_GUEST_HOST_MASK:
    case CR4_READ_SHADOW: return "CR4";
    case GUEST_RFLAGS: return "RFLAGS";
    case GUEST_IA32_EFER:
    case HOST_IA32_EFER: return "IA32_EFER";
    case GUEST_IA32_DEBUGCTL: return "IA32_DEBUGCTL";
    case GUEST_INTERRUPTIBILITY_STATE: return "interruptibility";
    case GUEST_PENDING_DEBUG_EXCEPTIONS: return "pending_debug";
    case VM_ENTRY_INTERRUPTION_INFORMATION: return "interruption";
    case EPT_POINTER: return "ept_pointer";
    default: break;
  }
  if (field >= GUEST_ES_ACCESS_RIGHTS && field <= GUEST_TR_ACCESS_RIGHTS) return "access_rights";
  if ((field >= GUEST_ES_SELECTOR && field <= GUEST_TR_SELECTOR) ||
      (field >= HOST_ES_SELECTOR && field <= HOST_TR_SELECTOR))
    return "selector";
  return {};
}

struct Hint {
  std::string_view id, text;
};
constexpr Hint hints[] = {
#define HINT(id, text) {id, text},
#include "vmx/rule_hints.inc"
#undef HINT
};

// Fields that count something: their bits mean nothing each.
bool is_number(Field field) {
  switch (field) {
    case CR3_TARGET_COUNT:
    case VM_ENTRY_INSTRUCTION_LENGTH:
    case TPR_THRESHOLD:
    case GUEST_ACTIVITY_STATE: return true;
    default: return false;
  }
}

// Fields that hold a physical address alone.
bool is_address(Field field) {
  const FieldInfo& f = info(field);
  if (field == EPT_POINTER || field == XSS_EXITING_BITMAP || f.width() != FieldWidth::bits64) return false;
  return field == VMCS_LINK_POINTER || f.id.ends_with("_ADDRESS") || f.id.ends_with("_BITMAP") ||
         field == IO_BITMAP_A || field == IO_BITMAP_B;
}

// Of access rights: "type 11 instead of 9".
std::string type_change(const RuleExplanation::Cure& cure) {
  if (group_of(cure.field) != "access_rights" || !((cure.set | cure.cleared) & Rights::type)) return {};
  const u64 before = cure.value ^ cure.set ^ cure.cleared;
  return fmt::format("type {} (bits 3:0) instead of {}", cure.value & Rights::type, before & Rights::type);
}

// Guest state that VM exits write into the VMCS with its present controls.
bool saved_by_exits(const EntryView& view, Field field) {
  if (info(field).kind() != FieldKind::guest) return false;
  switch (field) {
    case VMCS_LINK_POINTER:
    case GUEST_SMBASE: return false;
    case GUEST_IA32_PAT: return view.has(VmxControl::save_pat);
    case GUEST_IA32_EFER: return view.has(VmxControl::save_efer);
    case GUEST_IA32_DEBUGCTL:
    case GUEST_DR7: return view.has(VmxControl::save_debug_controls);
    case VMX_PREEMPTION_TIMER_VALUE: return view.has(VmxControl::save_preemption_timer);
    case GUEST_PDPTE0:
    case GUEST_PDPTE1:
    case GUEST_PDPTE2:
    case GUEST_PDPTE3: return view.has(VmxControl::ept);
    default: return true;
  }
}

RuleExplanation::Source capability_msr(const EntryView& view, u32 number) {
  return {std::string(msr_name(number)), number, view.capability.msr[number - first_capability_msr]};
}

std::vector<RuleExplanation::Source> sources_of(const EntryView& view, RuleSource source) {
  constexpr u32 cr0_fixed0 = 0x486, cr0_fixed1 = 0x487, cr4_fixed0 = 0x488, cr4_fixed1 = 0x489;
  const auto of_word = [&](ControlWord word) -> std::vector<RuleExplanation::Source> {
    return {capability_msr(view, view.capability.source(word))};
  };
  switch (source) {
    case RuleSource::none: return {};
    case RuleSource::pin: return of_word(ControlWord::pin);
    case RuleSource::primary: return of_word(ControlWord::primary);
    case RuleSource::secondary: return of_word(ControlWord::secondary);
    case RuleSource::tertiary: return of_word(ControlWord::tertiary);
    case RuleSource::exit: return of_word(ControlWord::exit);
    case RuleSource::entry: return of_word(ControlWord::entry);
    case RuleSource::basic: return of_word(ControlWord::basic);
    case RuleSource::misc: return of_word(ControlWord::misc);
    case RuleSource::ept_vpid: return of_word(ControlWord::ept_vpid);
    case RuleSource::vm_function: return of_word(ControlWord::vm_function);
    case RuleSource::cr0_fixed: return {capability_msr(view, cr0_fixed0), capability_msr(view, cr0_fixed1)};
    case RuleSource::cr4_fixed: return {capability_msr(view, cr4_fixed0), capability_msr(view, cr4_fixed1)};
    case RuleSource::physical_width:
      return {{"CPUID.80000008H:EAX[7:0] (physical-address width)", 0, view.capability.physical_bits}};
    case RuleSource::linear_width:
      return {{"CPUID.80000008H:EAX[15:8] (linear-address width)", 0, view.capability.linear_bits}};
  }
  return {};
}

std::string joined(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts) all += (all.empty() ? "" : ", ") + part;
  return all;
}

}  // namespace

std::optional<ControlWord> control_word(Field field) {
  if (field == Field::count) return std::nullopt;
  for (unsigned n = 0; n <= static_cast<unsigned>(ControlWord::vm_function); ++n) {
    const ControlWord word = static_cast<ControlWord>(n);
    if (control_field(word) == field) return word;
  }
  return std::nullopt;
}

std::string_view bit_name(Field field, unsigned number) {
  if (const auto word = control_word(field)) {
    for (const VmxControlInfo& control : vmx_controls) {
      if (control.word == *word && control.bit == number) return control.name;
    }
    return {};
  }
  const std::string_view group = group_of(field);
  for (const BitField& row : bits_of_register(group)) {
    if (row.low == number && row.high == number) return row.name;
  }
  for (const BitName& row : bit_table) {
    if (row.group == group && row.bit == number) return row.name;
  }
  return {};
}

RuleExplanation::Value value_of(const EntryView& view, Field field) {
  using From = RuleExplanation::Value::From;
  RuleExplanation::Value value{.field = field, .value = view[field]};
  const Vmcs::Writer& writer = view.vmcs.writer(field);
  const u64 exit_count = view.vmcs.last_exit_count;
  if (exit_count && saved_by_exits(view, field) && (!writer.known || writer.count < exit_count)) {
    value.from = From::vm_exit;
    value.rip = view.vmcs.last_exit_rip;
    value.count = exit_count;
  } else if (writer.known) {
    value.from = From::vmwrite;
    value.rip = writer.rip;
    value.count = writer.count;
  }
  return value;
}

RuleExplanation explain(const Rule& rule, const EntryView& view) {
  RuleExplanation e;
  e.rule = &rule;
  for (Field field : rule.fields) {
    if (field != Field::count) e.values.push_back(value_of(view, field));
  }
  if (rule.nearest) {
    const u64 now = view[rule.fields[0]], wanted = rule.nearest(view);
    e.cure = {rule.fields[0], wanted, wanted & ~now, now & ~wanted};
  }
  e.sources = sources_of(view, rule.source);
  for (const Hint& hint : hints) {
    if (hint.id == rule.id) e.hint = hint.text;
  }
  return e;
}

std::vector<RuleExplanation> explain_violations(const EntryView& view) {
  std::vector<RuleExplanation> all;
  for (const Rule* rule : violations(view)) all.push_back(explain(*rule, view));
  return all;
}

std::string text(const RuleExplanation::Value& value, const NameCode& name) {
  using From = RuleExplanation::Value::From;
  std::string called;
  if (name && value.from != From::from_memory) called = name(value);
  if (!called.empty()) called = fmt::format(" <{}>", called);
  switch (value.from) {
    case From::vmwrite:
      return fmt::format("VMWRITE at RIP {:#x}{} (instruction {})", value.rip, called, value.count);
    case From::vm_exit:
      return fmt::format("saved by the VM exit at guest RIP {:#x}{} (instruction {})", value.rip, called,
                         value.count);
    case From::from_memory: return "not written since the region was loaded";
  }
  return {};
}

std::string bit_names(Field field, u64 bits) {
  std::vector<std::string> parts;
  for (; bits; bits &= bits - 1) {
    const unsigned low = static_cast<unsigned>(std::countr_zero(bits));
    const std::string_view name = bit_name(field, low);
    if (!name.empty()) {
      parts.push_back(fmt::format("{} (bit {})", name, low));
      continue;
    }
    // A run of bits without names is told as a whole.
    unsigned high = low;
    while (high < 63 && (bits >> (high + 1) & 1) && bit_name(field, high + 1).empty()) ++high;
    parts.push_back(high == low ? fmt::format("bit {}", low) : fmt::format("bits {}:{}", high, low));
    bits &= ~bit_range(low, high);
    bits |= bit(low);  // the loop's step takes it
  }
  return joined(parts);
}

std::string cure_text(const RuleExplanation& e) {
  if (!e.cure || !(e.cure->set || e.cure->cleared)) return {};
  const RuleExplanation::Cure& cure = *e.cure;
  u64 set = cure.set, cleared = cure.cleared;
  std::vector<std::string> changes;
  if (cure.field == EPT_POINTER) {
    const u64 changed = set | cleared, type = cure.value & Eptp::memory_type;
    if (changed & Eptp::memory_type)
      changes.push_back(fmt::format("memory type {} ({} in bits 2:0)", memory_type_name(type), type));
    if (changed & Eptp::walk_length)
      changes.push_back(fmt::format("page-walk length {} ({} in bits 5:3)", Eptp::levels(cure.value),
                                    Eptp::levels(cure.value) - 1));
    set &= ~(Eptp::memory_type | Eptp::walk_length);
    cleared &= ~(Eptp::memory_type | Eptp::walk_length);
  } else if (is_address(cure.field)) {
    if (cure.value == ~u64{0}) return "all ones: there is no shadow VMCS";
    const u64 low = page_bytes - 1;
    return (set | cleared) & ~low ? "an address that the CPU can reach" : "the beginning of its page";
  } else if (is_number(cure.field)) {
    return fmt::format("{} it to {}", set > cleared ? "raise" : "lower", cure.value);
  } else if (const std::string types = type_change(cure); !types.empty()) {
    changes.push_back(types);
    set &= ~u64{Rights::type};
    cleared &= ~u64{Rights::type};
  }
  if (set) changes.push_back("set " + bit_names(cure.field, set));
  if (cleared) changes.push_back("clear " + bit_names(cure.field, cleared));
  return joined(changes);
}

std::string text(const RuleExplanation& e, const NameCode& name) {
  std::string all =
      fmt::format("{}: {}\n  manual: {}", e.rule->id, e.rule->sentence, titled_in_manual(e.rule->title));
  for (const RuleExplanation::Value& value : e.values)
    all += fmt::format("\n  {} = {:#x}, {}", info(value.field).id, value.value, text(value, name));
  for (const RuleExplanation::Source& source : e.sources) {
    all += source.msr ? fmt::format("\n  {} (MSR {:#x}) = {:#x}", source.name, source.msr, source.value)
                      : fmt::format("\n  {} = {}", source.name, source.value);
  }
  if (const std::string cure = cure_text(e); !cure.empty())
    all += fmt::format("\n  cure: {} = {:#x}: {}", info(e.cure->field).id, e.cure->value, cure);
  if (!e.hint.empty()) all += fmt::format("\n  hint: {}", e.hint);
  return all;
}

}  // namespace ringside
