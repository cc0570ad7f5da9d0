// Owns the lowering of decoded instructions: operand matching against the rows, and the fields of the Op.
#include "cpu/decode/lower.h"

#include <Zydis/Zydis.h>

#include <bit>
#include <limits>
#include <optional>
#include <vector>

#include "cpu/arch/registers.h"

namespace ringside {
namespace {

enum class RegisterFileKind : u8 { none, gpr, xmm, ymm, mmx, x87, segment, control, debug };

struct RegisterPlace {
  RegisterFileKind file = RegisterFileKind::none;
  u8 bytes = 0;   // of a GPR or a vector register
  u8 number = 0;  // GPR: offset in the register file; else its number
};

using RegisterMap = std::array<RegisterPlace, ZYDIS_REGISTER_MAX_VALUE + 1>;

RegisterMap make_register_map() {
  RegisterMap map{};
  const auto run = [&](ZydisRegister first, unsigned count, RegisterFileKind file, u8 bytes, auto number) {
    for (unsigned i = 0; i < count; ++i) map[first + i] = {file, bytes, static_cast<u8>(number(i))};
  };
  const auto plain = [](unsigned i) { return i; };
  using K = RegisterFileKind;
  run(ZYDIS_REGISTER_AL, 4, K::gpr, 1, [](unsigned i) { return reg::of(i); });
  run(ZYDIS_REGISTER_AH, 4, K::gpr, 1, [](unsigned i) { return reg::high_byte(i); });
  run(ZYDIS_REGISTER_SPL, 12, K::gpr, 1, [](unsigned i) { return reg::of(i + 4); });
  run(ZYDIS_REGISTER_AX, 16, K::gpr, 2, [](unsigned i) { return reg::of(i); });
  run(ZYDIS_REGISTER_EAX, 16, K::gpr, 4, [](unsigned i) { return reg::of(i); });
  run(ZYDIS_REGISTER_RAX, 16, K::gpr, 8, [](unsigned i) { return reg::of(i); });
  run(ZYDIS_REGISTER_ST0, 8, K::x87, 10, plain);
  run(ZYDIS_REGISTER_MM0, 8, K::mmx, 8, plain);
  run(ZYDIS_REGISTER_XMM0, 16, K::xmm, 16, plain);
  run(ZYDIS_REGISTER_YMM0, 16, K::ymm, 32, plain);
  run(ZYDIS_REGISTER_ES, 6, K::segment, 2, plain);
  run(ZYDIS_REGISTER_CR0, 16, K::control, 8, plain);
  run(ZYDIS_REGISTER_DR0, 16, K::debug, 8, plain);
  return map;
}

const RegisterMap& register_map() {
  static const RegisterMap map = make_register_map();
  return map;
}

// For each mnemonic the rows that may match it, in the order of the table.
struct RowIndex {
  std::array<u16, ZYDIS_MNEMONIC_MAX_VALUE + 2> first{};
  std::vector<u16> order;
  RowIndex() {
    const auto all = rows();
    std::vector<std::vector<u16>> by_mnemonic(ZYDIS_MNEMONIC_MAX_VALUE + 1);
    for (u16 i = 0; i < all.size(); ++i) by_mnemonic[all[i].zydis_mnemonic].push_back(i);
    for (unsigned m = 0; m <= ZYDIS_MNEMONIC_MAX_VALUE; ++m) {
      first[m] = static_cast<u16>(order.size());
      order.insert(order.end(), by_mnemonic[m].begin(), by_mnemonic[m].end());
    }
    first[ZYDIS_MNEMONIC_MAX_VALUE + 1] = static_cast<u16>(order.size());
  }
};
const RowIndex& row_index() {
  static const RowIndex index;
  return index;
}

using Operands = const ZydisDecodedOperand*;

bool is_gpr(const ZydisDecodedOperand& o, unsigned bytes) {
  if (o.type != ZYDIS_OPERAND_TYPE_REGISTER) return false;
  const RegisterPlace place = register_map()[o.reg.value];
  return place.file == RegisterFileKind::gpr && place.bytes == bytes;
}
bool is_memory(const ZydisDecodedOperand& o, unsigned bytes) {
  return o.type == ZYDIS_OPERAND_TYPE_MEMORY && o.size == bytes * 8;
}
bool is_register(const ZydisDecodedOperand& o, RegisterFileKind file) {
  return o.type == ZYDIS_OPERAND_TYPE_REGISTER && register_map()[o.reg.value].file == file;
}

bool is_vector(const ZydisDecodedOperand& o, unsigned bytes) {
  return bytes == 32 ? is_register(o, RegisterFileKind::ymm)
                     : bytes == 16 && is_register(o, RegisterFileKind::xmm);
}
bool is_indexed_by(const ZydisDecodedOperand& o, RegisterFileKind file) {
  return o.type == ZYDIS_OPERAND_TYPE_MEMORY && o.mem.type == ZYDIS_MEMOP_TYPE_VSIB &&
         register_map()[o.mem.index].file == file;
}

// Bytes of an operand whose token stands for "size T"; 0 if the operand does not fit such a token.
unsigned own_size(Operand token, const ZydisDecodedOperand& o) {
  const bool memory = o.type == ZYDIS_OPERAND_TYPE_MEMORY;
  const bool gpr = is_register(o, RegisterFileKind::gpr);
  const bool vector = is_register(o, RegisterFileKind::xmm) || is_register(o, RegisterFileKind::ymm);
  switch (token) {
    case Operand::r:
    case Operand::acc: return gpr ? register_map()[o.reg.value].bytes : 0;
    case Operand::rm:
    case Operand::rmi: return gpr ? register_map()[o.reg.value].bytes : memory ? o.size / 8u : 0;
    case Operand::m:
    case Operand::ma: return memory ? o.size / 8u : 0;
    case Operand::v:
    case Operand::vv: return vector ? register_map()[o.reg.value].bytes : 0;
    case Operand::vm:
    case Operand::vma: return vector ? register_map()[o.reg.value].bytes : memory ? o.size / 8u : 0;
    case Operand::rv: return gpr ? register_map()[o.reg.value].bytes : 0;
    default: return 0;
  }
}
bool depends_on_size(Operand token) {
  switch (token) {
    case Operand::r:
    case Operand::rm:
    case Operand::rmi:
    case Operand::m:
    case Operand::acc:
    case Operand::v:
    case Operand::vm:
    case Operand::vma:
    case Operand::ma:
    case Operand::vv:
    case Operand::rv: return true;
    default: return false;
  }
}

bool matches(Operand token, const ZydisDecodedOperand& o, unsigned bytes) {
  using enum Operand;
  using K = RegisterFileKind;
  switch (token) {
    case none: return false;
    case r: return is_gpr(o, bytes);
    case rm: return is_gpr(o, bytes) || is_memory(o, bytes);
    case rmi: return is_gpr(o, bytes) || is_memory(o, bytes) || o.type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
    case r8: return is_gpr(o, 1);
    case r16: return is_gpr(o, 2);
    case r32: return is_gpr(o, 4);
    case r64: return is_gpr(o, 8);
    case rm8: return is_gpr(o, 1) || is_memory(o, 1);
    case rm16: return is_gpr(o, 2) || is_memory(o, 2);
    case rm32: return is_gpr(o, 4) || is_memory(o, 4);
    case rm64: return is_gpr(o, 8) || is_memory(o, 8);
    case i: return o.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && !o.imm.is_relative;
    case cl: return o.type == ZYDIS_OPERAND_TYPE_REGISTER && o.reg.value == ZYDIS_REGISTER_CL;
    case one:
      return o.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && o.visibility == ZYDIS_OPERAND_VISIBILITY_IMPLICIT;
    case acc: return is_gpr(o, bytes) && register_map()[o.reg.value].number == reg::of(0);
    case dx: return o.type == ZYDIS_OPERAND_TYPE_REGISTER && o.reg.value == ZYDIS_REGISTER_DX;
    case m: return is_memory(o, bytes);
    case m8: return is_memory(o, 1);
    case m16: return is_memory(o, 2);
    case m32: return is_memory(o, 4);
    case m64: return is_memory(o, 8);
    case m80: return is_memory(o, 10);
    case m128:
    case m128u: return is_memory(o, 16);
    case ea: return o.type == ZYDIS_OPERAND_TYPE_MEMORY;
    case x: return is_register(o, K::xmm);
    case y: return is_register(o, K::mmx);
    case xm8: return is_register(o, K::xmm) || is_memory(o, 1);
    case xm16: return is_register(o, K::xmm) || is_memory(o, 2);
    case xm32: return is_register(o, K::xmm) || is_memory(o, 4);
    case xm64: return is_register(o, K::xmm) || is_memory(o, 8);
    case xm128:
    case xm128u: return is_register(o, K::xmm) || is_memory(o, 16);
    case ym32: return is_register(o, K::mmx) || is_memory(o, 4);
    case ym64: return is_register(o, K::mmx) || is_memory(o, 8);
    case sr: return is_register(o, K::segment);
    case cr: return is_register(o, K::control);
    case dr: return is_register(o, K::debug);
    case st: return is_register(o, K::x87);
    case rel: return o.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && o.imm.is_relative;
    case far_ptr: return o.type == ZYDIS_OPERAND_TYPE_POINTER;
    case v:
    case vv: return is_vector(o, bytes);
    case vm:
    case vma: return is_vector(o, bytes) || is_memory(o, bytes);
    case ma: return is_memory(o, bytes);
    case ymm: return is_register(o, K::ymm);
    case xv: return is_register(o, K::xmm);
    case rv: return is_gpr(o, bytes);
    case vsx: return is_indexed_by(o, K::xmm);
    case vsy: return is_indexed_by(o, K::ymm);
    case any: return true;
  }
  return false;
}

struct Match {
  u16 row;
  unsigned bytes;  // T, or the operand width where the row has no sizes
};

bool row_matches(const RowInfo& row, const ZydisDecodedInstruction& insn, Operands operands, u8 attrs,
                 bool bits64, unsigned& bytes) {
  const bool repeated = attrs & (OpAttr::rep | OpAttr::repne);
  if ((row.attrs & RowAttr::rep) && !repeated) return false;
  if ((row.attrs & RowAttr::no_rep) && repeated) return false;
  if ((row.attrs & RowAttr::mode64) && !bits64) return false;
  if ((row.attrs & RowAttr::legacy) && bits64) return false;
  if ((insn.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX) != ((row.attrs & RowAttr::vex) != 0)) return false;
  const bool far = insn.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
  if (far != ((row.attrs & RowAttr::far) != 0)) return false;
  const bool pointer = insn.operand_count_visible && operands[0].type == ZYDIS_OPERAND_TYPE_POINTER;
  if (!pointer && ((attrs & OpAttr::imm64) != 0) != ((row.attrs & RowAttr::imm64) != 0)) return false;
  bytes = insn.operand_width / 8u;
  if (!row.match_operands) return true;

  unsigned count = 0;
  while (count < max_operands && row.operands[count] != Operand::none) ++count;
  if (count != insn.operand_count_visible) return false;
  if (row.sizes != Sizes::none) {
    for (unsigned n = 0; n < count; ++n) {
      if (!depends_on_size(row.operands[n])) continue;
      const unsigned own = own_size(row.operands[n], operands[n]);
      if (own) {
        bytes = own;
        break;
      }
    }
    if (!std::has_single_bit(bytes) || !(row.sizes & bytes)) return false;
  }
  for (unsigned n = 0; n < count; ++n) {
    if (!matches(row.operands[n], operands[n], bytes)) return false;
  }
  return true;
}

u8 segment_number(ZydisRegister segment) {
  const RegisterPlace place = register_map()[segment];
  return place.file == RegisterFileKind::segment ? place.number : u8{3};
}

}  // namespace

struct Decoder::Impl {
  FeatureSet features;
  ZydisDecoder decoders[3];  // 16, 32, 64

