// Owns values in words, from DWARF: what lies in memory or in a register, by its type.
#pragma once

#include <dwarf.h>
#include <elfutils/libdw.h>

#include <optional>
#include <string>
#include <string_view>

#include "frontend/symbols/symbols.h"

namespace ringside {

constexpr unsigned most_nested_types = 32;
constexpr std::string_view lost_value = "<optimized out>", unreadable_value = "<not readable>";

std::optional<u64> number_of(Dwarf_Die& die, unsigned attribute);
// False: it has none, which is C's void.
bool type_of(Dwarf_Die& die, Dwarf_Die& type);
// Without typedef, const and volatile; false: it is void.
bool plain_type(Dwarf_Die& type);
bool is_structure(Dwarf_Die& type);
// "const struct page *".
std::string type_name(Dwarf_Die type, bool there, unsigned depth = 0);
// The member of that name, in structures without a name as well; `offset` grows by where it lies.
bool find_member(Dwarf_Die& structure, std::string_view name, Dwarf_Die& member, u64& offset,
                 unsigned depth = 0);
// An enumerator, a number, a pointer: `word` has `size` bytes.
std::string scalar_text(Dwarf_Die type, u64 word, const Symbols::Read& read);

// Where a value is, or the value itself.
struct Stored {
  bool in_memory = true;
  u64 word = 0;
};
// Structures with at most `members` of their members.
std::string value_text(Dwarf_Die type, const Stored& stored, const Symbols::Read& read, unsigned members = 8);
// A member of the structure at that address.
std::string member_text(Dwarf_Die member, u64 structure, const Symbols::Read& read);
// Bits of memory, the first at `address` being number 0; nullopt: they cannot be read.
std::optional<u64> read_bits(u64 address, u64 first, u64 count, const Symbols::Read& read);

}  // namespace ringside
