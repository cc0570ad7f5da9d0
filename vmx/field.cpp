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

// By width (2 bits), kind (2 bits) and the low 6 bits of the index: 0 none, else the field's number + 1.
constexpr unsigned slots = 1024, slot_index_limit = 64;
constexpr unsigned slot_of(u64 encoding) {
  return static_cast<unsigned>((encoding >> 13 & 3) << 8 | (encoding >> 10 & 3) << 6 |
                               (encoding >> 1 & 0x3f));
}
constexpr std::array<u8, slots> slot_table = [] {
  std::array<u8, slots> t{};
  for (unsigned i = 0; i < field_count; ++i) t[slot_of(table[i].encoding)] = static_cast<u8>(i + 1);
  return t;
}();
static_assert([] {
  for (unsigned i = 0; i < field_count; ++i) {
    if (table[i].index() >= slot_index_limit || slot_table[slot_of(table[i].encoding)] != i + 1) return false;
  }
  return true;
}());

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

}  // namespace

const FieldInfo& info(Field field) { return table[static_cast<unsigned>(field)]; }

std::optional<FieldAccess> find_field(u64 encoding) {
  constexpr u64 defined = 0x7fff & ~bit(12);
  if (encoding & ~defined) return std::nullopt;
  if ((encoding >> 1 & 0x1ff) >= slot_index_limit) return std::nullopt;
  const u8 number = slot_table[slot_of(encoding)];
  if (number == 0) return std::nullopt;
  const Field field = static_cast<Field>(number - 1);
  const bool high = encoding & 1;
  if (high && info(field).width() != FieldWidth::bits64) return std::nullopt;
  return FieldAccess{field, high};
}

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
