// Owns the search for instructions of every row.
#include "tests/oracle/samples.h"

#include <Zydis/Zydis.h>

#include <cstring>

#include "cpu/decode/proof.h"

namespace oracle {
namespace {

class Search {
 public:
  Search(const Emulated& emulated, unsigned bits, unsigned count, std::mt19937_64& random)
      : emulated_(emulated), bits_(bits), count_(count), random_(random) {
    ZydisDecoderInit(&decoder_,
                     bits == 64   ? ZYDIS_MACHINE_MODE_LONG_64
                     : bits == 32 ? ZYDIS_MACHINE_MODE_LEGACY_32
                                  : ZYDIS_MACHINE_MODE_LEGACY_16,
                     bits == 64   ? ZYDIS_STACK_WIDTH_64
                     : bits == 32 ? ZYDIS_STACK_WIDTH_32
                                  : ZYDIS_STACK_WIDTH_16);
    // As the program under test has it: their encodings are no operations.
    ZydisDecoderEnableMode(&decoder_, ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
    ZydisDecoderEnableMode(&decoder_, ZYDIS_DECODER_MODE_CET, ZYAN_FALSE);
  }

  Samples run() {
    for (unsigned round = 0; round < 3; ++round) search();
    return std::move(found_);
  }

 private:
  void search() {
    for (const unsigned map : {0x00u, 0x0fu, 0x0f38u, 0x0f3au})
      for (unsigned opcode = 0; opcode < 256; ++opcode) {
        if (map == 0 && is_prefix(opcode)) continue;
        // The x87 and the few others whose ModRM byte chooses among many instructions.
        const bool many =
            map == 0 ? (opcode & 0xf8) == 0xd8 : map == 0x0f && (opcode == 0x01 || opcode == 0xae);
        for (const unsigned mandatory : {0u, 0x66u, 0xf2u, 0xf3u})
          for (unsigned reg = 0; reg < 8; ++reg) {
            for (unsigned k = 0; k < 4; ++k) attempt(map, opcode, mandatory, any_memory(reg));
            for (unsigned rm = 0; rm < 8; ++rm)
              if (many || rm % 4 == 0)
                attempt(map, opcode, mandatory, 0xc0 | reg << 3 | (many ? rm : below(8)));
          }
      }
    for (const unsigned map : {1u, 2u, 3u})
      for (unsigned opcode = 0; opcode < 256; ++opcode)
        for (const unsigned pp : {0u, 1u, 2u, 3u}) {
          // Where the ModRM byte chooses among instructions, each of them needs its share.
          const bool many = map == 1 ? (opcode >= 0x71 && opcode <= 0x73) || opcode == 0xae : opcode == 0xf3;
          for (unsigned k = 0; k < (many ? 240 : 24); ++k) attempt_vex(map, opcode, pp);
        }
  }

  u64 below(u64 n) { return random_() % n; }
  bool one_in(u64 n) { return random_() % n == 0; }
  unsigned any_memory(unsigned reg) { return static_cast<unsigned>(below(3) << 6 | reg << 3 | below(8)); }
  bool is_prefix(unsigned byte) const {
    switch (byte) {
      case 0x0f:
      case 0x26:
      case 0x2e:
      case 0x36:
      case 0x3e:
      case 0x64:
      case 0x65:
      case 0x66:
      case 0x67:
      case 0xf0:
      case 0xf2:
      case 0xf3: return true;
      default: return bits_ == 64 && (byte & 0xf0) == 0x40;
    }
  }

  void attempt(unsigned map, unsigned opcode, unsigned mandatory, u64 modrm) {
    Sample s;
    std::vector<u8>& b = s.bytes;
    if (one_in(16)) b.push_back(0xf0);
    if (one_in(5)) {
      static constexpr u8 overrides[] = {0x26, 0x36, 0x3e, 0x64, 0x65};
      b.push_back(overrides[below(std::size(overrides))]);
    }
    if (one_in(4)) b.push_back(0x67);
    if (mandatory != 0x66 && one_in(8)) b.push_back(0x66);
    if (mandatory) b.push_back(static_cast<u8>(mandatory));
    if (bits_ == 64 && !one_in(3)) b.push_back(static_cast<u8>(0x40 | (one_in(2) ? 8 : 0) | below(8)));
    if (map) b.push_back(0x0f);
    if (map > 0xff) b.push_back(static_cast<u8>(map));
    b.push_back(static_cast<u8>(opcode));
    b.push_back(static_cast<u8>(modrm));
    const std::size_t tail = b.size();
    while (b.size() < 15) b.push_back(static_cast<u8>(random_()));
    // Small immediates are as common as any.
    if (one_in(2)) std::memset(&b[tail], 0, 15 - tail), b[tail] = static_cast<u8>(below(34));
    consider(std::move(s));
  }

  // With a VEX prefix of two or three bytes.
  void attempt_vex(unsigned map, unsigned opcode, unsigned pp) {
    Sample s;
    std::vector<u8>& b = s.bytes;
    if (one_in(5)) b.push_back(one_in(2) ? 0x64 : 0x36);
    if (one_in(4)) b.push_back(0x67);
    // Outside 64-bit mode the bits that extend registers say that it is this prefix.
    const unsigned inverted = bits_ == 64 ? static_cast<unsigned>(below(8)) : 7,
                   vvvv = one_in(2) ? 15 : static_cast<unsigned>(bits_ == 64 ? below(16) : 8 + below(8)),
                   length = static_cast<unsigned>(below(2)), wide = one_in(3);
    if (map == 1 && !wide && (inverted & 3) == 3 && one_in(2)) {
      b.push_back(0xc5);
      b.push_back(static_cast<u8>((inverted >> 2) << 7 | vvvv << 3 | length << 2 | pp));
    } else {
      b.push_back(0xc4);
      b.push_back(static_cast<u8>(inverted << 5 | map));
      b.push_back(static_cast<u8>(wide << 7 | vvvv << 3 | length << 2 | pp));
    }
    b.push_back(static_cast<u8>(opcode));
    const unsigned reg = static_cast<unsigned>(below(8));
    b.push_back(static_cast<u8>(one_in(2) ? any_memory(reg) : 0xc0 | reg << 3 | below(8)));
    while (b.size() < 15) b.push_back(static_cast<u8>(random_()));
    consider(std::move(s));
  }

  // Kept if it is of a row that can be run.
  void consider(Sample&& s) {
    if (!describe(s)) return;
    const u16 row = emulated_.row_of(s.bytes, bits_);
    if (row == Decoder::no_row || proof_of(row).oracle == Oracle::none) return;
    s.number = row;
    s.row = &rows()[row];
    const bool far = s.row->attrs & RowAttr::far || s.row->body == "iret";
    if (far && s.operand_bytes == 2 && !emulated_.descriptors().local) return;
    if (s.row->attrs & RowAttr::far && !s.target) {
      const FarTarget to = far_target(random_, emulated_.descriptors(), s.operand_bytes);
      s.far = to;
      s.target = branch_target;
      s.target_bits = to.bits;
    } else if (s.row->body == "iret") {
      s.far = far_target(random_, emulated_.descriptors(), s.operand_bytes);
      s.target = branch_target;
      s.target_bits = s.far.bits;
    }
    s.bits = bits_;
    if (!may_run(s)) return;
    keep(std::move(s));
  }

  void keep(Sample&& s) {
    // Both lengths of a vector count as sizes.
    const bool longer = s.row->sizes == Sizes::xy && s.vector_bytes == 32;
    const unsigned size = longer                 ? 1
                          : s.operand_bytes == 8 ? 3
                          : s.operand_bytes == 4 ? 2
                          : s.operand_bytes == 2 ? 1
                                                 : 0;
    const unsigned key = s.number * 32u + size * 4 + s.memory * 2 + (s.address_bits == 16);
    std::vector<Sample>& list = found_[key];
    unsigned& seen = seen_[key];
    ++seen;
    if (list.size() < count_)
      list.push_back(std::move(s));
    else if (const u64 n = below(seen); n < count_)
      list[n] = std::move(s);
  }

  // The library's 4.0 names R13D for some of these.
  static bool lacks_base(const ZydisDecodedInstruction& insn) {
    return insn.attributes & ZYDIS_ATTRIB_HAS_SIB && insn.raw.modrm.mod == 0 && insn.raw.sib.base == 5;
  }

  // False: nothing that can be given operands.
  bool describe(Sample& s) {
    ZydisDecodedInstruction insn;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder_, s.bytes.data(), s.bytes.size(), &insn, operands)))
      return false;
    s.bytes.resize(insn.length);
    s.operand_bytes = insn.operand_width / 8u;
    s.address_bits = insn.address_width;
    s.vector_bytes = insn.avx.vector_length / 8u;
    if (insn.cpu_flags) s.undefined = insn.cpu_flags->undefined & Eflags::arithmetic;
    s.wide = insn.attributes & ZYDIS_ATTRIB_HAS_MODRM && insn.raw.rex.W;
    for (unsigned n = 0; n < insn.raw.prefix_count; ++n) {
      s.repeat_prefix |= (insn.raw.prefixes[n].value & 0xfe) == 0xf2;
      s.size_prefix |= insn.raw.prefixes[n].value == 0x66;
    }
    s.locked = insn.attributes & ZYDIS_ATTRIB_HAS_LOCK;
    if (insn.attributes & ZYDIS_ATTRIB_HAS_MODRM) {
      s.reg = static_cast<u8>(insn.raw.modrm.reg | insn.raw.rex.R << 3);
      if (insn.raw.modrm.mod == 3) s.rm = static_cast<u8>(insn.raw.modrm.rm | insn.raw.rex.B << 3);
    }
    s.immediate = 1;  // of the shifts that have none
    for (const auto& imm : insn.raw.imm)
      if (imm.size) s.immediate = imm.value.u;
    s.source = insn.attributes & ZYDIS_ATTRIB_HAS_SEGMENT_ES   ? ES
               : insn.attributes & ZYDIS_ATTRIB_HAS_SEGMENT_SS ? SS
               : insn.attributes & ZYDIS_ATTRIB_HAS_SEGMENT_FS ? FS
               : insn.attributes & ZYDIS_ATTRIB_HAS_SEGMENT_GS ? GS
                                                               : DS;
    if (bits_ == 64 && s.source < FS) s.source = DS;
    for (unsigned n = 0; n < insn.operand_count; ++n) {
      const ZydisDecodedOperand& o = operands[n];
      if (o.type == ZYDIS_OPERAND_TYPE_MEMORY && o.mem.type == ZYDIS_MEMOP_TYPE_VSIB) return false;
      if (o.type != ZYDIS_OPERAND_TYPE_MEMORY || o.visibility != ZYDIS_OPERAND_VISIBILITY_EXPLICIT) continue;
      s.memory = true;
      s.segment = static_cast<SegReg>(o.mem.segment - ZYDIS_REGISTER_ES);
      s.displacement = o.mem.disp.value;
      s.scale = o.mem.scale ? o.mem.scale : u8{1};
      if (o.mem.index != ZYDIS_REGISTER_NONE) s.index = static_cast<u8>(ZydisRegisterGetId(o.mem.index));
      if (o.mem.base == ZYDIS_REGISTER_RIP || o.mem.base == ZYDIS_REGISTER_EIP)
        s.base = Sample::rip;
      else if (o.mem.base != ZYDIS_REGISTER_NONE && !lacks_base(insn))
        s.base = static_cast<u8>(ZydisRegisterGetId(o.mem.base));
      // The address is made by choice of the base register's value.
      if (s.segment == CS || (s.index != Sample::none && (s.base == s.index || s.base >= Sample::rip)))
        return false;
      if (s.base >= Sample::rip) place(s, insn);
    }
    s.cs = bits_ == 64   ? user_code64
           : bits_ == 16 ? ldt_selector(ldt::code16)
           : one_in(3)   ? user_code32
                         : ldt_selector(ldt::code32);
    aim(s, insn);
    return true;
  }

