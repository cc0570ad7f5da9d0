// Owns the comparison of the general-purpose instructions with the host processor: every row, size and form,
// on edge values and random ones.
#include <Zydis/Zydis.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "tests/oracle/emulated.h"
#include "tests/oracle/generate.h"
#include "tests/oracle/native.h"

using namespace oracle;

namespace {

// Rows whose effect is not a function of registers, flags and memory, or that a user program must not run.
bool comparable(const RowInfo& row) {
  static const std::set<std::string_view> left_out = {"random_number",     "undefined_instruction",
                                                      "mov_from_absolute", "mov_to_absolute",
                                                      "push_segment",      "popf"};
  if (left_out.contains(row.body) || row.mnemonic.starts_with("BND") || (row.attrs & RowAttr::legacy))
    return false;
  if (row.body.starts_with("in_") || row.body.starts_with("out_") || row.body.find("ins") == 0 ||
      row.body.find("outs") != row.body.npos || row.body == "rep_ins")
    return false;
  return row.kind == Kind::plain || row.kind == Kind::leave;
}

u64 value(std::mt19937_64& random) {
  static constexpr u64 edges[] = {
      0,      1,          2,          0x7f,       0x80,    0xff,         0x7fff,  0x8000,
      0xffff, 0x7fffffff, 0x80000000, 0xffffffff, ~u64{0}, ~u64{0} >> 1, bit(63), 0x8000000080008080};
  const u64 r = random();
  switch (r & 7) {
    case 0:
    case 1:
    case 2: return edges[(r >> 3) % std::size(edges)];
    case 3: return (r >> 3) & 0x3f;
    case 4: return static_cast<u64>(static_cast<s64>(r) >> (r >> 3 & 63));
    default: return random();
  }
}

struct Facts {
  u32 undefined = 0;  // arithmetic flags
  bool shift = false, narrow_shift = false, double_shift = false, bits_string = false, stack = false,
       strings = false;
  unsigned bytes = 4;
};
Facts facts_of(const Encoded& e) {
  Facts f;
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  ZydisDecodedInstruction insn;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
  REQUIRE(ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, e.bytes.data(), e.bytes.size(), &insn, operands)));
  if (insn.cpu_flags) f.undefined = insn.cpu_flags->undefined & Eflags::arithmetic;
  static const std::set<std::string_view> shifts = {"shl", "shr", "sar", "rol", "ror", "rcl", "rcr"};
  f.double_shift = e.row->body.starts_with("shld") || e.row->body.starts_with("shrd");
  f.shift = shifts.contains(e.row->body) || f.double_shift;
  f.bits_string = e.row->body.starts_with("bt") && e.row->operands[1] == Operand::r && e.memory;
  f.stack = e.row->attrs & RowAttr::stack;
  f.strings = (e.row->attrs & (RowAttr::rep | RowAttr::no_rep)) != 0;
  f.bytes = insn.operand_width / 8u;
  return f;
}

// The count of a shift, masked.
unsigned shift_count(const Encoded& e, const Facts& f, const Registers& in) {
  const unsigned last = f.double_shift ? 2 : 1;
  const u64 raw = e.row->operands[last] == Operand::cl ? in.gpr[RCX] : e.bytes.back();
  // The one-operand encodings D0 and D1 have no immediate: a count of 1.
  const bool by_one = e.row->operands[last] != Operand::cl && [&] {
    for (const u8 b : e.bytes) {
      if (b == 0xd0 || b == 0xd1) return true;
      if (b == 0xc0 || b == 0xc1 || b == 0x0f) return false;
    }
    return false;
  }();
  return by_one ? 1 : static_cast<unsigned>(raw) & (f.bytes == 8 ? 63 : 31);
}
u64 undefined_flags(const Encoded& e, const Facts& f, const Registers& in) {
  if (!f.shift) return f.undefined;
  const unsigned count = shift_count(e, f, in);
  if (count == 0) return 0;
  const bool rotate = e.row->body[0] == 'r';
  u64 undefined = rotate ? 0 : Eflags::AF;
  if (count != 1) undefined |= Eflags::OF;
  if (!rotate && e.row->body != "sar" && count >= f.bytes * 8) undefined |= Eflags::CF;
  if (f.double_shift && count >= f.bytes * 8) undefined = Eflags::arithmetic;
  return undefined;
}

