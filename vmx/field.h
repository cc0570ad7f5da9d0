// Owns the names of VMCS fields and what their encodings say: the manual's "Field Encoding in VMCS".
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "cpu/arch/vmx_controls.h"

namespace ringside {

// Dense numbers in the order of the table; the encodings are in FieldInfo.
enum class Field : u8 {
#define FIELD(id, encoding, name, area, needs) id,
#include "vmx/fields.inc"
#undef FIELD
  count
};
constexpr unsigned field_count = static_cast<unsigned>(Field::count);

enum class FieldWidth : u8 { bits16, bits64, bits32, natural };        // bits 14:13 of the encoding
enum class FieldKind : u8 { control, exit_information, guest, host };  // bits 11:10
// Parts of the VMCS that belong together.
enum class FieldArea : u8 {
  controls,
  host,
  guest_registers,
  guest_segments,
  guest_other,
  injection,
  exit_information
};

// Fields that software wrote since the rules of VM entry held last (Vmcs::dirty).
struct FieldSet {
  static constexpr unsigned words = (field_count + 63) / 64;
  std::array<u64, words> word{};

  constexpr void add(Field field) { word[index(field) / 64] |= bit(index(field) % 64); }
  constexpr void add_all() { word.fill(~u64{0}); }
  constexpr void clear() { word.fill(0); }
  constexpr bool contains(Field field) const { return word[index(field) / 64] >> (index(field) % 64) & 1; }

 private:
  static constexpr unsigned index(Field field) { return static_cast<unsigned>(field); }
};
constexpr FieldSet all_fields = [] {
  FieldSet set;
  set.add_all();
  return set;
}();

struct FieldInfo {
  static constexpr VmxControl always = VmxControl::count;

  u16 encoding;
  FieldArea area;
  VmxControl needs;       // without this control in the CPU model there is no such field; or always
  std::string_view id;    // GUEST_CR0
  std::string_view name;  // the manual's

  constexpr FieldWidth width() const { return static_cast<FieldWidth>(encoding >> 13 & 3); }
  constexpr FieldKind kind() const { return static_cast<FieldKind>(encoding >> 10 & 3); }
  constexpr unsigned index() const { return encoding >> 1 & 0x1ff; }
  // What a field keeps of a value, in a CPU with 64-bit mode.
  constexpr u64 value_mask() const {
    return width() == FieldWidth::bits16 ? 0xffff : width() == FieldWidth::bits32 ? 0xffffffff : ~u64{0};
  }
};
extern const std::array<FieldInfo, field_count> field_table;
inline const FieldInfo& info(Field field) { return field_table[static_cast<unsigned>(field)]; }

// A VMREAD or VMWRITE operand: the field and whether its high half is meant (access type "high" of 64-bit
// fields). nullopt: no such field in any CPU.
struct FieldAccess {
  Field field;
  bool high;
};
inline std::optional<FieldAccess> find_field(u64 encoding);
std::optional<Field> find_field_by_id(std::string_view id);  // "GUEST_CR0", upper or lower case

// By width (2 bits), kind (2 bits) and the low 6 bits of the index: 0 none, else the field's number + 1.
constexpr unsigned field_slots = 1024;
extern const std::array<u8, field_slots> field_slot_table;
constexpr unsigned field_slot(u64 encoding) {
  return static_cast<unsigned>((encoding >> 13 & 3) << 8 | (encoding >> 10 & 3) << 6 |
                               (encoding >> 1 & 0x3f));
}
inline std::optional<FieldAccess> find_field(u64 encoding) {
  constexpr u64 in_use = bit_range(13, 14) | bit_range(10, 11) | bit_range(0, 6);  // no index is above 63
  if (encoding & ~in_use) return std::nullopt;
  const u8 number = field_slot_table[field_slot(encoding)];
  if (number == 0) return std::nullopt;
  const bool high = encoding & 1;
  if (high && static_cast<FieldWidth>(encoding >> 13 & 3) != FieldWidth::bits64) return std::nullopt;
  return FieldAccess{static_cast<Field>(number - 1), high};
}

// The field that holds a control word; Field::count where none does (words that are capabilities alone).
constexpr Field control_field(ControlWord word) {
  switch (word) {
    case ControlWord::pin: return Field::PIN_BASED_CONTROLS;
    case ControlWord::primary: return Field::PRIMARY_CONTROLS;
    case ControlWord::secondary: return Field::SECONDARY_CONTROLS;
    case ControlWord::tertiary: return Field::TERTIARY_CONTROLS;
    case ControlWord::exit: return Field::VM_EXIT_CONTROLS;
    case ControlWord::entry: return Field::VM_ENTRY_CONTROLS;
    case ControlWord::vm_function: return Field::VM_FUNCTION_CONTROLS;
    default: return Field::count;
  }
}

// The fields of a segment register, SegReg's numbering (ES 0 ... GS 5, LDTR 6, TR 7).
constexpr Field segment_field(Field of_es, unsigned segment) {
  return static_cast<Field>(static_cast<unsigned>(of_es) + segment);
}

}  // namespace ringside
