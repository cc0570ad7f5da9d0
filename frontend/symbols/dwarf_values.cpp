// Owns the words for values, and what they need to know of types.
#include "frontend/symbols/dwarf_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "frontend/symbols/symbols_image.h"

namespace ringside {
namespace {

constexpr unsigned most_elements = 8, longest_text = 64;

}  // namespace

std::optional<u64> number_of(Dwarf_Die& die, unsigned name) {
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

bool plain_type(Dwarf_Die& type) {
  for (unsigned n = 0; n < most_nested_types; ++n) {
    const int tag = dwarf_tag(&type);
    if (tag != DW_TAG_typedef && tag != DW_TAG_const_type && tag != DW_TAG_volatile_type) return true;
    Dwarf_Die inner;
    if (!type_of(type, inner)) return false;
    type = inner;
  }
  return false;
}

bool is_structure(Dwarf_Die& type) {
  const int tag = dwarf_tag(&type);
  return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type;
}

bool find_member(Dwarf_Die& structure, std::string_view name, Dwarf_Die& member, u64& offset,
                 unsigned depth) {
  Dwarf_Die one;
  if (depth > most_nested_types || dwarf_child(&structure, &one) != 0) return false;
  do {
    if (dwarf_tag(&one) != DW_TAG_member && dwarf_tag(&one) != DW_TAG_inheritance) continue;
    const u64 at = number_of(one, DW_AT_data_member_location).value_or(0);
    const char* own = dwarf_tag(&one) == DW_TAG_member ? dwarf_diename(&one) : nullptr;
    if (own && own == name) {
      member = one;
      offset += at;
      return true;
    }
    Dwarf_Die type;
    u64 inside = at;
    if (own || !type_of(one, type) || !plain_type(type)) continue;
    if (find_member(type, name, member, inside, depth + 1)) {
      offset += inside;
      return true;
    }
  } while (next_sibling(one));
  return false;
}

std::optional<u64> read_bits(u64 address, u64 first, u64 count, const Symbols::Read& read) {
  u64 field = 0;
  for (u64 n = 0; n < count; ++n) {
    const auto byte = read(address + (first + n) / 8, 1);
    if (!byte) return std::nullopt;
    field |= (*byte >> ((first + n) % 8) & 1) << n;
  }
  return field;
}

std::string type_name(Dwarf_Die type, bool there, unsigned depth) {
  if (!there) return "void";
  if (depth > most_nested_types) return "...";
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

namespace {

class Teller {
 public:
  Teller(const Symbols::Read& read, unsigned members) : read_(read), members_(members) {}

  std::string value(Dwarf_Die type, const Stored& stored, unsigned depth) const {
    if (!plain_type(type)) return "void";
    switch (dwarf_tag(&type)) {
      case DW_TAG_structure_type:
      case DW_TAG_class_type:
      case DW_TAG_union_type: return structure(type, stored, depth);
      case DW_TAG_array_type: return array(type, stored, depth);
      default: return scalar(type, stored);
    }
  }
  std::string member(Dwarf_Die member, u64 structure) const {
    Dwarf_Die type;
    if (!type_of(member, type)) return {};
    const u64 at = structure + number_of(member, DW_AT_data_member_location).value_or(0);
    const u64 bits = number_of(member, DW_AT_bit_size).value_or(0);
    if (bits == 0 || bits > 64) return value(type, {true, at}, 1);
    const u64 first = number_of(member, DW_AT_data_bit_offset).value_or(0);
    const auto field = read_bits(at, first, bits, read_);
    if (!field) return std::string(unreadable_value);
    return scalar(type, {false, *field});
  }

  std::string scalar(Dwarf_Die& type, const Stored& stored) const {
    const bool pointer = dwarf_tag(&type) == DW_TAG_pointer_type || dwarf_tag(&type) == DW_TAG_reference_type;
    const u64 size = number_of(type, DW_AT_byte_size).value_or(pointer ? 8 : 0);
    if (size == 0 || size > 8) return fmt::format("<{} bytes>", size);
    u64 word = stored.word;
    if (stored.in_memory) {
      word = 0;
      for (unsigned n = 0; n < size; ++n) {
        const auto byte = read_(stored.word + n, 1);
        if (!byte) return std::string(unreadable_value);
        word |= *byte << (8 * n);
      }
    }
    if (size < 8) word &= (u64{1} << (8 * size)) - 1;
    if (pointer) return pointer_text(type, word);
    if (dwarf_tag(&type) == DW_TAG_enumeration_type) return enumerator(type, word, size);
    switch (number_of(type, DW_AT_encoding).value_or(DW_ATE_unsigned)) {
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

 private:
  std::string pointer_text(Dwarf_Die& type, u64 word) const {
    Dwarf_Die to;
    const bool typed = type_of(type, to) && plain_type(to);
    const bool to_text = typed && dwarf_tag(&to) == DW_TAG_base_type &&
                         number_of(to, DW_AT_encoding).value_or(0) == DW_ATE_signed_char;
    const std::string at = fmt::format("{:#x}", word);
    if (!to_text || word == 0 || !read_(word, 1)) return at;
    return fmt::format("{} {}", at, text(word, longest_text));
  }
  static std::string enumerator(Dwarf_Die& type, u64 word, u64 size) {
    Dwarf_Die one;
    const u64 mask = size < 8 ? (u64{1} << (8 * size)) - 1 : ~u64{0};
    if (dwarf_child(&type, &one) == 0) {
      do {
        const auto value = number_of(one, DW_AT_const_value);
        const char* name = dwarf_diename(&one);
        if (name && value && (*value & mask) == word) return name;
      } while (next_sibling(one));
    }
    return fmt::format("{}", word);
  }
  std::string structure(Dwarf_Die& type, const Stored& stored, unsigned depth) const {
    if (!stored.in_memory || depth > 1) return "{...}";
    std::string text;
    Dwarf_Die one;
    unsigned told = 0;
    if (dwarf_child(&type, &one) == 0) {
      do {
        if (dwarf_tag(&one) != DW_TAG_member) continue;
        if (told++ == (depth == 0 ? members_ : most_elements)) {
          text += ", ...";
          break;
        }
        const char* name = dwarf_diename(&one);
        Dwarf_Die inner;
        const u64 at = stored.word + number_of(one, DW_AT_data_member_location).value_or(0);
        text += fmt::format("{}{} = {}", told > 1 ? ", " : "", name ? name : "",
                            type_of(one, inner) ? value(inner, {true, at}, depth + 1) : "");
      } while (next_sibling(one));
    }
    return "{" + text + "}";
  }
  std::string array(Dwarf_Die& type, const Stored& stored, unsigned depth) const {
    Dwarf_Die range, element;
    if (!stored.in_memory || depth > 1 || !type_of(type, element)) return "{...}";
    u64 count = 0;
    if (dwarf_child(&type, &range) == 0) {
      count = number_of(range, DW_AT_count).value_or(0);
      if (const auto last = number_of(range, DW_AT_upper_bound); last && *last != ~u64{0}) count = *last + 1;
    }
    Dwarf_Word size = 0;
    if (dwarf_aggregate_size(&element, &size) != 0 || size == 0) return "{...}";
    if (size == 1 && number_of(element, DW_AT_encoding).value_or(0) == DW_ATE_signed_char)
      return text(stored.word, count);
    std::string all;
    for (u64 n = 0; n < std::min<u64>(count, most_elements); ++n)
      all += fmt::format("{}{}", n ? ", " : "", value(element, {true, stored.word + n * size}, depth + 1));
    return fmt::format("{{{}{}}}", all, count > most_elements ? ", ..." : "");
  }
  std::string text(u64 at, u64 count) const {
    std::string out = "\"";
    for (u64 n = 0; n < std::min<u64>(count, longest_text); ++n) {
      const auto c = read_(at + n, 1);
      if (!c) return std::string(unreadable_value);
      if (*c == 0) break;
      out += *c >= 0x20 && *c < 0x7f ? static_cast<char>(*c) : '?';
    }
    return out + "\"";
  }

  const Symbols::Read& read_;
  unsigned members_;
};

}  // namespace

std::string scalar_text(Dwarf_Die type, u64 word, const Symbols::Read& read) {
  if (!plain_type(type)) return "void";
  return Teller(read, most_elements).scalar(type, {false, word});
}
std::string value_text(Dwarf_Die type, const Stored& stored, const Symbols::Read& read, unsigned members) {
  return Teller(read, members).value(type, stored, 0);
}
std::string member_text(Dwarf_Die member, u64 structure, const Symbols::Read& read) {
  return Teller(read, most_elements).member(member, structure);
}

}  // namespace ringside
