// Owns the variables that a place in the code can name, from DWARF.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "frontend/symbols/dwarf_expression.h"
#include "frontend/symbols/dwarf_values.h"
#include "frontend/symbols/symbols_image.h"

namespace ringside {
namespace {

constexpr std::size_t most_members = 1000;

}  // namespace

void SymbolImage::each_variable(u64 address, u64 offset, const UnwindRegisters& registers,
                                std::optional<u64> cfa, const Symbols::Read& read,
                                const VisitVariable& visit) {
  DwarfExpression::Around around{.cfa = cfa, .offset = offset};
  const auto stored = [&](Dwarf_Die& die, unsigned name) -> std::optional<Stored> {
    Dwarf_Attribute attribute;
    Dwarf_Op* ops = nullptr;
    std::size_t count = 0;
    if (!dwarf_attr_integrate(&die, name, &attribute) ||
        dwarf_getlocation_addr(&attribute, address, &ops, &count, 1) != 1 || count == 0)
      return std::nullopt;
    DwarfExpression expression(registers, read, around);
    const auto value = expression.value(ops, count);
    if (!value) return std::nullopt;
    return Stored{!expression.is_value() && !expression.in_register(), *value};
  };
  const auto where = [&](Dwarf_Die& die) {
    auto place = stored(die, DW_AT_location);
    if (const auto constant = number_of(die, DW_AT_const_value); !place && constant)
      place = Stored{false, *constant};
    return place;
  };
  each_unit_at(address, [&](Dwarf_Die& unit) {
    using Dies = std::unique_ptr<Dwarf_Die, decltype(&std::free)>;
    Dwarf_Die* found = nullptr;
    if (dwarf_getscopes(&unit, address, &found) <= 0) return false;
    const Dies innermost(found, std::free);
    const int count = dwarf_getscopes_die(innermost.get(), &found);
    if (count <= 0) return false;
    const Dies scopes(found, std::free);
    for (int n = 0; n < count; ++n) {
      if (dwarf_tag(&found[n]) != DW_TAG_subprogram) continue;
      if (const auto base = stored(found[n], DW_AT_frame_base)) around.frame_base = base->word;
    }
    for (int n = 0; n < count && dwarf_tag(&found[n]) != DW_TAG_compile_unit; ++n) {
      Dwarf_Die child;
      if (dwarf_child(&found[n], &child) != 0) continue;
      do {
        const int tag = dwarf_tag(&child);
        if (tag == DW_TAG_formal_parameter || tag == DW_TAG_variable) visit(child, where);
      } while (next_sibling(child));
    }
    return true;
  });
}

std::vector<Symbols::Variable> SymbolImage::locals(u64 address, u64 offset, const UnwindRegisters& registers,
                                                   std::optional<u64> cfa, const Symbols::Read& read) {
  std::vector<Symbols::Variable> all;
  each_variable(address, offset, registers, cfa, read, [&](Dwarf_Die& die, const WhereIs& where) {
    const char* name = dwarf_diename(&die);
    const bool seen =
        !name || std::any_of(all.begin(), all.end(), [&](const auto& v) { return v.name == name; });
    if (seen || all.size() == most_members) return;
    Dwarf_Die type;
    const bool typed = type_of(die, type);
    const auto stored = where(die);
    all.push_back({name, type_name(type, typed),
                   typed && stored ? value_text(type, *stored, read) : std::string(lost_value), 0});
  });
  return all;
}

bool SymbolImage::find_global(std::string_view name, Dwarf_Die& found, u64& address) {
  if (!has_lines_) return false;
  const auto [known, fresh] = globals_.try_emplace(std::string(name), 0);
  if (!fresh) {
    if (known->second == 0 || !dwarf_offdie(dwarf_, known->second, &found)) return false;
  } else {
    index_units();
    for (auto unit_at = dies_.begin(); known->second == 0 && unit_at != dies_.end(); ++unit_at) {
      Dwarf_Die unit;
      if (!dwarf_offdie(dwarf_, *unit_at, &unit) || dwarf_child(&unit, &found) != 0) continue;
      do {
        const char* own = dwarf_tag(&found) == DW_TAG_variable ? dwarf_diename(&found) : nullptr;
        if (own && own == name && dwarf_hasattr(&found, DW_AT_location))
          known->second = dwarf_dieoffset(&found);
      } while (known->second == 0 && next_sibling(found));
    }
    if (known->second == 0) return false;
  }
  Dwarf_Attribute attribute;
  Dwarf_Op* ops = nullptr;
  std::size_t count = 0;
  if (!dwarf_attr(&found, DW_AT_location, &attribute) || dwarf_getlocation(&attribute, &ops, &count) != 0 ||
      count != 1)
    return false;
  address = ops[0].number;
  if (ops[0].atom == DW_OP_addr) return true;
  // By its number in a table of addresses.
  Dwarf_Attribute entry;
  Dwarf_Addr value = 0;
  const bool by_number = ops[0].atom == DW_OP_addrx && dwarf_getlocation_attr(&attribute, ops, &entry) == 0 &&
                         dwarf_formaddr(&entry, &value) == 0;
  address = value;
  return by_number;
}

std::vector<Symbols::Variable> SymbolImage::members(std::string_view name, std::optional<u64> address,
                                                    const Symbols::Read& read) {
  std::vector<Symbols::Variable> all;
  Dwarf_Die type, one;
  if (!find_type(name, type) || dwarf_child(&type, &one) != 0) return all;
  do {
    if (dwarf_tag(&one) != DW_TAG_member || all.size() == most_members) continue;
    const char* own = dwarf_diename(&one);
    Dwarf_Die of;
    const bool typed = type_of(one, of);
    all.push_back({own ? own : "", type_name(of, typed), address ? member_text(one, *address, read) : "",
                   number_of(one, DW_AT_data_member_location).value_or(0)});
  } while (next_sibling(one));
  return all;
}

}  // namespace ringside
