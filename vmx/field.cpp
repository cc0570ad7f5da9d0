// Owns the table of VMCS fields and the way from an encoding to its row.
#include "vmx/field.h"

namespace ringside {
namespace {

constexpr VmxControl needs_of(VmxControl control) { return control; }

constexpr std::array<FieldInfo, field_count> table = [] {
  using enum VmxControl;
  constexpr VmxControl always = FieldInfo::always;
  return std::array<FieldInfo, field_count>{{
#define FIELD(id, encoding, name, area, needs) {encoding, FieldArea::area, needs_of(needs), #id, name},
#include "vmx/fields.inc"
#undef FIELD
  }};
}();

constexpr std::array<u8, field_slots> slots = [] {
  std::array<u8, field_slots> t{};
  for (unsigned i = 0; i < field_count; ++i) t[field_slot(table[i].encoding)] = static_cast<u8>(i + 1);
  return t;
}();
static_assert([] {
  constexpr unsigned index_limit = 64;
  for (unsigned i = 0; i < field_count; ++i) {
    if (table[i].index() >= index_limit || slots[field_slot(table[i].encoding)] != i + 1) return false;
  }
  return true;
}());

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

}  // namespace

const std::array<FieldInfo, field_count> field_table = table;
const std::array<u8, field_slots> field_slot_table = slots;

std::optional<Field> find_field_by_id(std::string_view id) {
  for (unsigned i = 0; i < field_count; ++i) {
    const std::string_view own = table[i].id;
    if (own.size() != id.size()) continue;
    bool same = true;
    for (std::size_t k = 0; k < id.size() && same; ++k) same = lower(own[k]) == lower(id[k]);
    if (same) return static_cast<Field>(i);
  }
  return std::nullopt;
}

}  // namespace ringside
