// Owns the VM-exit instruction information and the displacement in exit qualifications: the manual's
// "Information for VM Exits Due to Instruction Execution" and "Basic VM-Exit
// Information".
#include "cpu/exec/core/instruction_information.h"

#include "cpu/decode/rows.h"
#include "cpu/state/cpu.h"

namespace ringside {
namespace {

// Registers as the manual numbers them; the low byte of a register's offset in the register file says which.
u32 number(u8 offset) { return offset / 8u; }

u32 address_size(const Op& op) {
  const u32 code = op.attrs & OpAttr::address16 ? 0 : op.attrs & OpAttr::address32 ? 1 : 2;
  return code << 7;
}
u32 size_code(unsigned bytes) { return bytes == 2 ? 0 : bytes == 4 ? 1 : 2; }

bool has_memory(const Op& op) {
  const Form form = static_cast<Form>(op.variant >> 2 & 7);
  return form == Form::M || form == Form::RM || form == Form::MR || form == Form::MI;
}

// What all formats with a memory operand have in common. What the manual leaves undefined is 0.
u32 memory_operand_information(const Op& op) {
  constexpr u32 index_invalid = 1u << 22, base_invalid = 1u << 27;
  u32 bits = address_size(op) | u32{op.seg} << 15;
  if (op.index < reg::zero)
    bits |= op.scale | number(op.index) << 18;
  else
    bits |= index_invalid;
  return bits | (op.base < reg::zero ? number(op.base) << 23 : base_invalid);
}

}  // namespace

u32 instruction_information(const Cpu& cpu, const Op& op) {
  const RowInformation d = rows()[op.row].information;
  constexpr u32 is_register = 1u << 10;
  const auto reg2 = [&](u8 offset) { return number(offset) << 28; };
  const auto either = [&](u8 offset) {
    return has_memory(op) ? memory_operand_information(op) : is_register | number(offset) << 3;
  };
  switch (d.format) {
    case InformationFormat::absent: return 0;
    case InformationFormat::string: return address_size(op) | (d.identity ? u32{op.seg} << 15 : 0);
    case InformationFormat::invalidate: return memory_operand_information(op) | reg2(op.r0);
    case InformationFormat::table: {
      // In 64-bit mode the operand size is undefined.
      const u32 wide = !cpu.mode.bits64 && op.size != 2 ? 1u << 11 : 0;
      return memory_operand_information(op) | wide | u32{d.identity} << 28;
    }
    case InformationFormat::selector: return either(op.r0) | u32{d.identity} << 28;
    case InformationFormat::destination: return number(op.r0) << 3 | size_code(op.size) << 11;
    case InformationFormat::memory: return memory_operand_information(op);
    case InformationFormat::field:
      return d.identity ? either(op.r0) | reg2(op.r1) : either(op.r1) | reg2(op.r0);
  }
  return 0;
}

u64 displacement_qualification(const Cpu& cpu, const Op& op) {
  if (!has_memory(op)) return 0;
  u64 value = static_cast<u64>(static_cast<s64>(op.disp));
  if (op.base == reg::rip_base) value += cpu.rip_base;
  if (op.index == reg::page_size) value += cpu.page_size;
  return value;
}

}  // namespace ringside
