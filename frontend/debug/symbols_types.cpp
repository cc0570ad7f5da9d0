// Owns types by name, from DWARF: where a member lies in its structure.
#include <dwarf.h>

#include "frontend/debug/symbols_image.h"

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
  } while (dwarf_siblingof(&member, &member) == 0);
  return std::nullopt;
}

}  // namespace

std::optional<Symbols::Member> SymbolImage::member(std::string_view structure, std::string_view name) {
  if (!has_lines_) return std::nullopt;
  index_units();
  for (const Dwarf_Off at : dies_) {
    Dwarf_Die unit, die;
    if (!dwarf_offdie(dwarf_, at, &unit) || dwarf_child(&unit, &die) != 0) continue;
    do {
      const int tag = dwarf_tag(&die);
      if (tag != DW_TAG_structure_type && tag != DW_TAG_class_type) continue;
      const char* own = dwarf_diename(&die);
      if (!own || own != structure || dwarf_hasattr(&die, DW_AT_declaration)) continue;
      const auto offset = offset_in(die, name, 0);
      if (!offset) return std::nullopt;
      return Symbols::Member{*offset, number(die, DW_AT_byte_size).value_or(0)};
    } while (dwarf_siblingof(&die, &die) == 0);
  }
  return std::nullopt;
}

}  // namespace ringside
