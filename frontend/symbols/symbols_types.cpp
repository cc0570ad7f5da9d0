// Owns types by name, from DWARF: where a member lies in its structure.
#include <dwarf.h>

#include "frontend/symbols/dwarf_values.h"
#include "frontend/symbols/symbols_image.h"

namespace ringside {
bool SymbolImage::find_type(std::string_view name, Dwarf_Die& found, bool any) {
  if (!has_lines_) return false;
  index_units();
  for (const Dwarf_Off at : dies_) {
    Dwarf_Die unit;
    if (!dwarf_offdie(dwarf_, at, &unit) || dwarf_child(&unit, &found) != 0) continue;
    do {
      const int tag = dwarf_tag(&found);
      const bool other = tag == DW_TAG_typedef || tag == DW_TAG_enumeration_type || tag == DW_TAG_base_type;
      if (!is_structure(found) && !(any && other)) continue;
      const char* own = dwarf_diename(&found);
      if (own && own == name && !dwarf_hasattr(&found, DW_AT_declaration)) return true;
    } while (next_sibling(found));
  }
  return false;
}

std::optional<Symbols::Member> SymbolImage::member(std::string_view structure, std::string_view name) {
  Dwarf_Die type, found;
  u64 offset = 0;
  if (!find_type(structure, type) || !find_member(type, name, found, offset)) return std::nullopt;
  return Symbols::Member{offset, number_of(type, DW_AT_byte_size).value_or(0)};
}

}  // namespace ringside
