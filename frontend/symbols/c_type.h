// Owns what a type of an expression is made of.
#pragma once

#include <elfutils/libdw.h>

#include <string_view>

#include "cpu/arch/types.h"

namespace ringside {

struct CType {
  // One of C's own by name, where no DWARF is needed; or else `die`, or void if neither.
  std::string_view name;
  u64 bytes = 0;
  bool is_signed = false;
  bool has_die = false;
  Dwarf_Die die{};
  unsigned pointers = 0;        // levels of pointers to that
  u64 first_bit = 0, bits = 0;  // of a bit-field, counted from its structure's begin; 0: none
};

}  // namespace ringside
