// Owns the table of VM-entry rules, put together from rules/*.inc, and the search for those that are broken.
#include "vmx/rules.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "vmx/rules/predicates.h"

namespace ringside {
namespace rule {
namespace {

using Fields = std::array<Field, Rule::max_fields>;

// A secondary or tertiary control also depends on the primary control that activates it.
template <class... F>
consteval Fields fields(F... of) {
  const std::array<Field, sizeof...(of)> given = {of...};
  Fields all;
  all.fill(Field::count);
  unsigned n = 0;
  bool activated = false, has_primary = false;
  for (Field field : given) {
    all[n++] = field;
    activated = activated || field == SECONDARY_CONTROLS || field == TERTIARY_CONTROLS;
    has_primary = has_primary || field == PRIMARY_CONTROLS;
  }
  if (activated && !has_primary) all[n] = PRIMARY_CONTROLS;
  return all;
}

// A row. In its expressions `v` is the EntryView and `x` the value of the first field; `wanted` is the
// nearest value of that field with which the rule holds (it holds if they are equal).
struct Row {
  std::string_view id, sentence;
  Fields fields;
  RuleSource source;
  bool (*applies)(const EntryView&);
  bool (*broken)(const EntryView&);
  u64 (*nearest)(const EntryView&);
  u8 qualification = 0;
  bool beyond_vmcs = false;
};

// clang-format off
#define TERM(Type, of, expression)                             \
  [](const EntryView& v) -> Type {                             \
    [[maybe_unused]] const u64 x = v[fields of[0]];            \
    return static_cast<Type>(expression);                      \
  }
#define FULL_RULE(q, beyond, id, sentence, source, of, applies, holds) \
  {id, sentence, fields of, RuleSource::source, TERM(bool, of, applies), TERM(bool, of, (applies) && !(holds)), nullptr, q, beyond},
#define FULL_VALUE(q, beyond, id, sentence, source, of, applies, wanted)                                  \
  {id, sentence, fields of, RuleSource::source, TERM(bool, of, applies), TERM(bool, of, (applies) && (wanted) != x),   \
   TERM(u64, of, wanted), q, beyond},
// Whether it holds may change without a VMWRITE: BEYOND_.
#define RULE(...) FULL_RULE(0, false, __VA_ARGS__)
#define BEYOND_RULE(...) FULL_RULE(0, true, __VA_ARGS__)
#define VALUE(...) FULL_VALUE(0, false, __VA_ARGS__)
#define BEYOND_VALUE(...) FULL_VALUE(0, true, __VA_ARGS__)
#define QUALIFIED_VALUE(q, ...) FULL_VALUE(q, false, __VA_ARGS__)
// A control that demands something else.
#define NEEDS(id, sentence, control, of, other) \
  VALUE(id, sentence, none, of, v.has(C::control), (other) ? x : x & ~mask(C::control))
// One rule for a guest's segment register `s`, or for several.
#define SEGMENT_TERM(S, Type, of, expression)                  \
  [](const EntryView& v) -> Type {                             \
    [[maybe_unused]] constexpr unsigned s = S;                 \
    [[maybe_unused]] const u64 x = v[fields of[0]];            \
    return static_cast<Type>(expression);                      \
  }
#define SEGMENT(S, name, suffix, sentence, source, of, applies, wanted)                                           \
  {"guest." name "." #suffix, #S ": " sentence, [] { constexpr unsigned s = S; return fields of; }(),              \
   RuleSource::source, SEGMENT_TERM(S, bool, of, applies), SEGMENT_TERM(S, bool, of, (applies) && (wanted) != x),              \
   SEGMENT_TERM(S, u64, of, wanted)},
#define EACH_DATA_SEGMENT(...)                                                \
  SEGMENT(DS, "ds", __VA_ARGS__) SEGMENT(ES, "es", __VA_ARGS__)               \
  SEGMENT(FS, "fs", __VA_ARGS__) SEGMENT(GS, "gs", __VA_ARGS__)
#define EACH_SEGMENT(...) \
  SEGMENT(CS, "cs", __VA_ARGS__) SEGMENT(SS, "ss", __VA_ARGS__) EACH_DATA_SEGMENT(__VA_ARGS__)
// clang-format on

constexpr Row controls_execution[] = {
#include "vmx/rules/controls_execution.inc"
};
constexpr Row controls_exit[] = {
#include "vmx/rules/controls_exit.inc"
};
constexpr Row controls_entry[] = {
#include "vmx/rules/controls_entry.inc"
};
constexpr Row host_registers[] = {
#include "vmx/rules/host_registers.inc"
};
constexpr Row host_segments[] = {
#include "vmx/rules/host_segments.inc"
};
constexpr Row host_address_space[] = {
#include "vmx/rules/host_address_space.inc"
};
constexpr Row guest_registers[] = {
#include "vmx/rules/guest_registers.inc"
};
constexpr Row guest_segments[] = {
#include "vmx/rules/guest_segments.inc"
};
constexpr Row guest_descriptor_tables[] = {
#include "vmx/rules/guest_descriptor_tables.inc"
};
constexpr Row guest_rip_rflags[] = {
#include "vmx/rules/guest_rip_rflags.inc"
};
constexpr Row guest_non_register[] = {
#include "vmx/rules/guest_non_register.inc"
};
constexpr Row guest_link_pointer[] = {
#include "vmx/rules/guest_link_pointer.inc"
};
constexpr Row guest_pdptes[] = {
#include "vmx/rules/guest_pdptes.inc"
};

#undef TERM
#undef FULL_RULE
#undef FULL_VALUE
#undef RULE
#undef BEYOND_RULE
#undef VALUE
#undef BEYOND_VALUE
#undef QUALIFIED_VALUE
#undef NEEDS
#undef SEGMENT_TERM
#undef SEGMENT
#undef EACH_DATA_SEGMENT
#undef EACH_SEGMENT

struct Section {
  RuleStage stage;
  std::string_view title;
  std::span<const Row> rows;
  u8 qualification = 0;  // of rows that have none of their own
};
constexpr Section sections[] = {
    {RuleStage::controls, "VM-Execution Control Fields", controls_execution},
    {RuleStage::controls, "VM-Exit Control Fields", controls_exit},
    {RuleStage::controls, "VM-Entry Control Fields", controls_entry},
    {RuleStage::host, "Checks on Host Control Registers, MSRs, and SSP", host_registers},
    {RuleStage::host, "Checks on Host Segment and Descriptor-Table Registers", host_segments},
    {RuleStage::host, "Checks Related to Address-Space Size", host_address_space},
    {RuleStage::guest, "Checks on Guest Control Registers, Debug Registers, and MSRs", guest_registers},
    {RuleStage::guest, "Checks on Guest Segment Registers", guest_segments},
    {RuleStage::guest, "Checks on Guest Descriptor-Table Registers", guest_descriptor_tables},
    {RuleStage::guest, "Checks on Guest RIP, RFLAGS, and SSP", guest_rip_rflags},
    {RuleStage::guest, "Checks on Guest Non-Register State", guest_non_register},
    {RuleStage::guest, "Checks on Guest Non-Register State", guest_link_pointer, 4},
    {RuleStage::guest, "Checks on Guest Page-Directory-Pointer-Table Entries", guest_pdptes, 2},
};

constexpr unsigned rule_count = [] {
  std::size_t n = 0;
  for (const Section& section : sections) n += section.rows.size();
  return static_cast<unsigned>(n);
}();
constexpr std::array<Rule, rule_count> table = [] {
  std::array<Rule, rule_count> all{};
  unsigned n = 0;
  for (const Section& section : sections) {
    for (const Row& row : section.rows) {
      all[n++] = {row.id,         section.stage,
                  row.sentence,   section.title,
                  row.fields,     row.applies,
                  row.broken,     row.nearest,
                  row.source,     row.qualification ? row.qualification : section.qualification,
                  row.beyond_vmcs};
    }
  }
  return all;
}();

// Rules by number, in the order of the table.
struct RuleSet {
  std::array<u64, (rule_count + 63) / 64> word{};
  constexpr void add(unsigned rule) { word[rule / 64] |= bit(rule % 64); }
  constexpr void add(const RuleSet& other) {
    for (unsigned i = 0; i < word.size(); ++i) word[i] |= other.word[i];
  }
};
constexpr RuleSet beyond_vmcs = [] {
  RuleSet set;
  for (unsigned i = 0; i < rule_count; ++i) {
    if (table[i].beyond_vmcs) set.add(i);
  }
  return set;
}();
constexpr unsigned word_count = (rule_count + 63) / 64;
constexpr unsigned rules_in_word(unsigned word) { return std::min(64u, rule_count - 64 * word); }
// They are asked at every VM entry and hardly ever broken: in straight code, and together.
template <unsigned word, std::size_t... n>
bool any_beyond_vmcs_broken_of(const EntryView& view, std::index_sequence<n...>) {
  return (... || (table[64 * word + n].beyond_vmcs && table[64 * word + n].broken(view)));
}
template <std::size_t... w>
bool any_beyond_vmcs_broken(const EntryView& view, std::index_sequence<w...>) {
  return (... || any_beyond_vmcs_broken_of<w>(view, std::make_index_sequence<rules_in_word(w)>()));
}
constexpr std::array<RuleSet, field_count> readers = [] {
  std::array<RuleSet, field_count> sets{};
  for (unsigned i = 0; i < rule_count; ++i) {
    for (Field field : table[i].fields) {
      if (field != Field::count) sets[static_cast<unsigned>(field)].add(i);
    }
  }
  return sets;
}();

// The first broken of the rules 64 * word to 64 * word + 63, asked one after the other in straight code.
// Calls through pointers are mostly mispredicted: where many of them matter it is faster to ask all.
template <unsigned word, std::size_t... n>
const Rule* first_broken(const EntryView& view, std::index_sequence<n...>) {
  const Rule* found = nullptr;
  static_cast<void>((... || (table[64 * word + n].broken(view) && (found = &table[64 * word + n]))));
  return found;
}
constexpr auto first_broken_of_word = []<std::size_t... w>(std::index_sequence<w...>) {
  return std::array<const Rule* (*)(const EntryView&), word_count>{[](const EntryView& view) {
    return first_broken<w>(view, std::make_index_sequence<rules_in_word(w)>());
  }...};
}
(std::make_index_sequence<word_count>());

// By field: the words in which it has many readers, as bits.
constexpr std::array<u8, field_count> crowded = [] {
  constexpr int many = 12;
  static_assert(word_count <= 8);
  std::array<u8, field_count> words{};
  for (unsigned i = 0; i < field_count; ++i) {
    for (unsigned w = 0; w < word_count; ++w) {
      if (std::popcount(readers[i].word[w]) >= many) words[i] |= static_cast<u8>(1u << w);
    }
  }
  return words;
}();

}  // namespace
}  // namespace rule

std::span<const Rule> entry_rules() { return rule::table; }

const Rule* find_rule(std::string_view id) {
  const auto found =
      std::find_if(rule::table.begin(), rule::table.end(), [&](const Rule& r) { return r.id == id; });
  return found == rule::table.end() ? nullptr : &*found;
}

const Rule* first_violation(const EntryView& view, const FieldSet& dirty) {
  rule::RuleSet suspects;
  if (rule::any_beyond_vmcs_broken(view, std::make_index_sequence<rule::word_count>()))
    suspects = rule::beyond_vmcs;
  unsigned straight = 0;  // words of rules to ask one after the other
  for (unsigned w = 0; w < FieldSet::words; ++w) {
    for (u64 bits = dirty.word[w]; bits; bits &= bits - 1) {
      const unsigned field = 64 * w + static_cast<unsigned>(std::countr_zero(bits));
      if (field >= field_count) break;
      suspects.add(rule::readers[field]);
      straight |= rule::crowded[field];
    }
  }
  for (unsigned w = 0; w < suspects.word.size(); ++w) {
    if (straight >> w & 1) {
      if (const Rule* rule = rule::first_broken_of_word[w](view)) return rule;
      continue;
    }
    for (u64 bits = suspects.word[w]; bits; bits &= bits - 1) {
      const Rule& rule = rule::table[64 * w + static_cast<unsigned>(std::countr_zero(bits))];
      if (rule.broken(view)) return &rule;
    }
  }
  return nullptr;
}

std::vector<const Rule*> violations(const EntryView& view) {
  std::vector<const Rule*> broken;
  for (const Rule& rule : rule::table) {
    if (rule.broken(view)) broken.push_back(&rule);
  }
  return broken;
}

}  // namespace ringside
