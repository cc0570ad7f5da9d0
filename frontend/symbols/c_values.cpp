// Owns the ways from a value to another: members, elements, pointers, casts.
#include "frontend/symbols/c_values.h"

#include <fmt/format.h>

#include <algorithm>

#include "frontend/symbols/c_type.h"
#include "frontend/symbols/dwarf_values.h"
#include "frontend/symbols/symbols_loaded.h"

namespace ringside {
namespace {

using Type = std::shared_ptr<const CType>;

// What programs without debugging information may be read as.
constexpr CType own_types[] = {{"char", 1, true},
                               {"signed char", 1, true},
                               {"unsigned char", 1, false},
                               {"short", 2, true},
                               {"unsigned short", 2, false},
                               {"int", 4, true},
                               {"unsigned int", 4, false},
                               {"unsigned", 4, false},
                               {"long", 8, true},
                               {"unsigned long", 8, false},
                               {"long long", 8, true},
                               {"unsigned long long", 8, false},
                               {"int8_t", 1, true},
                               {"uint8_t", 1, false},
                               {"int16_t", 2, true},
                               {"uint16_t", 2, false},
                               {"int32_t", 4, true},
                               {"uint32_t", 4, false},
                               {"int64_t", 8, true},
                               {"uint64_t", 8, false},
                               {"size_t", 8, false},
                               {"uintptr_t", 8, false},
                               {"u8", 1, false},
                               {"u16", 2, false},
                               {"u32", 4, false},
                               {"u64", 8, false},
                               {"s8", 1, true},
                               {"s16", 2, true},
                               {"s32", 4, true},
                               {"s64", 8, true}};

// DWARF's type without typedef and the like; false: void, or none of DWARF's.
bool plain_die(const CType& type, Dwarf_Die& die) {
  if (!type.has_die || type.pointers) return false;
  die = type.die;
  return plain_type(die);
}
int tag_of(const CType& type) {
  Dwarf_Die die;
  return plain_die(type, die) ? dwarf_tag(&die) : 0;
}
bool is_pointer(const CType& type) {
  const int tag = tag_of(type);
  return type.pointers > 0 || tag == DW_TAG_pointer_type || tag == DW_TAG_reference_type;
}
bool is_array(const CType& type) { return tag_of(type) == DW_TAG_array_type; }
bool is_struct(const CType& type) {
  Dwarf_Die die;
  return plain_die(type, die) && is_structure(die);
}

u64 size_of(const CType& type) {
  if (type.pointers) return 8;
  if (!type.name.empty()) return type.bytes;
  Dwarf_Word size = 0;
  Dwarf_Die die;
  if (!plain_die(type, die)) return 0;
  if (dwarf_aggregate_size(&die, &size) == 0) return size;
  return is_pointer(type) ? 8 : number_of(die, DW_AT_byte_size).value_or(0);
}

bool signed_type(const CType& type) {
  if (type.pointers) return false;
  if (!type.name.empty()) return type.is_signed;
  Dwarf_Die die;
  if (!plain_die(type, die) || dwarf_tag(&die) != DW_TAG_base_type) return false;
  const u64 encoding = number_of(die, DW_AT_encoding).value_or(0);
  return encoding == DW_ATE_signed || encoding == DW_ATE_signed_char;
}

// Of a pointer or an array; nullptr: neither.
Type inner_type(const CType& type) {
  auto inner = std::make_shared<CType>(type);
  inner->bits = 0;
  if (type.pointers) {
    --inner->pointers;
    return inner;
  }
  Dwarf_Die die;
  if (!plain_die(type, die) || !(is_pointer(type) || is_array(type))) return nullptr;
  inner->has_die = type_of(die, inner->die);
  return inner;
}

Type type_from(Dwarf_Die& die) {
  auto type = std::make_shared<CType>();
  type->has_die = type_of(die, type->die);
  return type;
}

u64 extended(u64 word, u64 bits, bool sign) {
  if (bits == 0 || bits >= 64) return word;
  const u64 shift = 64 - bits;
  return sign ? static_cast<u64>(static_cast<s64>(word << shift) >> shift) : word << shift >> shift;
}

}  // namespace

// What lies at an address; numbers and pointers are read.
std::optional<CValue> CValues::at(u64 address, Type type, std::string& why) const {
  CValue value{0, address, std::move(type)};
  const CType& t = *value.type;
  const u64 size = size_of(t);
  if (is_struct(t) || is_array(t) || size == 0 || size > 8) return value;
  const u64 bits = t.bits ? t.bits : 8 * size;
  const auto word = read_bits(address, t.bits ? t.first_bit : 0, bits, scope_.read);
  if (!word) {
    why = fmt::format("{:#x} cannot be read", address);
    return std::nullopt;
  }
  value.word = extended(*word, bits, signed_type(t));
  return value;
}

std::optional<CValue> CValues::local(std::string_view name, std::string& why) const {
  std::optional<CValue> found;
  bool there = false;
  const Symbols::Loaded* loaded = symbols_.of(scope_.rip, scope_.world);
  if (!loaded) return std::nullopt;
  const auto take = [&](Dwarf_Die& die, const SymbolImage::WhereIs& where) {
    const char* own = dwarf_diename(&die);
    if (there || !own || own != name) return;
    there = true;
    const Type type = type_from(die);
    const auto held = where(die);
    if (!held) {
      why = fmt::format("{}: optimized out here", name);
    } else if (held->in_memory) {
      found = at(held->word, type, why);
    } else {
      const u64 bits = std::min<u64>(size_of(*type), 8) * 8;
      found = CValue{extended(held->word, bits, signed_type(*type)), std::nullopt, type};
    }
  };
  loaded->image.each_variable(scope_.rip - loaded->offset, loaded->offset, scope_.registers, scope_.cfa,
                              scope_.read, take);
  return found;
}

std::optional<CValue> CValues::global(std::string_view name, std::string& why) const {
  for (const auto& one : symbols_.loaded_) {
    Dwarf_Die die;
    u64 address = 0;
    if (same_world(one->world, scope_.world) && one->image.find_global(name, die, address))
      return at(address + one->offset, type_from(die), why);
  }
  return std::nullopt;
}

bool CValues::find_type(std::string_view name, CType& type) const {
  for (const auto& one : symbols_.loaded_) {
    if (same_world(one->world, scope_.world) && one->image.find_type(name, type.die, true))
      return type.has_die = true;
  }
  return false;
}

std::optional<CValue> CValues::member(const CValue& of, std::string_view name, std::string& why) const {
  CValue structure = of;
  if (of.type && is_pointer(*of.type)) {
    const auto pointed = pointed_at(of, why);
    if (!pointed) return std::nullopt;
    structure = *pointed;
  }
  Dwarf_Die die, found;
  if (!structure.type || !is_struct(*structure.type) || !plain_die(*structure.type, die)) {
    why = fmt::format(".{}: {} is no structure", name, type_text(of));
    return std::nullopt;
  }
  if (!structure.address) {
    why = fmt::format(".{}: the structure is not in memory here", name);
    return std::nullopt;
  }
  // A structure that is only declared here is defined in another unit.
  const char* own = dwarf_diename(&die);
  if (CType defined; own && dwarf_hasattr(&die, DW_AT_declaration) && find_type(own, defined))
    die = defined.die;
  u64 offset = 0;
  if (!find_member(die, name, found, offset)) {
    why = fmt::format("{} has no member {}; ptype shows them", type_text(structure), name);
    return std::nullopt;
  }
  auto type = std::make_shared<CType>(*type_from(found));
  const u64 bits = number_of(found, DW_AT_bit_size).value_or(0);
  if (bits > 0 && bits <= 64) {
    type->bits = bits;
    type->first_bit = number_of(found, DW_AT_data_bit_offset).value_or(0);
  }
  return at(*structure.address + offset, type, why);
}

std::optional<CValue> CValues::pointed_at(const CValue& pointer, std::string& why) const {
  const Type inner = pointer.type ? inner_type(*pointer.type) : nullptr;
  if (!inner) {
    why = fmt::format("{} is no pointer", type_text(pointer));
    return std::nullopt;
  }
  if (!inner->has_die && inner->name.empty() && inner->pointers == 0) {
    why = "void has no value; name a type, such as *(int*)p";
    return std::nullopt;
  }
  return at(is_array(*pointer.type) ? pointer.address.value_or(0) : pointer.word, inner, why);
}

std::optional<CValue> CValues::element(const CValue& of, u64 index, std::string& why) const {
  const auto first = number(of);
  const u64 bytes = step(of);
  if (!first || bytes == 0) {
    why = fmt::format("[...]: {} is no array and no pointer", type_text(of));
    return std::nullopt;
  }
  return at(*first + index * bytes, inner_type(*of.type), why);
}

std::optional<CValue> CValues::address_of(const CValue& value, std::string& why) const {
  if (!value.type || !value.address || value.type->bits) {
    why = "&: this value has no address";
    return std::nullopt;
  }
  auto type = std::make_shared<CType>(*value.type);
  ++type->pointers;
  return CValue{*value.address, std::nullopt, type};
}

Type CValues::type(std::string_view words) const {
  std::string name;
  auto made = std::make_shared<CType>();
  bool structure = false;
  for (std::size_t n = 0; n <= words.size();) {
    const std::size_t end = std::min(words.find_first_of(" \t*", n), words.size());
    const std::string_view word = words.substr(n, end - n);
    if (word == "struct" || word == "union" || word == "enum" || word == "class")
      structure = true;
    else if (!word.empty() && word != "const" && word != "volatile")
      name += fmt::format("{}{}", name.empty() ? "" : " ", word);
    if (end < words.size() && words[end] == '*') ++made->pointers;
    n = end + 1;
  }
  if (name == "void" && made->pointers) return made;
  if (name.empty()) return nullptr;
  const auto* const own = std::find_if(std::begin(own_types), std::end(own_types),
                                       [&](const CType& t) { return t.name == name && !structure; });
  if (own != std::end(own_types)) {
    made->name = own->name;
    made->bytes = own->bytes;
    made->is_signed = own->is_signed;
    return made;
  }
  return find_type(name, *made) ? made : nullptr;
}

CValue CValues::cast(const CValue& value, Type to) const {
  const u64 size = size_of(*to);
  const u64 word = number(value).value_or(value.word);
  return {extended(word, std::min<u64>(size, 8) * 8, signed_type(*to)), std::nullopt, std::move(to)};
}

std::optional<u64> CValues::number(const CValue& value) {
  if (!value.type) return value.word;
  if (is_array(*value.type)) return value.address;
  if (is_struct(*value.type) || size_of(*value.type) > 8) return std::nullopt;
  return value.word;
}
bool CValues::is_signed(const CValue& value) { return value.type && signed_type(*value.type); }

u64 CValues::step(const CValue& value) {
  const Type inner = value.type ? inner_type(*value.type) : nullptr;
  return inner ? std::max<u64>(size_of(*inner), 1) : 0;
}
u64 CValues::size(const CValue& value) { return value.type ? size_of(*value.type) : 0; }

std::string CValues::type_text(const CValue& value) {
  if (!value.type) return "a number";
  const CType& t = *value.type;
  std::string text = t.name.empty() ? type_name(t.die, t.has_die) : std::string(t.name);
  if (t.pointers) text += " ";
  text.append(t.pointers, '*');
  return text;
}

std::string CValues::text(const CValue& value) const {
  constexpr unsigned members = 200;
  if (!value.type) return fmt::format("{}", value.word);
  const CType& t = *value.type;
  if (t.pointers || (!t.has_die && t.name.empty())) return fmt::format("{:#x}", value.word);
  if (!t.name.empty())
    return t.is_signed ? fmt::format("{}", static_cast<s64>(value.word))
                       : fmt::format("{} ({:#x})", value.word, value.word);
  const bool whole = is_struct(t) || is_array(t) || size_of(t) > 8;
  if (!whole) return scalar_text(t.die, value.word, scope_.read);
  if (!value.address) return "{...}";
  return value_text(t.die, {true, *value.address}, scope_.read, members);
}

}  // namespace ringside
