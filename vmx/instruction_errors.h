// Owns the names of VM-instruction errors: the manual's "VM Instruction Error Numbers".
#pragma once

#include <string_view>

#include "cpu/arch/types.h"

namespace ringside {

enum class VmError : u8 {
#define ERROR(number, id, name) id = number,
#include "vmx/instruction_errors.inc"
#undef ERROR
};

// What the error says, as the manual does; "reserved" for a number without a meaning.
constexpr std::string_view instruction_error_name(u32 number) {
  switch (number) {
#define ERROR(number, id, name) \
  case number:                  \
    return name;
#include "vmx/instruction_errors.inc"
#undef ERROR
    default: return "reserved";
  }
}

}  // namespace ringside