class Comparison {
 public:
  void run(unsigned encodings, unsigned values) {
    REQUIRE(native_.ready());
    for (unsigned number = 0; number < string_rows + string_row_count; ++number) {
      const bool far = number >= far_rows && number < far_rows + far_row_count;
      const RowInfo& row = rows()[number];
      if (far || !comparable(row)) continue;
      unsigned encoded = 0;
      generate(row, encodings, random_, [&](const Encoded& e) {
        ++encoded;
        if (!emulated_.lowers(e.bytes)) {
          report(e, {}, "does not lower");
          return;
        }
        const Facts facts = facts_of(e);
        for (unsigned k = 0; k < values; ++k) one(e, facts);
      });
      if (encoded == 0) silent_.insert(row.mnemonic);
    }
  }

  unsigned cases = 0, failures = 0, skipped = 0;
  std::set<std::string_view> silent_;

 private:
  Registers registers(const Encoded& e, const Facts& f) {
    Registers in;
    for (u64& r : in.gpr) r = value(random_);
    in.gpr[RSP] = data_base + 0x2000 + random_() % 64;
    in.flags = (random_() & Eflags::arithmetic) | Eflags::reserved_one | Eflags::IF;
    if (f.strings) {
      if (random_() & 1) in.flags |= Eflags::DF;
      in.gpr[RSI] = data_base + 0x1000 + random_() % 0x1800;
      in.gpr[RDI] = in.gpr[RSI] + random_() % 64 - 32;
      if (random_() & 1) in.gpr[RDI] = data_base + 0x1000 + random_() % 0x1800;
      in.gpr[RCX] = random_() % (random_() & 1 ? 8 : 300);
      if (random_() % 4 == 0) in.gpr[RCX] += bit(32) * 0;
    }
    if (e.row->body == "leave" || e.row->body == "enter") in.gpr[RBP] = data_base + 0x2800 + random_() % 64;
    if (e.row->body == "xlat") in.gpr[RBX] = data_base + 0x1000;
    if (f.double_shift && f.bytes == 2 && e.row->operands[2] == Operand::cl)
      in.gpr[RCX] &= ~u64{0xff}, in.gpr[RCX] |= random_() % 17;
    if (e.memory) {
      // Bit strings reach 2,048 bytes to both sides, and the offset's register may also be the address's.
      const u64 target = data_base + 0x1800 + (random_() % 3 ? random_() % 0x40 * 16 : random_() % 0x900);
      if (f.bits_string)
        for (const unsigned n : {0, 1, 2, 7, 8, 10, 11, 12, 15})
          in.gpr[n] = static_cast<u64>(static_cast<s64>(in.gpr[n] << 49) >> 49) |
                      (f.bytes == 2 ? in.gpr[n] << 16 : 0);
      u64 rest = static_cast<u64>(e.displacement);
      if (e.index != 0xff) rest += in.gpr[e.index] * e.scale;
      if (e.row->body != "lea") in.gpr[e.base] = target - rest;
    }
    // Compare-and-exchange must succeed now and then.
    return in;
  }

