// Owns the VM-exit instruction information and the displacement in exit qualifications: the manual's
// "Information for VM Exits Due to Instruction Execution" and "Basic VM-Exit
// Information".
#include "cpu/exec/core/instruction_information.h"

#include "cpu/decode/rows.h"
#include "cpu/exec/core/exit_request.h"

namespace ringside {
namespace {

// The formats of the field, by the tables of the manual that describe them.
enum class Format : u8 {
  none,
  string,       // INS and OUTS
  invalidate,   // INVEPT, INVPCID and INVVPID: memory, a register in Reg2
  table,        // LGDT, LIDT, SGDT and SIDT: memory, operand size and identity
  selector,     // LLDT, LTR, SLDT and STR: register or memory, and identity
  destination,  // RDRAND, RDSEED, TPAUSE and UMWAIT: a register and its size
  memory,       // VMCLEAR, VMPTRLD, VMPTRST, VMXON, XRSTORS and XSAVES
  field,        // VMREAD and VMWRITE: register or memory, a register in Reg2
};
struct Described {
  std::string_view mnemonic;
  Format format;
  u8 identity = 0;  // bits 29:28; of VMREAD, VMWRITE and the invalidations the operand that is Reg2
};
constexpr Described described[] = {
    {"INSB", Format::string},        {"INSW", Format::string},        {"INSD", Format::string},
    {"OUTSB", Format::string, 1},    {"OUTSW", Format::string, 1},    {"OUTSD", Format::string, 1},
    {"INVEPT", Format::invalidate},  {"INVVPID", Format::invalidate}, {"INVPCID", Format::invalidate},
    {"SGDT", Format::table, 0},      {"SIDT", Format::table, 1},      {"LGDT", Format::table, 2},
    {"LIDT", Format::table, 3},      {"SLDT", Format::selector, 0},   {"STR", Format::selector, 1},
    {"LLDT", Format::selector, 2},   {"LTR", Format::selector, 3},    {"RDRAND", Format::destination},
    {"RDSEED", Format::destination}, {"TPAUSE", Format::destination}, {"UMWAIT", Format::destination},
    {"VMCLEAR", Format::memory},     {"VMPTRLD", Format::memory},     {"VMPTRST", Format::memory},
    {"VMXON", Format::memory},       {"XRSTORS", Format::memory},     {"XRSTORS64", Format::memory},
    {"XSAVES", Format::memory},      {"XSAVES64", Format::memory},    {"VMREAD", Format::field, 1},
    {"VMWRITE", Format::field, 0},
};
Described description(const Op& op) {
  const auto all = rows();
  if (op.row < all.size()) {
    for (const Described& d : described) {
      if (d.mnemonic == all[op.row].mnemonic) return d;
    }
  }
  return {};
}

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
  const Described d = description(op);
  constexpr u32 is_register = 1u << 10;
  const auto reg2 = [&](u8 offset) { return number(offset) << 28; };
  const auto either = [&](u8 offset) {
    return has_memory(op) ? memory_operand_information(op) : is_register | number(offset) << 3;
  };
  switch (d.format) {
    case Format::none: return 0;
    case Format::string: return address_size(op) | (d.identity ? u32{op.seg} << 15 : 0);
    case Format::invalidate: return memory_operand_information(op) | reg2(op.r0);
    case Format::table: {
      // In 64-bit mode the operand size is undefined.
      const u32 wide = !cpu.mode.bits64 && op.size != 2 ? 1u << 11 : 0;
      return memory_operand_information(op) | wide | u32{d.identity} << 28;
    }
    case Format::selector: return either(op.r0) | u32{d.identity} << 28;
    case Format::destination: return number(op.r0) << 3 | size_code(op.size) << 11;
    case Format::memory: return memory_operand_information(op);
    case Format::field: return d.identity ? either(op.r0) | reg2(op.r1) : either(op.r1) | reg2(op.r0);
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

bool request_instruction_exit(Cpu& cpu, const Op& op, ExitReason reason, ExitCause cause) {
  ExitInfo exit;
  exit.reason = reason;
  exit.qualification = displacement_qualification(cpu, op);
  exit.instruction_information = instruction_information(cpu, op);
  exit.cause = cause;
  return request_exit(cpu, op, exit);
}

}  // namespace ringside