  // Memory operands whose address is all displacement.
  void place(Sample& s, const ZydisDecodedInstruction& insn) {
    const u64 inside = 0x1000 + below(0x2000);
    if (s.base == Sample::rip)
      s.displacement = static_cast<s64>(data_base + inside);
    else if (bits_ == 64)
      s.displacement = static_cast<s64>(s.segment >= FS ? inside : data_base + inside);
    else
      s.displacement = static_cast<s64>(one_in(3) ? below(0x10000) : inside);
    s64 raw = s.displacement;
    if (s.base == Sample::rip) raw -= static_cast<s64>(code_at + insn.length);
    std::memcpy(&s.bytes[insn.raw.disp.offset], &raw, insn.raw.disp.size / 8u);
  }

  // Branches that name their target.
  void aim(Sample& s, const ZydisDecodedInstruction& insn) {
    const u64 after = code_at + insn.length;
    const auto& imm = insn.raw.imm[0];
    if (imm.is_relative) {
      static constexpr s64 near[] = {0x20, 0x7f, -0x60, -0x80}, far[] = {0x500, -0x180, 0x4f0, 0x7000};
      s64 distance = near[below(std::size(near))];
      // Only a segment has an end that stops it.
      if (imm.size > 8 && one_in(2)) distance = far[below(s.cs & 4 ? 4 : 3)];
      std::memcpy(&s.bytes[imm.offset], &distance, imm.size / 8u);
      const u64 target = after + static_cast<u64>(distance);
      if (target < end_of_targets) s.target = target;
      s.target_bits = bits_;
    } else if (insn.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR && insn.raw.imm[1].size) {
      const FarTarget to = far_target(random_, emulated_.descriptors(), s.operand_bytes);
      std::memcpy(&s.bytes[imm.offset], &to.offset, imm.size / 8u);
      std::memcpy(&s.bytes[insn.raw.imm[1].offset], &to.selector, 2);
      s.target = branch_target;
      s.target_bits = to.bits;
    }
  }

