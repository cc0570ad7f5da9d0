// Owns types by name, from DWARF: where a member lies in its structure.
#include <dwarf.h>

#include "frontend/symbols/symbols_image.h"

namespace ringside {
namespace {

constexpr unsigned deepest = 16;

std::optional<u64> number(Dwarf_Die& die, unsigned attribute) {
  Dwarf_Attribute value;
  Dwarf_Word word = 0;
  if (!dwarf_attr_integrate(&die, attribute, &value) || dwarf_formudata(&value, &word) != 0)
    return std::nullopt;
  return word;
}

// Members of structures without a name are members of the one around it.
std::optional<u64> offset_in(Dwarf_Die& structure, std::string_view name, unsigned depth) {
  Dwarf_Die member;
  if (depth > deepest || dwarf_child(&structure, &member) != 0) return std::nullopt;
  do {
    if (dwarf_tag(&member) != DW_TAG_member) continue;
    const u64 at = number(member, DW_AT_data_member_location).value_or(0);
    const char* own = dwarf_diename(&member);
    if (own && own == name) return at;
    Dwarf_Attribute reference;
    Dwarf_Die type;
    if (own || !dwarf_attr(&member, DW_AT_type, &reference) || !dwarf_formref_die(&reference, &type))
      continue;
    if (const auto inside = offset_in(type, name, depth + 1)) return at + *inside;
  } while (next_sibling(member));
  return std::nullopt;
}

}  // namespace

bool SymbolImage::find_type(std::string_view name, Dwarf_Die& found) {
  if (!has_lines_) return false;
  index_units();
  for (const Dwarf_Off at : dies_) {
    Dwarf_Die unit;
    if (!dwarf_offdie(dwarf_, at, &unit) || dwarf_child(&unit, &found) != 0) continue;
    do {
      const int tag = dwarf_tag(&found);
      if (tag != DW_TAG_structure_type && tag != DW_TAG_class_type && tag != DW_TAG_union_type) continue;
      const char* own = dwarf_diename(&found);
      if (own && own == name && !dwarf_hasattr(&found, DW_AT_declaration)) return true;
    } while (next_sibling(found));
  }
  return false;
}

std::optional<Symbols::Member> SymbolImage::member(std::string_view structure, std::string_view name) {
  Dwarf_Die type;
  const auto offset = find_type(structure, type) ? offset_in(type, name, 0) : std::nullopt;
  if (!offset) return std::nullopt;
  return Symbols::Member{*offset, number(type, DW_AT_byte_size).value_or(0)};
}

}  // namespace ringside
