// Owns values with their types, for expressions in C: variables, members, elements, what pointers point at.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "frontend/symbols/symbols.h"
#include "frontend/symbols/unwind.h"

namespace ringside {

struct CType;  // from an image's DWARF, valid as long as the image is loaded; or one of C's own

struct CValue {
  u64 word = 0;                       // of what is a number or a pointer; signed ones are extended
  std::optional<u64> address;         // where it lies in memory
  std::shared_ptr<const CType> type;  // nullptr: a plain number
};

// Where an expression is read: variables are those of the function at `rip`.
struct CScope {
  u64 rip = 0;
  World world = World::any;
  UnwindRegisters registers;
  std::optional<u64> cfa;
  Symbols::Read read;
};

// Each returns nullopt where there is none; with `why`, one line says so.
class CValues {
 public:
  CValues(const Symbols& symbols, CScope scope) : symbols_(symbols), scope_(std::move(scope)) {}

  std::optional<CValue> local(std::string_view name, std::string& why) const;
  std::optional<CValue> global(std::string_view name, std::string& why) const;
  // Of a structure, or of the one that a pointer points at.
  std::optional<CValue> member(const CValue& of, std::string_view name, std::string& why) const;
  std::optional<CValue> pointed_at(const CValue& pointer, std::string& why) const;
  std::optional<CValue> element(const CValue& of, u64 index, std::string& why) const;
  std::optional<CValue> address_of(const CValue& value, std::string& why) const;
  // "struct page *", "unsigned char", "u64"; nullptr: no such type.
  std::shared_ptr<const CType> type(std::string_view words) const;
  CValue cast(const CValue& value, std::shared_ptr<const CType> to) const;

  // The number that arithmetic takes: an array is its address. nullopt: it is a structure.
  static std::optional<u64> number(const CValue& value);
  static bool is_signed(const CValue& value);
  // What a pointer or an array counts in, in bytes; 0: it is neither.
  static u64 step(const CValue& value);
  static u64 size(const CValue& value);  // in bytes; 0: not known
  static std::string type_text(const CValue& value);
  std::string text(const CValue& value) const;

 private:
  bool find_type(std::string_view name, CType& type) const;
  std::optional<CValue> at(u64 address, std::shared_ptr<const CType> type, std::string& why) const;

  const Symbols& symbols_;
  CScope scope_;
};

}  // namespace ringside