  // What cannot be run, for its operands would be a matter of chance.
  bool may_run(Sample& s) const {
    const std::string_view body = s.row->body;
    // Bit strings: the offset must not be the address.
    if (body.starts_with("bt") && s.row->operands[1] == Operand::r && s.memory &&
        (s.reg == s.base || s.reg == s.index))
      return false;
    // A 16-bit instruction pointer leads nowhere in a segment that begins at 0.
    const bool near = s.row->kind != Kind::plain && s.row->kind != Kind::boundary;
    if (near && s.operand_bytes == 2 && s.cs == user_code32) return false;
    // Their masks are in EDX:EAX.
    if ((body.starts_with("xsave") || body.starts_with("xrstor")) &&
        (s.base == RAX || s.base == RDX || s.index == RAX || s.index == RDX))
      return false;
    // A stack pointer that addresses the operand, too, has to lie where the stack is.
    const bool stack = s.row->attrs & (RowAttr::stack | RowAttr::far);
    if (stack && s.base == RSP &&
        (s.index != Sample::none || s.displacement < -0x800 || s.displacement > 0x800))
      return false;
    if (s.row->kind == Kind::indirect && !s.memory && s.rm == RSP) return false;
    // The one software interrupt that calls the host's kernel.
    if (body == "int_n" && (s.immediate & 0xff) == 0x80) return false;
    return true;
  }

  const Emulated& emulated_;
  unsigned bits_, count_;
  std::mt19937_64& random_;
  ZydisDecoder decoder_;
  Samples found_;
  std::map<unsigned, unsigned> seen_;
};

}  // namespace

FarTarget far_target(std::mt19937_64& random, Descriptors host, unsigned operand_bytes) {
  FarTarget to;
  u64 choice = random() % (operand_bytes == 2 ? 2 : 4);
  if ((choice < 2 && !host.local) || (choice == 2 && !host.code32)) choice = 3;
  switch (choice) {
    case 0: to = {ldt_selector(ldt::code32), 32, 0}; break;
    case 1: to = {ldt_selector(ldt::code16), 16, 0}; break;
    case 2: to = {user_code32, 32, 0}; break;
    default: to = {user_code64, 64, 0};
  }
  to.offset = static_cast<u32>(branch_target - code_base(to.selector));
  return to;
}

Samples sample(const Emulated& emulated, unsigned bits, unsigned count, std::mt19937_64& random) {
  return Search(emulated, bits, count, random).run();
}

}  // namespace oracle
