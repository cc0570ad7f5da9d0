// Owns values in words, from DWARF: what variables and members hold, by their types.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <memory>

#include "frontend/symbols/dwarf_expression.h"
#include "frontend/symbols/symbols_image.h"

namespace ringside {
namespace {

constexpr unsigned most_steps = 32, most_elements = 8, most_members = 1000;
constexpr std::string_view lost = "<optimized out>", unreadable = "<not readable>";

std::optional<u64> number(Dwarf_Die& die, unsigned name) {
  Dwarf_Attribute attribute;
  Dwarf_Word word = 0;
  if (!dwarf_attr_integrate(&die, name, &attribute) || dwarf_formudata(&attribute, &word) != 0)
    return std::nullopt;
  return word;
}

bool type_of(Dwarf_Die& die, Dwarf_Die& type) {
  Dwarf_Attribute attribute;
  return dwarf_attr_integrate(&die, DW_AT_type, &attribute) && dwarf_formref_die(&attribute, &type);
}

std::string type_name(Dwarf_Die type, bool there, unsigned depth = 0) {
  if (!there) return "void";
  if (depth > most_steps) return "...";
  const char* own = dwarf_diename(&type);
  const std::string name = own ? own : "{...}";
  Dwarf_Die inner;
  const auto below = [&] {
    const bool more = type_of(type, inner);
    return type_name(inner, more, depth + 1);
  };
  switch (dwarf_tag(&type)) {
    case DW_TAG_structure_type:
    case DW_TAG_class_type: return "struct " + name;
    case DW_TAG_union_type: return "union " + name;
    case DW_TAG_enumeration_type: return "enum " + name;
    case DW_TAG_pointer_type:
    case DW_TAG_reference_type: return below() + " *";
    case DW_TAG_const_type: return "const " + below();
    case DW_TAG_volatile_type: {
      // Compilers nest the two either way.
      const std::string what = below();
      return what.starts_with("const ") ? "const volatile " + what.substr(6) : "volatile " + what;
    }
    case DW_TAG_array_type: return below() + " []";
    case DW_TAG_subroutine_type: return "function";
    default: return name;
  }
}

// Where a value is, or the value itself.
struct Held {
  bool in_memory = true;
  u64 word = 0;
};

class Teller {
 public:
  explicit Teller(const Symbols::Read& read) : read_(read) {}

  std::string value(Dwarf_Die type, const Held& held, unsigned depth) const {
    for (unsigned n = 0; n < most_steps; ++n) {
      const int tag = dwarf_tag(&type);
      if (tag != DW_TAG_typedef && tag != DW_TAG_const_type && tag != DW_TAG_volatile_type) break;
      Dwarf_Die inner;
      if (!type_of(type, inner)) return "void";
      type = inner;
    }
    switch (dwarf_tag(&type)) {
      case DW_TAG_structure_type:
      case DW_TAG_class_type:
      case DW_TAG_union_type: return structure(type, held, depth);
      case DW_TAG_array_type: return array(type, held, depth);
      default: return scalar(type, held);
    }
  }
  std::string member(Dwarf_Die member, u64 structure) const {
    Dwarf_Die type;
    if (!type_of(member, type)) return {};
    const u64 at = structure + number(member, DW_AT_data_member_location).value_or(0);
    const u64 bits = number(member, DW_AT_bit_size).value_or(0);
    if (bits == 0 || bits > 64) return value(type, {true, at}, 1);
    const u64 first = number(member, DW_AT_data_bit_offset).value_or(0);
    u64 field = 0;
    for (u64 n = 0; n < bits; ++n) {
      const auto byte = read_(at + (first + n) / 8, 1);
      if (!byte) return std::string(unreadable);
      field |= (*byte >> ((first + n) % 8) & 1) << n;
    }
    return scalar(type, {false, field});
  }

