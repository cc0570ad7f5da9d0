// Owns the test of every row of the MMX, SSE, AVX and FMA tables against the host's processor, with edge
// values and random ones.
#include <Zydis/Zydis.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "cpu/decode/proof.h"
#include "tests/oracle/sse_harness.h"
#include "tests/soak.h"

using namespace ringside;
using namespace ringside::test;

namespace {

using Bytes = std::vector<u8>;

// One operand for a token, in its register or its memory form; `size` is the row's T. False: the token has no
// such form.
bool operand_for(const RowInfo& row, unsigned position, unsigned size, bool memory, ZydisEncoderOperand& o) {
  using enum Operand;
  o = {};
  const auto reg = [&](ZydisRegister first, unsigned number) {
    if (memory) return false;
    o.type = ZYDIS_OPERAND_TYPE_REGISTER;
    o.reg.value = static_cast<ZydisRegister>(first + number);
    return true;
  };
  const auto mem = [&](unsigned bytes) {
    o.type = ZYDIS_OPERAND_TYPE_MEMORY;
    o.mem.base = ZYDIS_REGISTER_RBX;
    o.mem.size = static_cast<ZyanU16>(bytes);
    return true;
  };
  const auto by_vector = [&](ZydisRegister first) {
    mem(row.body[8] == 'd' ? 4 : 8);  // gather_qd and its like
    o.mem.index = static_cast<ZydisRegister>(first + position);
    o.mem.scale = 1;
    return memory;
  };
  const auto xmm = [&] { return reg(ZYDIS_REGISTER_XMM0, position); };
  const auto ymm_ = [&] { return reg(ZYDIS_REGISTER_YMM0, position); };
  const auto vector = [&] { return size == 32 ? ymm_() : xmm(); };
  const auto mm = [&] { return reg(ZYDIS_REGISTER_MM0, position); };
  const auto r32_ = [&] { return reg(ZYDIS_REGISTER_EAX, position); };  // EAX, ECX, EDX
  const auto r64_ = [&] { return reg(ZYDIS_REGISTER_RAX, position); };
  switch (row.operands[position]) {
    case x:
    case xv: return xmm();
    case ymm: return ymm_();
    case v: o.reg.is4 = position == 3; return vector();
    case vv: return vector();
    case vm:
    case vma: return memory ? mem(size) : vector();
    case m:
    case ma: return memory && mem(size);
    case vsx: return by_vector(ZYDIS_REGISTER_XMM0);
    case vsy: return by_vector(ZYDIS_REGISTER_YMM0);
    case y: return mm();
    case xm8: return memory ? mem(1) : xmm();
    case xm16: return memory ? mem(2) : xmm();
    case xm32: return memory ? mem(4) : xmm();
    case xm64: return memory ? mem(8) : xmm();
    case xm128:
    case xm128u: return memory ? mem(16) : xmm();
    case ym32: return memory ? mem(4) : mm();
    case ym64: return memory ? mem(8) : mm();
    case rm32: return memory ? mem(4) : r32_();
    case rm64: return memory ? mem(8) : r64_();
    case r: return size == 8 ? r64_() : r32_();
    case r32: return r32_();
    case r64: return r64_();
    case m8: return memory && mem(1);
    case m16: return memory && mem(2);
    case m32: return memory && mem(4);
    case m64: return memory && mem(8);
    case m128:
    case m128u: return memory && mem(16);
    case i: o.type = ZYDIS_OPERAND_TYPE_IMMEDIATE; return !memory;
    default: return false;
  }
}

// The row's encodings with register operands and with one memory operand; the immediate is the last byte.
std::vector<Bytes> encodings(const RowInfo& row) {
  std::vector<Bytes> result;
  unsigned count = 0;
  while (count < max_operands && row.operands[count] != Operand::none) ++count;
  if (!row.match_operands && !(row.attrs & RowAttr::vex)) return result;
  for (unsigned memory = 0; memory <= count; ++memory) {  // which operand is memory; `count`: none
    for (const unsigned size : {0u, 4u, 8u, 16u, 32u}) {
      if (size != (row.sizes & size) || (size == 0) != (row.sizes == Sizes::none)) continue;
      ZydisEncoderRequest request{};
      request.machine_mode = ZYDIS_MACHINE_MODE_LONG_64;
      request.mnemonic = static_cast<ZydisMnemonic>(row.zydis_mnemonic);
      request.operand_count = static_cast<ZyanU8>(count);
      if (row.attrs & RowAttr::vex) request.allowed_encodings = ZYDIS_ENCODABLE_ENCODING_VEX;
      bool good = true;
      for (unsigned n = 0; n < count && good; ++n)
        good = operand_for(row, n, size, n == memory, request.operands[n]);
      if (!good) continue;
      u8 buffer[ZYDIS_MAX_INSTRUCTION_LENGTH];
      ZyanUSize length = sizeof buffer;
      if (ZYAN_SUCCESS(ZydisEncoderEncodeInstruction(&request, buffer, &length)))
        result.emplace_back(buffer, buffer + length);
    }
  }
  return result;
}

struct Random {
  std::mt19937_64 engine{20240607};
  u64 next() { return engine(); }
  u64 below(u64 n) { return next() % n; }

