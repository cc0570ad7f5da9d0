// Owns a TOML document as a tree of values that know where they stand.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside::conform {

struct TomlMember;
struct TomlValue {
  enum class Kind : u8 { text, whole, number, truth, list, table, other };  // other: a date or a time
  Kind kind = Kind::table;
  std::string text;  // of a text; of another scalar, as a document writes it
  s64 whole = 0;
  double number = 0;  // of a whole number, too
  bool truth = false;
  std::vector<TomlValue> items;
  std::vector<TomlMember> members;  // in the order of the document
  u32 line = 0, column = 0;         // of the value, from 1 on

  const TomlValue* find(std::string_view name) const;
};
struct TomlMember {
  std::string name;
  TomlValue value;
};
// "text", "a whole number", "a list", ...
std::string_view toml_kind_name(TomlValue::Kind kind);

// False and "LINE:COLUMN: what is wrong" in `error`.
bool parse_toml(std::string_view text, TomlValue& document, std::string& error);

}  // namespace ringside::conform