 private:
  std::string scalar(Dwarf_Die& type, const Held& held) const {
    const bool pointer = dwarf_tag(&type) == DW_TAG_pointer_type || dwarf_tag(&type) == DW_TAG_reference_type;
    const u64 size = number(type, DW_AT_byte_size).value_or(pointer ? 8 : 0);
    if (size == 0 || size > 8) return fmt::format("<{} bytes>", size);
    u64 word = held.word;
    if (held.in_memory) {
      word = 0;
      for (unsigned n = 0; n < size; ++n) {
        const auto byte = read_(held.word + n, 1);
        if (!byte) return std::string(unreadable);
        word |= *byte << (8 * n);
      }
    }
    if (size < 8) word &= (u64{1} << (8 * size)) - 1;
    if (pointer) return fmt::format("{:#x}", word);
    if (dwarf_tag(&type) == DW_TAG_enumeration_type) return enumerator(type, word, size);
    switch (number(type, DW_AT_encoding).value_or(DW_ATE_unsigned)) {
      case DW_ATE_boolean: return word ? "true" : "false";
      case DW_ATE_float:
        if (size == 4) return fmt::format("{}", std::bit_cast<float>(static_cast<u32>(word)));
        return fmt::format("{}", std::bit_cast<double>(word));
      case DW_ATE_signed:
      case DW_ATE_signed_char: {
        const unsigned shift = static_cast<unsigned>(64 - 8 * size);
        return fmt::format("{}", static_cast<s64>(word << shift) >> shift);
      }
      default: return word < 10 ? fmt::format("{}", word) : fmt::format("{} ({:#x})", word, word);
    }
  }
  static std::string enumerator(Dwarf_Die& type, u64 word, u64 size) {
    Dwarf_Die one;
    const u64 mask = size < 8 ? (u64{1} << (8 * size)) - 1 : ~u64{0};
    if (dwarf_child(&type, &one) == 0) {
      do {
        const auto value = number(one, DW_AT_const_value);
        const char* name = dwarf_diename(&one);
        if (name && value && (*value & mask) == word) return name;
      } while (next_sibling(one));
    }
    return fmt::format("{}", word);
  }
  std::string structure(Dwarf_Die& type, const Held& held, unsigned depth) const {
    if (!held.in_memory || depth > 1) return "{...}";
    std::string text;
    Dwarf_Die one;
    unsigned told = 0;
    if (dwarf_child(&type, &one) == 0) {
      do {
        if (dwarf_tag(&one) != DW_TAG_member) continue;
        if (told++ == most_elements) {
          text += ", ...";
          break;
        }
        const char* name = dwarf_diename(&one);
        Dwarf_Die inner;
        const u64 at = held.word + number(one, DW_AT_data_member_location).value_or(0);
        text += fmt::format("{}{} = {}", told > 1 ? ", " : "", name ? name : "",
                            type_of(one, inner) ? value(inner, {true, at}, depth + 1) : "");
      } while (next_sibling(one));
    }
    return "{" + text + "}";
  }
  std::string array(Dwarf_Die& type, const Held& held, unsigned depth) const {
    Dwarf_Die range, element;
    if (!held.in_memory || depth > 1 || !type_of(type, element)) return "{...}";
    u64 count = 0;
    if (dwarf_child(&type, &range) == 0) {
      count = number(range, DW_AT_count).value_or(0);
      if (const auto last = number(range, DW_AT_upper_bound); last && *last != ~u64{0}) count = *last + 1;
    }
    Dwarf_Word size = 0;
    if (dwarf_aggregate_size(&element, &size) != 0 || size == 0) return "{...}";
    if (size == 1 && number(element, DW_AT_encoding).value_or(0) == DW_ATE_signed_char)
      return text(held.word, count);
    std::string all;
    for (u64 n = 0; n < std::min<u64>(count, most_elements); ++n)
      all += fmt::format("{}{}", n ? ", " : "", value(element, {true, held.word + n * size}, depth + 1));
    return fmt::format("{{{}{}}}", all, count > most_elements ? ", ..." : "");
  }
  std::string text(u64 at, u64 count) const {
    std::string out = "\"";
    for (u64 n = 0; n < std::min<u64>(count, 64); ++n) {
      const auto c = read_(at + n, 1);
      if (!c) return std::string(unreadable);
      if (*c == 0) break;
      out += *c >= 0x20 && *c < 0x7f ? static_cast<char>(*c) : '?';
    }
    return out + "\"";
  }

  const Symbols::Read& read_;
};

}  // namespace

std::vector<Symbols::Variable> SymbolImage::locals(u64 address, u64 offset, const UnwindRegisters& registers,
                                                   std::optional<u64> cfa, const Symbols::Read& read) {
  std::vector<Symbols::Variable> all;
  const Teller teller(read);
  DwarfExpression::Around around{.cfa = cfa, .offset = offset};
  const auto held = [&](Dwarf_Die& die, unsigned name) -> std::optional<Held> {
    Dwarf_Attribute attribute;
    Dwarf_Op* ops = nullptr;
    std::size_t count = 0;
    if (!dwarf_attr_integrate(&die, name, &attribute) ||
        dwarf_getlocation_addr(&attribute, address, &ops, &count, 1) != 1 || count == 0)
      return std::nullopt;
    DwarfExpression expression(registers, read, around);
    const auto value = expression.value(ops, count);
    if (!value) return std::nullopt;
    return Held{!expression.is_value() && !expression.in_register(), *value};
  };
  const auto tell = [&](Dwarf_Die die) {
    const char* name = dwarf_diename(&die);
    const bool seen =
        !name || std::any_of(all.begin(), all.end(), [&](const auto& v) { return v.name == name; });
    if (seen || all.size() == most_members) return;
    Dwarf_Die type;
    const bool typed = type_of(die, type);
    auto where = held(die, DW_AT_location);
    if (const auto constant = number(die, DW_AT_const_value); !where && constant)
      where = Held{false, *constant};
    all.push_back({name, type_name(type, typed),
                   typed && where ? teller.value(type, *where, 0) : std::string(lost), 0});
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
      if (const auto base = held(found[n], DW_AT_frame_base)) around.frame_base = base->word;
    }
    for (int n = 0; n < count && dwarf_tag(&found[n]) != DW_TAG_compile_unit; ++n) {
      Dwarf_Die child;
      if (dwarf_child(&found[n], &child) != 0) continue;
      do {
        const int tag = dwarf_tag(&child);
        if (tag == DW_TAG_formal_parameter || tag == DW_TAG_variable) tell(child);
      } while (next_sibling(child));
    }
    return true;
  });
  return all;
}

std::vector<Symbols::Variable> SymbolImage::members(std::string_view name, std::optional<u64> address,
                                                    const Symbols::Read& read) {
  std::vector<Symbols::Variable> all;
  const Teller teller(read);
  Dwarf_Die type, one;
  if (!find_type(name, type) || dwarf_child(&type, &one) != 0) return all;
  do {
    if (dwarf_tag(&one) != DW_TAG_member || all.size() == most_members) continue;
    const char* own = dwarf_diename(&one);
    Dwarf_Die of;
    const bool typed = type_of(one, of);
    all.push_back({own ? own : "", type_name(of, typed), address ? teller.member(one, *address) : "",
                   number(one, DW_AT_data_member_location).value_or(0)});
  } while (next_sibling(one));
  return all;
}

}  // namespace ringside