  void one(const Encoded& e, const Facts& f) {
    const Registers in = registers(e, f);
    if (f.double_shift && f.bytes == 2 && shift_count(e, f, in) > 16) return;
    if (e.row->body == "bswap" && f.bytes == 2) return;
    u8* const host = native_.data().data();
    u8* const guest = emulated_.data();
    for (u64 n = 0; n < data_bytes; n += 8) {
      const u64 v = n % 64 == 0 ? value(random_) : (n * 0x9e3779b97f4a7c15) ^ in.gpr[RAX];
      std::memcpy(host + n, &v, 8);
    }
    if (e.row->body == "rep_cmps" && random_() & 1) std::memset(host + 0x800, 0x41, 0x2000);
    if (e.row->body == "rep_scas" && random_() & 1)
      std::memset(host + 0x800, static_cast<u8>(in.gpr[RAX]), 0x2000);
    if (e.row->body.starts_with("cmpxchg") && e.memory && random_() & 1) {
      u64 at = in.gpr[e.base] + static_cast<u64>(e.displacement);
      if (e.index != 0xff) at += in.gpr[e.index] * e.scale;
      std::memcpy(host + (at - data_base), &in.gpr[RAX], 8);
      if (e.row->body == "cmpxchg8b") std::memcpy(host + (at - data_base) + 4, &in.gpr[RDX], 4);
      if (e.row->body == "cmpxchg16b") std::memcpy(host + (at - data_base) + 8, &in.gpr[RDX], 8);
    }
    std::memcpy(guest, host, data_bytes);
    const Outcome real = native_.run(e.bytes, in);
    if (real.trapped && real.vector == Vector::UD) {
      ++skipped;  // the host lacks the instruction
      return;
    }
    const Outcome ours = emulated_.run(e.bytes, in);
    ++cases;
    if (real.trapped || ours.trapped) {
      if (real.trapped != ours.trapped || real.vector != ours.vector)
        report(e, in, fmt::format("host {}, here {}", fault_name(real), fault_name(ours)));
      return;
    }
    const u64 compared = (Eflags::arithmetic | Eflags::DF) & ~undefined_flags(e, f, in);
    const u64 difference = (real.registers.flags ^ ours.registers.flags) & compared;
    if (difference) {
      report(
          e, in,
          fmt::format("flags: host {:x}, here {:x}, differ {:x}", real.registers.flags & Eflags::arithmetic,
                      ours.registers.flags & Eflags::arithmetic, difference));
    }
    for (unsigned n = 0; n < 16; ++n) {
      if (real.registers.gpr[n] != ours.registers.gpr[n])
        report(e, in,
               fmt::format("register {}: host {:x}, here {:x}", n, real.registers.gpr[n],
                           ours.registers.gpr[n]));
    }
    // PUSHF stores flags that the host's own system chose.
    const auto [there, here] = std::mismatch(host, host + data_bytes, guest);
    if (there != host + data_bytes && e.row->body != "pushf")
      report(e, in,
             fmt::format("memory at {:x}: host {:x}, here {:x}", data_base + static_cast<u64>(there - host),
                         *there, *here));
  }

  static std::string fault_name(const Outcome& o) {
    return o.trapped ? fmt::format("vector {}", static_cast<int>(o.vector)) : "no fault";
  }
  void report(const Encoded& e, const Registers& in, const std::string& what) {
    ++failures;
    if (++reported_[e.row] > 3) return;
    std::string line = fmt::format("{} [{}]:", e.row->mnemonic, e.row->body);
    for (const u8 b : e.bytes) line += fmt::format(" {:02x}", b);
    line += fmt::format(" | rax {:x} rcx {:x} rdx {:x} flags {:x} | ", in.gpr[RAX], in.gpr[RCX], in.gpr[RDX],
                        in.flags);
    line += what;
    MESSAGE(line);
  }

  std::mt19937_64 random_{20240607};
  Native native_;
  Emulated emulated_;
  std::map<const RowInfo*, unsigned> reported_;
};

}  // namespace

#if defined(__x86_64__) && defined(__linux__)
TEST_CASE("general-purpose instructions do what the host processor does") {
  Comparison comparison;
  comparison.run(5, 50);
  std::string silent;
  for (const auto m : comparison.silent_) silent += std::string(m) + " ";
  MESSAGE(fmt::format("{} cases, {} skipped; not encoded: {}", comparison.cases, comparison.skipped, silent));
  CHECK(comparison.failures == 0);
  CHECK(comparison.cases > 100'000);
}
#endif