  const ZydisDecoder& decoder(unsigned code_bits) const {
    return decoders[code_bits == 64 ? 2 : code_bits == 32 ? 1 : 0];
  }
};

Decoder::Decoder(const FeatureSet& features) : impl_(std::make_unique<Impl>()) {
  impl_->features = features;
  ZydisDecoderInit(&impl_->decoders[0], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
  ZydisDecoderInit(&impl_->decoders[1], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
  ZydisDecoderInit(&impl_->decoders[2], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  const auto has = [&](Feature f) {
    return features.test(static_cast<std::size_t>(f)) ? ZYAN_TRUE : ZYAN_FALSE;
  };
  for (ZydisDecoder& d : impl_->decoders) {
    // Without these features their encodings are older instructions or NOPs, as on the silicon.
    ZydisDecoderEnableMode(&d, ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
    ZydisDecoderEnableMode(&d, ZYDIS_DECODER_MODE_CET, ZYAN_FALSE);
    ZydisDecoderEnableMode(&d, ZYDIS_DECODER_MODE_LZCNT, has(Feature::lzcnt));
    ZydisDecoderEnableMode(&d, ZYDIS_DECODER_MODE_TZCNT, has(Feature::bmi1));
    ZydisDecoderEnableMode(&d, ZYDIS_DECODER_MODE_WBNOINVD, has(Feature::wbnoinvd));
    ZydisDecoderEnableMode(&d, ZYDIS_DECODER_MODE_CLDEMOTE, has(Feature::cldemote));
  }
}

Decoder::~Decoder() = default;

namespace {

// Zydis 4.0 sees R13D here, and no displacement, where REX.B is set and there is a 67h prefix.
bool has_no_base(const ZydisDecodedInstruction& insn) {
  return insn.address_width != 16 && (insn.attributes & ZYDIS_ATTRIB_HAS_SIB) && insn.raw.modrm.mod == 0 &&
         insn.raw.sib.base == 5;
}

void lower_memory(const ZydisDecodedOperand& o, const ZydisDecodedInstruction& insn, unsigned code_bits,
                  Op& op, bool& legacy) {
  const auto& mem = o.mem;
  op.seg = segment_number(mem.segment);
  if (code_bits != 64 || insn.address_width != 64 || mem.segment == ZYDIS_REGISTER_FS ||
      mem.segment == ZYDIS_REGISTER_GS)
    legacy = true;
  if (o.encoding == ZYDIS_OPERAND_ENCODING_DISP16_32_64) {
    op.imm64 = mem.disp.value;
    return;
  }
  s64 disp = mem.disp.has_displacement ? mem.disp.value : 0;
  if (mem.base == ZYDIS_REGISTER_RIP || mem.base == ZYDIS_REGISTER_EIP) {
    op.base = reg::rip_base;
    disp += op.offset + insn.length;
    // A displacement near 2 GiB may not fit once it counts from the page's start: a constant index makes up
    // for it.
    if (disp > std::numeric_limits<s32>::max()) {
      disp -= page_bytes;
      op.index = reg::page_size;
    }
  } else {
    if (has_no_base(insn))
      disp = insn.raw.disp.value;
    else if (mem.base != ZYDIS_REGISTER_NONE)
      op.base = register_map()[mem.base].number;
    if (mem.index != ZYDIS_REGISTER_NONE && mem.scale) {
      op.index = register_map()[mem.index].number;
      op.scale = static_cast<u8>(std::countr_zero(mem.scale));
    }
  }
  op.disp = static_cast<s32>(disp);
}

bool fits_s32(s64 value) { return value == static_cast<s32>(value); }

// Sets the fields that one operand stands for.
void lower_operand(const ZydisDecodedOperand& o, unsigned n, const ZydisDecodedInstruction& insn,
                   unsigned code_bits, Op& op, bool& legacy) {
  switch (o.type) {
    case ZYDIS_OPERAND_TYPE_REGISTER: {
      const u8 number = register_map()[o.reg.value].number;
      if (n == 3)
        op.imm = number;
      else
        (n == 0 ? op.r0 : n == 1 ? op.r1 : op.r2) = number;
      break;
    }
    case ZYDIS_OPERAND_TYPE_MEMORY: lower_memory(o, insn, code_bits, op, legacy); break;
    case ZYDIS_OPERAND_TYPE_POINTER:
      op.imm64 = static_cast<s64>((static_cast<u64>(o.ptr.segment) << 32) | o.ptr.offset);
      break;
    case ZYDIS_OPERAND_TYPE_IMMEDIATE:
      if (o.imm.is_relative) {
        op.imm = static_cast<s32>(op.offset + insn.length + o.imm.value.s);
      } else if (insn.mnemonic == ZYDIS_MNEMONIC_ENTER && n == 1) {
        op.r2 = static_cast<u8>(o.imm.value.u);
      } else if (op.attrs & OpAttr::imm64) {
        op.imm64 = o.imm.value.s;
      } else {
        op.imm = static_cast<s32>(o.imm.value.u);
      }
      break;
    default: break;
  }
}

// The segment of an implied memory operand (MOVS, XLAT): the override, else DS.
u8 implied_segment(const ZydisDecodedInstruction& insn) {
  constexpr ZydisInstructionAttributes overrides[] = {
      ZYDIS_ATTRIB_HAS_SEGMENT_ES, ZYDIS_ATTRIB_HAS_SEGMENT_CS, ZYDIS_ATTRIB_HAS_SEGMENT_SS,
      ZYDIS_ATTRIB_HAS_SEGMENT_DS, ZYDIS_ATTRIB_HAS_SEGMENT_FS, ZYDIS_ATTRIB_HAS_SEGMENT_GS};
  for (u8 number = 0; number < 6; ++number) {
    if (insn.attributes & overrides[number]) return number;
  }
  // Zydis shows MONITOR and UMONITOR without memory and calls their override ignored. ES, CS, SS and DS are
  // so in 64-bit mode.
  if (insn.mnemonic == ZYDIS_MNEMONIC_MONITOR || insn.mnemonic == ZYDIS_MNEMONIC_UMONITOR) {
    constexpr u8 prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
    const u8 first = insn.machine_mode == ZYDIS_MACHINE_MODE_LONG_64 ? 4 : 0;
    for (unsigned n = insn.raw.prefix_count; n-- > 0;)
      for (u8 number = first; number < 6; ++number)
        if (insn.raw.prefixes[n].value == prefixes[number]) return number;
  }
  return DS;
}

u8 attributes(const ZydisDecodedInstruction& insn, Operands operands, unsigned code_bits) {
  u8 attrs = 0;
  if (insn.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE)) attrs |= OpAttr::rep;
  if (insn.attributes & ZYDIS_ATTRIB_HAS_REPNE) attrs |= OpAttr::repne;
  if (insn.attributes & ZYDIS_ATTRIB_HAS_LOCK) attrs |= OpAttr::lock;
  if (insn.address_width == 16) attrs |= OpAttr::address16;
  if (insn.address_width == 32) attrs |= OpAttr::address32;
  // In 64-bit mode the operand size of what is told here is fixed, but for the x87 environment's.
  const bool sized = code_bits != 64 || insn.mnemonic == ZYDIS_MNEMONIC_FNSTENV ||
                     insn.mnemonic == ZYDIS_MNEMONIC_FLDENV || insn.mnemonic == ZYDIS_MNEMONIC_FNSAVE ||
                     insn.mnemonic == ZYDIS_MNEMONIC_FRSTOR;
  if (sized && insn.operand_width == 16) attrs |= OpAttr::operand16;
  for (unsigned n = 0; n < insn.operand_count_visible; ++n) {
    const ZydisDecodedOperand& o = operands[n];
    const bool wide_immediate = o.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && !o.imm.is_relative &&
                                o.size == 64 && insn.operand_width == 64 && insn.raw.imm[0].size == 64 &&
                                !fits_s32(o.imm.value.s);
    if (wide_immediate ||
        (o.type == ZYDIS_OPERAND_TYPE_MEMORY && o.encoding == ZYDIS_OPERAND_ENCODING_DISP16_32_64))
      attrs |= OpAttr::imm64;
  }
  return attrs;
}

Form form_of(const RowInfo& row, const ZydisDecodedInstruction& insn, Operands operands) {
  if (!row.match_operands || insn.operand_count_visible == 0) return Form::N;
  const auto is_mem = [&](unsigned n) {
    return operands[n].type == ZYDIS_OPERAND_TYPE_MEMORY && row.operands[n] != Operand::any;
  };
  // `one` and `rel` are immediates to Zydis and classes of their own here.
  const auto is_immediate = [&](unsigned n) {
    return operands[n].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
           (row.operands[n] == Operand::i || row.operands[n] == Operand::rmi);
  };
  if (insn.operand_count_visible == 1) return is_mem(0) ? Form::M : is_immediate(0) ? Form::RI : Form::R;
  const unsigned second = second_class(row.operands[1]);
  if (is_mem(0)) return is_immediate(second) ? Form::MI : Form::MR;
  if (is_mem(second)) return Form::RM;
  return is_immediate(second) ? Form::RI : Form::RR;
}

bool is_branch(Kind kind) {
  return kind == Kind::conditional || kind == Kind::direct || kind == Kind::indirect;
}

}  // namespace

DecodeStatus Decoder::lower(const u8* bytes, unsigned available, unsigned code_bits, bool limited,
                            u16 page_offset, Lowered& out) const {
  ZydisDecodedInstruction insn;
  ZydisDecoderContext context;
  const ZydisDecoder& decoder = impl_->decoder(code_bits);
  const ZyanStatus status = ZydisDecoderDecodeInstruction(&decoder, &context, bytes, available, &insn);
  out = Lowered{};
  Op& op = out.op;
  op.offset = page_offset;
  op.row = no_row;
  if (ZYAN_FAILED(status)) {
    if (status == ZYDIS_STATUS_NO_MORE_DATA)
      return available >= 15 ? DecodeStatus::too_long : DecodeStatus::more;
    return status == ZYDIS_STATUS_INSTRUCTION_TOO_LONG ? DecodeStatus::too_long : DecodeStatus::undefined;
  }
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
  if (insn.operand_count_visible && ZYAN_FAILED(ZydisDecoderDecodeOperands(
                                        &decoder, &context, &insn, operands, insn.operand_count_visible)))
    return DecodeStatus::undefined;

  op.length = insn.length;
  op.attrs = attributes(insn, operands, code_bits);
  const bool bits64 = code_bits == 64;
  const RowIndex& index = row_index();
  const auto all = rows();
  for (unsigned k = index.first[insn.mnemonic]; k < index.first[insn.mnemonic + 1]; ++k) {
    const RowInfo& row = all[index.order[k]];
    unsigned size = 0;
    if (!row_matches(row, insn, operands, op.attrs, bits64, size)) continue;
    if (!impl_->features.test(static_cast<std::size_t>(row.feature)) ||
        !impl_->features.test(static_cast<std::size_t>(row.also)))
      return DecodeStatus::undefined;
    op.row = index.order[k];
    op.size = static_cast<u8>(size);
    op.seg = implied_segment(insn);
    bool legacy = false;
    for (unsigned n = 0; n < insn.operand_count_visible; ++n)
      lower_operand(operands[n], n, insn, code_bits, op, legacy);
    if (row.attrs & RowAttr::stack) legacy |= !bits64;
    const unsigned size_log2 =
        row.sizes == Sizes::none || !row.match_operands ? 0 : static_cast<unsigned>(std::countr_zero(size));
    op.variant = variant_of(size_log2, form_of(row, insn, operands), legacy);
    out.kind = row.kind;
    const auto& imm = insn.raw.imm[0];
    out.tail_immediate = imm.size == 32 && !imm.is_relative && imm.offset + 4 == insn.length;
    out.checked = is_branch(row.kind) && (limited || code_bits == 16 || (op.attrs & OpAttr::operand16));
    return DecodeStatus::ok;
  }
  return DecodeStatus::undefined;
}

}  // namespace ringside
