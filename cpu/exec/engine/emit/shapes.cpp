// Owns the choice of inline operations: which of those that rows name the emitter can write as they stand.
#include "cpu/exec/engine/emit/shapes.h"

#include <vector>

#include "cpu/decode/lower.h"

namespace ringside {
namespace {

// What has to be so for the emitter to have code of its own; else it calls the handler.
enum class Fits : u8 {
  never,
  always,
  wide,             // an operand of 32 or 64 bits
  known_source,     // a source of a size that the row names
  long_immediate,   // the form with an immediate
  flat_address,     // an address of 64-bit mode without FS and GS
  registers,        // no memory operand
  shift_count,      // 32 or 64 bits; a count that is not 0, or CL of a register
  constant_count,   // the same, without CL
  stack_registers,  // 64-bit mode, 64 bits, no memory operand
  stack,            // 64-bit mode, 64 bits
  branch,           // a target of the mode's own size
  branch_by_stack,  // 64-bit mode, 64 bits
  call,             // 64-bit mode
};
struct InlineRule {
  Inline what;
  Fits fits;
  bool reads_flags = false;
  bool writes_flags = false;   // all six
  bool may_end_block = false;  // like an access to memory, whatever the operands are
};
constexpr InlineRule rules[] = {
    {Inline::call_handler, Fits::never},
    {Inline::nop, Fits::always},
    {Inline::mov, Fits::always},
    {Inline::mov_imm64, Fits::long_immediate},
    {Inline::movzx, Fits::known_source},
    {Inline::movsx, Fits::known_source},
    {Inline::lea, Fits::flat_address},
    {Inline::xchg, Fits::registers},
    {Inline::bswap, Fits::wide},
    {Inline::widen, Fits::always},
    {Inline::spread, Fits::always},
    {Inline::set, Fits::always, true},
    {Inline::cmov, Fits::always, true},
    {Inline::add, Fits::always, false, true},
    {Inline::adc, Fits::always, true, true},
    {Inline::sub, Fits::always, false, true},
    {Inline::sbb, Fits::always, true, true},
    {Inline::and_, Fits::always, false, true},
    {Inline::or_, Fits::always, false, true},
    {Inline::xor_, Fits::always, false, true},
    {Inline::cmp, Fits::always, false, true},
    {Inline::test, Fits::always, false, true},
    // They keep CF.
    {Inline::inc, Fits::always, true, true},
    {Inline::dec, Fits::always, true, true},
    {Inline::neg, Fits::always, false, true},
    {Inline::not_, Fits::always},
    // A count of 0 leaves the flags: see shape_of.
    {Inline::shl, Fits::shift_count, false, true},
    {Inline::shr, Fits::shift_count, false, true},
    {Inline::sar, Fits::shift_count, false, true},
    // They leave most flags: neither readers nor writers of all.
    {Inline::rol, Fits::constant_count},
    {Inline::ror, Fits::constant_count},
    {Inline::imul_register, Fits::wide, false, true},
    {Inline::imul_immediate, Fits::wide, false, true},
    {Inline::bsf, Fits::wide, false, true},
    {Inline::bsr, Fits::wide, false, true},
    {Inline::tzcnt, Fits::wide, false, true},
    {Inline::lzcnt, Fits::wide, false, true},
    {Inline::popcnt, Fits::wide, false, true},
    {Inline::andn, Fits::wide, false, true},
    {Inline::bextr, Fits::wide, false, true},
    {Inline::blsi, Fits::wide, false, true},
    {Inline::blsmsk, Fits::wide, false, true},
    {Inline::blsr, Fits::wide, false, true},
    {Inline::bzhi, Fits::wide, false, true},
    {Inline::mulx, Fits::wide},
    {Inline::pdep, Fits::wide},
    {Inline::pext, Fits::wide},
    {Inline::rorx, Fits::wide},
    {Inline::sarx, Fits::wide},
    {Inline::shlx, Fits::wide},
    {Inline::shrx, Fits::wide},
    {Inline::push, Fits::stack_registers, false, false, true},
    {Inline::pop, Fits::stack_registers, false, false, true},
    {Inline::leave, Fits::stack, false, false, true},
    // For #NM or #UD.
    {Inline::vector, Fits::always, false, false, true},
    {Inline::jump_if, Fits::branch, true},
    {Inline::jump, Fits::branch},
    // For a target that is not canonical, and the stack.
    {Inline::jump_to, Fits::branch_by_stack, false, false, true},
    {Inline::call, Fits::call, false, false, true},
    {Inline::call_to, Fits::branch_by_stack, false, false, true},
    {Inline::ret, Fits::branch_by_stack, false, false, true},
    {Inline::ret_and_release, Fits::branch_by_stack, false, false, true},
};
constexpr bool rules_in_order() {
  for (unsigned n = 0; n < std::size(rules); ++n)
    if (rules[n].what != static_cast<Inline>(n)) return false;
  return std::size(rules) == inline_count;
}
static_assert(rules_in_order());

// What of a shape is the same for all operations of a row.
struct RowShape {
  u8 source_size = 0;
  bool by_cl = false;
  bool aligned = false;
  bool gpr = false;
  bool vex = false;
  bool separate_first = false;
  u8 length = 16;  // of a vector; 0: by the size
};

// Bytes of a token's memory, or of what it takes of a register; 0 for those that depend on the size.
u8 bytes_of(Operand o) {
  switch (o) {
    case Operand::rm8:
    case Operand::m8:
    case Operand::xm8: return 1;
    case Operand::rm16:
    case Operand::m16:
    case Operand::xm16: return 2;
    case Operand::xm32:
    case Operand::m32:
    case Operand::rm32: return 4;
    case Operand::xm64:
    case Operand::m64:
    case Operand::rm64: return 8;
    case Operand::m128:
    case Operand::m128u:
    case Operand::xm128:
    case Operand::xm128u: return 16;
    default: return 0;
  }
}

RowShape make_row_shape(const RowInfo& row) {
  RowShape s;
  s.by_cl = row.operands[1] == Operand::cl;
  s.vex = row.attrs & RowAttr::vex;
  s.separate_first = binds_nothing(row.operands[1]);
  if (row.emit.what != Inline::vector) {
    s.source_size = bytes_of(row.operands[1]);
    return s;
  }
  if (row.sizes & Sizes::xy) s.length = 0;
  for (const Operand o : row.operands) {
    if (const u8 bytes = bytes_of(o)) s.source_size = bytes;
    s.gpr |= o == Operand::r32 || o == Operand::rm32 || o == Operand::rm64;
    s.aligned |= o == Operand::m128 || o == Operand::xm128 || o == Operand::ma || o == Operand::vma;
    if (o == Operand::ymm) s.length = 32;
  }
  return s;
}

const RowShape& row_shape(u16 row) {
  static const std::vector<RowShape> shapes = [] {
    std::vector<RowShape> made;
    for (const RowInfo& info : rows()) made.push_back(make_row_shape(info));
    return made;
  }();
  return shapes[row];
}

bool is_memory(Form form) {
  return form == Form::M || form == Form::RM || form == Form::MR || form == Form::MI;
}

bool fits(Fits rule, const Shape& s, const Op& op, const Cpu::Mode& mode) {
  const bool legacy = s.addressing != Addressing::flat;
  const bool registers = !is_memory(s.form), wide = s.size >= 4;
  const bool counted = s.form == Form::RI && (op.imm & (s.size == 8 ? 63 : 31)) != 0;
  switch (rule) {
    case Fits::never: return false;
    case Fits::always: return true;
    case Fits::wide: return wide;
    case Fits::known_source: return s.source_size != 0;
    case Fits::long_immediate: return s.form == Form::RI;
    case Fits::flat_address: return s.form == Form::RM && !legacy;
    case Fits::registers: return registers;
    case Fits::shift_count: return wide && (s.by_cl ? s.form == Form::RR : counted);
    case Fits::constant_count: return wide && !s.by_cl && counted;
    case Fits::stack_registers: return !legacy && s.size == 8 && registers;
    case Fits::stack: return !legacy && s.size == 8;
    case Fits::branch: return mode.bits64 || (mode.code_bits == 32 && !(op.attrs & OpAttr::operand16));
    case Fits::branch_by_stack: return mode.bits64 && !legacy && s.size == 8;
    case Fits::call: return mode.bits64 && !legacy;
  }
  return false;
}

}  // namespace

Shape shape_of(const Op& op, const Cpu::Mode& mode) {
  if (op.row == Decoder::no_row) return {};
  const RowInfo& row = rows()[op.row];
  const RowShape& of_row = row_shape(op.row);
  const InlineRule& rule = rules[static_cast<unsigned>(row.emit.what)];
  const bool legacy = op.variant & 32;
  Shape s;
  s.what = row.emit.what;
  s.vector = row.emit.vector;
  s.condition = row.emit.condition;
  s.addressing = !legacy ? Addressing::flat : mode.bits64 ? Addressing::based : Addressing::segment;
  s.size = row.emit.bytes ? row.emit.bytes : static_cast<u8>(1 << (op.variant & 3));
  s.form = static_cast<Form>((op.variant >> 2) & 7);
  s.source_size = of_row.source_size;
  s.by_cl = of_row.by_cl;
  s.aligned = of_row.aligned;
  s.gpr = of_row.gpr;
  s.vex = of_row.vex;
  s.separate_first = of_row.separate_first;
  s.length = of_row.length ? of_row.length : static_cast<u8>(16 << (op.variant & 3));
  if (s.what == Inline::vector && s.source_size == 0) s.source_size = s.length;
  s.bits64 = mode.bits64;
  if (s.vex && !mode.protected_mode) return {};
  if (!fits(rule.fits, s, op, mode)) return {};
  // LEA reads no memory. CL may be 0, and then a shift leaves the flags.
  s.memory = rule.may_end_block || (is_memory(s.form) && s.what != Inline::lea);
  s.reads_flags = rule.reads_flags;
  s.writes_flags = rule.writes_flags && !s.by_cl;
  return s;
}

}  // namespace ringside