  u32 single() {
    static constexpr u32 edges[] = {0,          1,          0x007fffff, 0x00800000, 0x00800001, 0x3f800000,
                                    0x3f7fffff, 0x3f000000, 0x40000000, 0x4f000000, 0x4effffff, 0x4b000000,
                                    0x4b800000, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fc00000, 0x7fc12345,
                                    0x7fa00001, 0x3fc00000, 0x40200000, 0x00400000, 0x34000000, 0x5f000000};
    const u32 sign = static_cast<u32>(next()) & 0x80000000;
    switch (below(8)) {
      case 0:
      case 1: return sign | edges[below(std::size(edges))];
      case 2: return sign | (static_cast<u32>(120 + below(14)) << 23) | (next() & 0x7fffff);
      case 3: return sign | (static_cast<u32>(120 + below(40)) << 23) | (next() & 0x7f0000);
      case 4: return sign | (static_cast<u32>(below(60)) << 23) | (next() & 0x7fffff);
      case 5: return sign | (static_cast<u32>(200 + below(56)) << 23) | (next() & 0x7fffff);
      case 6: return sign | static_cast<u32>(next() & 0x7fffff);
      default: return static_cast<u32>(next());
    }
  }
  u64 number() {
    static constexpr u64 edges[] = {0,
                                    1,
                                    0x000fffffffffffff,
                                    0x0010000000000000,
                                    0x0010000000000001,
                                    0x3ff0000000000000,
                                    0x3fefffffffffffff,
                                    0x3fe0000000000000,
                                    0x41dfffffffc00000,
                                    0x41e0000000000000,
                                    0x41dfffffffe00000,
                                    0x43e0000000000000,
                                    0x43dfffffffffffff,
                                    0x4330000000000000,
                                    0x4340000000000001,
                                    0x7fefffffffffffff,
                                    0x7ff0000000000000,
                                    0x7ff0000000000001,
                                    0x7ff8000000000000,
                                    0x7ffabcdef1234567,
                                    0x380fffffffffffff,
                                    0x36a0000000000000,
                                    0x47efffffe0000000,
                                    0x47effffff0000000,
                                    0x4004000000000000,
                                    0x3690000000000000,
                                    0x380ffffff0000000,
                                    0x380fffffe8000000};
    const u64 sign = next() & 0x8000000000000000;
    switch (below(10)) {
      case 0:
      case 1: return sign | edges[below(std::size(edges))];
      case 2: return sign | ((1016 + below(14)) << 52) | (next() & 0xfffffffffffff);
      case 3: return sign | ((1016 + below(72)) << 52) | (next() & 0xfff0000000000);
      case 4: return sign | (below(120) << 52) | (next() & 0xfffffffffffff);
      case 5: return sign | ((1900 + below(148)) << 52) | (next() & 0xfffffffffffff);
      case 6: return sign | (next() & 0xfffffffffffff);
      case 7: return sign | ((860 + below(50)) << 52) | (next() & 0xfffffffffffff);
      case 8: return u64{single()} << 32 | single();
      default: return next();
    }
  }
  u64 quad() {
    switch (below(6)) {
      case 0: return next();
      case 1: return next() & next() & 0x00ff00ff00ff00ff;
      case 2: return below(140);
      case 3: return u64{single()} << 32 | single();
      case 4: {
        static constexpr u64 edges[] = {0x8000000080000000,
                                        0x7fffffff7fffffff,
                                        0x8000800080008000,
                                        0x7fff7fff7fff7fff,
                                        0x8080808080808080,
                                        0x7f7f7f7f7f7f7f7f,
                                        ~u64{0},
                                        0,
                                        0x8000000000000000};
        return edges[below(std::size(edges))];
      }
      default: return number();
    }
  }
  u32 mxcsr() {
    u32 value = 0x1f80 | static_cast<u32>(below(64) & next());
    if (below(2)) value |= 0x20;
    if (below(3) == 0) value |= static_cast<u32>(below(4)) << 13;
    if (below(4) == 0) value |= 0x8000;
    if (below(4) == 0) value |= 0x40;
    if (below(5) == 0) value &= ~(static_cast<u32>(next() & next()) & 0x1f80);
    return value;
  }
  // Infinities, zeros, denormals and NaNs side by side: several exceptions in one instruction, which random
  // numbers come to once in twenty million cases.
  u32 extreme() {
    static constexpr u32 kinds[] = {0,          1,          0x7fffff,   0x800000,   0x3f800000,
                                    0x7f7fffff, 0x7f800000, 0x7f800000, 0x7f800001, 0x7fc00000};
    return kinds[below(std::size(kinds))] | static_cast<u32>(below(2)) << 31;
  }
  u64 extreme_double() {
    static constexpr u64 kinds[] = {0,
                                    1,
                                    0xfffffffffffff,
                                    0x10000000000000,
                                    0x3ff0000000000000,
                                    0x7fefffffffffffff,
                                    0x7ff0000000000000,
                                    0x7ff0000000000000,
                                    0x7ff0000000000001,
                                    0x7ff8000000000000};
    return kinds[below(std::size(kinds))] | below(2) << 63;
  }
  void meet_extremes(VectorCase& c) {
    const bool doubles = below(2);
    const auto any = [&] { return doubles ? extreme_double() : u64{extreme()} << 32 | extreme(); };
    for (auto& r : c.ymm)
      for (auto& q : r) q = any();
    for (auto& q : c.memory) q = any();
  }
  VectorCase fill() {
    VectorCase c;
    for (auto& r : c.ymm) {
      const bool floats = below(3) != 0;
      for (auto& q : r) q = floats ? (below(2) ? number() : u64{single()} << 32 | single()) : quad();
    }
    if (below(6) == 0) meet_extremes(c);
    if (below(8) == 0) c.ymm[1] = c.ymm[0];
    if (below(8) == 0) c.ymm[2] = c.ymm[1];
    for (auto& q : c.memory) q = below(2) ? number() : quad();
    for (auto& q : c.mmx) q = quad();
    c.rax = next();
    c.rcx = quad();
    c.rdx = next();
    c.flags = next() & 0x8d5;
    c.mxcsr = mxcsr();
    return c;
  }
  // What a row needs more than chance gives it.
  void aim(const RowInfo& row, VectorCase& c) {
    // Bit 17 is a feature of one maker's.
    if (row.body == "ldmxcsr") c.memory[0] = below(2) ? mxcsr() : c.memory[0] & ~(u64{1} << 17);
    if (!row.body.starts_with("gather_")) return;
    // Indexes inside the memory, which the index register is the second operand for.
    const bool narrow = row.body[7] == 'd';
    for (auto& q : c.ymm[1]) q = below(25) | (narrow ? below(25) << 32 : 0);
  }
};

std::string text(const VectorCase& c) {
  std::string line;
  const auto words = [&](std::string_view name, const std::array<u64, 4>& r) {
    line += fmt::format("{} {:016x}{:016x}{:016x}{:016x} ", name, r[3], r[2], r[1], r[0]);
  };
  words("ymm0", c.ymm[0]);
  words("ymm1", c.ymm[1]);
  words("ymm2", c.ymm[2]);
  words("ymm3", c.ymm[3]);
  words("memory", c.memory);
  return line +
         fmt::format("mm0 {:016x} mm1 {:016x} rax {:x} rcx {:x} rdx {:x} flags {:x} mxcsr {:04x} trap {}",
                     c.mmx[0], c.mmx[1], c.rax, c.rcx, c.rdx, c.flags, c.mxcsr, c.trap);
}

}  // namespace

