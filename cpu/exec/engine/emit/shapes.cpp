// Owns the choice of inline operations, by the bodies that the rows name.
#include "cpu/exec/engine/emit/shapes.h"

#include <algorithm>
#include <vector>

#include "cpu/decode/lower.h"
#include "cpu/exec/engine/emit/vectors.h"

namespace ringside {
namespace {

struct Named {
  std::string_view body;
  Inline what;
};
constexpr Named names[] = {
    {"nop", Inline::nop},
    {"mov", Inline::mov},
    {"mov_imm64", Inline::mov_imm64},
    {"movzx", Inline::movzx},
    {"movsx", Inline::movsx},
    {"lea", Inline::lea},
    {"xchg", Inline::xchg},
    {"bswap", Inline::bswap},
    {"cwde", Inline::widen},
    {"cdqe", Inline::widen},
    {"cdq", Inline::spread},
    {"cqo", Inline::spread},
    {"add", Inline::add},
    {"adc", Inline::adc},
    {"sub", Inline::sub},
    {"sbb", Inline::sbb},
    {"and_", Inline::and_},
    {"or_", Inline::or_},
    {"xor_", Inline::xor_},
    {"cmp", Inline::cmp},
    {"test", Inline::test},
    {"inc", Inline::inc},
    {"dec", Inline::dec},
    {"neg", Inline::neg},
    {"not_", Inline::not_},
    {"shl", Inline::shl},
    {"shr", Inline::shr},
    {"sar", Inline::sar},
    {"rol", Inline::rol},
    {"ror", Inline::ror},
    {"imul_register", Inline::imul_register},
    {"imul_immediate", Inline::imul_immediate},
    {"push", Inline::push},
    {"pop", Inline::pop},
    {"leave", Inline::leave},
    {"jump", Inline::jump},
    {"jump_to", Inline::jump_to},
    {"call", Inline::call},
    {"call_to", Inline::call_to},
    {"ret", Inline::ret},
    {"ret_and_release", Inline::ret_and_release},
};
constexpr std::string_view conditions[] = {"O", "NO", "B", "NB", "Z", "NZ", "BE", "NBE",
                                           "S", "NS", "P", "NP", "L", "NL", "LE", "NLE"};

struct RowClass {
  Inline what = Inline::none;
  Condition condition = Condition::O;
  u8 size = 0;  // of rows without sizes
  u8 source_size = 0;
  bool by_cl = false;
  bool aligned = false;
  bool gpr = false;
  u8 vector = 0;
};

RowClass class_of(const RowInfo& row) {
  RowClass c;
  for (const Named& named : names) {
    if (named.body == row.body) c.what = named.what;
  }
  constexpr std::string_view prefix = "If<Condition::";
  if (row.body.starts_with(prefix)) {
    const std::size_t close = row.body.find('>');
    const std::string_view name = row.body.substr(prefix.size(), close - prefix.size());
    const std::string_view member = row.body.substr(close + 3);
    c.condition = static_cast<Condition>(std::ranges::find(conditions, name) - std::begin(conditions));
    c.what = member == "move" ? Inline::cmov : member == "set" ? Inline::set : Inline::jump_if;
  }
  if (row.body == "cwde" || row.body == "cdq") c.size = 4;
  if (row.body == "cdqe" || row.body == "cqo") c.size = 8;
  switch (row.operands[1]) {
    case Operand::rm8: c.source_size = 1; break;
    case Operand::rm16: c.source_size = 2; break;
    case Operand::rm32: c.source_size = 4; break;
    default: break;
  }
  c.by_cl = row.operands[1] == Operand::cl;
  return c;
}

// Bytes of a token's memory, or of what it takes of a register.
u8 bytes_of(Operand o) {
  switch (o) {
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
RowClass vector_class_of(const RowInfo& row) {
  RowClass c;
  c.vector = vector_operation(row.body);
  if (c.vector == 0) return c;
  c.what = Inline::vector;
  for (const Operand o : {row.operands[0], row.operands[1]}) {
    if (const u8 bytes = bytes_of(o)) c.source_size = bytes;
    c.gpr |= o == Operand::rm32 || o == Operand::rm64;
    c.aligned |= o == Operand::m128 || o == Operand::xm128;
  }
  return c;
}

const RowClass& row_class(u16 row) {
  static const std::vector<RowClass> classes = [] {
    std::vector<RowClass> made;
    // Bodies of different groups may have the same names.
    for (unsigned n = 0; n < row_count; ++n)
      made.push_back(n < far_rows                                            ? class_of(rows()[n])
                     : n >= sse_rows && n < sse_int_rows + sse_int_row_count ? vector_class_of(rows()[n])
                                                                             : RowClass{});
    return made;
  }();
  return classes[row];
}

bool is_memory(Form form) {
  return form == Form::M || form == Form::RM || form == Form::MR || form == Form::MI;
}

}  // namespace

Shape shape_of(const Op& op, const Cpu::Mode& mode) {
  Shape s;
  if (op.row == Decoder::no_row) return s;
  const RowClass& c = row_class(op.row);
  s.condition = c.condition;
  s.source_size = c.source_size;
  s.size = c.size ? c.size : static_cast<u8>(1 << (op.variant & 3));
  s.form = static_cast<Form>((op.variant >> 2) & 7);
  const bool legacy = op.variant & 32;
  const bool memory_form = is_memory(s.form);
  const bool reg = !memory_form;
  s.addressing = !legacy ? Addressing::flat : mode.bits64 ? Addressing::based : Addressing::segment;
  s.aligned = c.aligned;
  s.gpr = c.gpr;
  s.vector = c.vector;
  s.by_cl = c.by_cl;
  s.memory = memory_form;
  bool fits = false;
  switch (c.what) {
    case Inline::none: break;
    case Inline::nop:
    case Inline::widen:
    case Inline::spread: fits = true; break;
    case Inline::mov: fits = true; break;
    case Inline::mov_imm64: fits = s.form == Form::RI; break;
    case Inline::movzx:
    case Inline::movsx: fits = s.source_size != 0; break;
    case Inline::lea:
      fits = s.form == Form::RM && !legacy;
      s.memory = false;
      break;
    case Inline::xchg: fits = reg; break;
    case Inline::bswap: fits = s.size >= 4; break;
    case Inline::set: fits = s.reads_flags = true; break;
    case Inline::cmov:
      fits = true;
      s.reads_flags = true;
      break;
    case Inline::adc:
    case Inline::sbb:
    case Inline::inc:
    case Inline::dec:
      fits = true;
      s.reads_flags = s.writes_flags = true;
      break;
    case Inline::add:
    case Inline::sub:
    case Inline::and_:
    case Inline::or_:
    case Inline::xor_:
    case Inline::cmp:
    case Inline::test:
    case Inline::neg: fits = s.writes_flags = true; break;
    case Inline::not_: fits = true; break;
    case Inline::shl:
    case Inline::shr:
    case Inline::sar:
      fits = s.size >= 4 &&
             (s.by_cl ? s.form == Form::RR : s.form == Form::RI && (op.imm & (s.size == 8 ? 63 : 31)) != 0);
      s.writes_flags = !s.by_cl;  // a count of 0 leaves them
      break;
    case Inline::rol:
    case Inline::ror:
      // They leave most flags: neither a reader nor a writer of all.
      fits = s.size >= 4 && !s.by_cl && s.form == Form::RI && (op.imm & (s.size == 8 ? 63 : 31)) != 0;
      break;
    case Inline::imul_register:
    case Inline::imul_immediate:
      fits = s.size >= 4;
      s.writes_flags = true;
      break;
    case Inline::push: fits = !legacy && s.size == 8 && reg; break;
    case Inline::pop: fits = !legacy && s.size == 8 && reg; break;
    case Inline::leave: fits = !legacy && s.size == 8; break;
    case Inline::jump_if:
      fits = mode.bits64 || (mode.code_bits == 32 && !(op.attrs & OpAttr::operand16));
      s.reads_flags = true;
      break;
    case Inline::jump: fits = mode.bits64 || (mode.code_bits == 32 && !(op.attrs & OpAttr::operand16)); break;
    case Inline::jump_to:
    case Inline::call_to:
    case Inline::ret:
    case Inline::ret_and_release: fits = mode.bits64 && !legacy && s.size == 8; break;
    case Inline::call: fits = mode.bits64 && !legacy; break;
    case Inline::vector:
      fits = true;
      s.memory = true;  // or leaves for #NM or #UD
      break;
  }
  if (!fits) return Shape();
  s.what = c.what;
  switch (c.what) {
    case Inline::push:
    case Inline::pop:
    case Inline::leave:
    case Inline::call:
    case Inline::call_to:
    case Inline::ret:
    case Inline::ret_and_release:
    case Inline::jump_to: s.memory = true; break;  // or leave for a target that is not canonical
    default: break;
  }
  return s;
}

}  // namespace ringside