TEST_CASE("each MMX, SSE, AVX and FMA row does what the host's processor does") {
  NativeVector native;
  if (const std::string why = native.absent(); !why.empty()) {
    MESSAGE("skipped: ", why);
    return;
  }
  EmulatedVector emulated;
  Random random;
  u64 tested = 0, of_vex = 0, trapped = 0;
  std::vector<std::string> without;
  std::set<std::string_view> lacking;
  for (unsigned number = 0; number < rows().size(); ++number) {
    if (proof_of(number).oracle != Oracle::vector) continue;
    const RowInfo& row = rows()[number];
    std::vector<Bytes> codes = encodings(row);
    if (codes.empty()) without.push_back(std::string(row.mnemonic));
    for (Bytes& code : codes) {
      unsigned count = 0;
      while (count < max_operands && row.operands[count] != Operand::none) ++count;
      const bool immediate = count && row.operands[count - 1] == Operand::i;
      unsigned wrong = 0;
      for (unsigned round = 0; round < 1700 * soak_factor() && wrong < 3; ++round) {
        if (round == 0 || (immediate && round % 4 == 0)) {
          if (immediate) code.back() = static_cast<u8>(round % 8 ? random.next() : random.below(20));
          native.set(code);
          REQUIRE_MESSAGE(emulated.set(code), row.mnemonic);
        }
        VectorCase before = random.fill();
        random.aim(row, before);
        VectorCase expected = before, got = before;
        native.run(expected);
        if (expected.trap == 6) {
          lacking.insert(row.mnemonic);
          break;
        }
        emulated.run(got);
        ++tested;
        of_vex += code[0] == 0xc4 || code[0] == 0xc5;
        trapped += expected.trap != 0;
        if (expected == got) continue;
        // A faulting instruction's flags are compared; that nothing else was written, too.
        ++wrong;
        std::string hex;
        for (u8 byte : code) hex += fmt::format("{:02x} ", byte);
        CHECK_MESSAGE(expected == got, row.mnemonic, " ", hex, "\nbefore   ", text(before), "\nexpected ",
                      text(expected), "\ngot      ", text(got));
      }
    }
  }
  std::string names;
  for (const auto name : lacking) names += fmt::format(" {}", name);
  MESSAGE("cases: ", tested, ", of them with VEX: ", of_vex, ", with an unmasked exception: ", trapped,
          "; not on this host:", names);
  CHECK(trapped > tested / 200);
  std::string list;
  for (const auto& m : without) list += m + " ";
  // Each row that proof_of() gives to this oracle was encoded.
  CHECK(list == "");
}
