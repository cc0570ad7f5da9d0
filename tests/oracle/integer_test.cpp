// Owns the comparison of the general-purpose instructions with the host processor: every row, size and form,
// on edge values and random ones.
#include <Zydis/Zydis.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string>

#include "cpu/decode/proof.h"
#include "tests/oracle/emulated.h"
#include "tests/oracle/generate.h"
#include "tests/oracle/native.h"
#include "tests/oracle/operands.h"
#include "tests/soak.h"

using namespace oracle;

namespace {

struct Facts {
  u32 undefined = 0;  // arithmetic flags
  bool shift = false, narrow_shift = false, double_shift = false, bits_string = false, stack = false,
       strings = false, counts = false;
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
  f.counts = e.row->kind == Kind::conditional;
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

// Writes into a case's memory, as far as the data range goes.
void put(Case& c, u64 address, const void* bytes, std::size_t count) {
  for (std::size_t n = 0; n < count; ++n)
    if (address + n - data_base < data_bytes)
      c.memory[address + n - data_base] = static_cast<const u8*>(bytes)[n];
}
void put(Case& c, u64 address, u64 content, unsigned bytes = 8) { put(c, address, &content, bytes); }

class Comparison {
 public:
  std::string absent() const { return native_.absent(); }

  void run(unsigned encodings, unsigned batches) {
    std::set<std::string_view> missing;
    if (!native_.counts_zeros(true)) missing.insert("LZCNT");
    if (!native_.counts_zeros(false)) missing.insert("TZCNT");
    for (unsigned number = 0; number < rows().size() && native_.ready(); ++number) {
      if (proof_of(number).oracle != Oracle::general) continue;
      const RowInfo& row = rows()[number];
      bool ran = false, lacking = missing.contains(row.mnemonic);
      generate(row, encodings, random_, [&](const Encoded& e) {
        if (!emulated_.lowers(e.bytes)) {
          report(e, {}, "does not lower");
          return;
        }
        const Facts facts = facts_of(e);
        for (unsigned k = 0; k < batches && !lacking; ++k) lacking = !batch(e, facts);
        ran = true;
      });
      if (!ran) silent_.insert(row.mnemonic);
      if (lacking) lacking_.insert(row.mnemonic);
    }
  }

  u64 cases = 0, failures = 0, faults = 0, unjudged = 0, disturbed = 0;
  std::set<std::string_view> silent_, lacking_;

 private:
  // An address for an operand: most often well inside, now and then at either end or nowhere.
  u64 somewhere(u64 inside) {
    const u64 r = random_();
    if (r % 24 == 0) return data_base - 8 + (r >> 8) % 12;
    if (r % 24 == 1) return data_base + data_bytes - 12 + (r >> 8) % 14;
    if (r % 96 == 2) return (r & ~u64{0xffff}) >> 16 | bit(62);  // not canonical
    return inside;
  }

  static u64 address(const Encoded& e, const Registers& in) {
    if (e.base == Encoded::rip || e.base == Encoded::none) return static_cast<u64>(e.displacement);
    u64 sum = in.gpr[e.base] + static_cast<u64>(e.displacement);
    if (e.index != Encoded::none) sum += in.gpr[e.index] * e.scale;
    return e.address32 ? static_cast<u32>(sum) : sum;
  }

  void choose_registers(const Encoded& e, const Facts& f, Registers& in) {
    for (u64& r : in.gpr) r = edge_value(random_);
    in.gpr[RSP] = data_base + 0x2000 + random_() % 64;
    if (f.stack && random_() % 16 == 0) in.gpr[RSP] = somewhere(in.gpr[RSP]);
    in.flags = (random_() & Eflags::arithmetic) | Eflags::reserved_one | Eflags::IF;
    if (f.strings) {
      if (random_() & 1) in.flags |= Eflags::DF;
      in.gpr[RSI] = data_base + 0x1000 + random_() % 0x1800;
      in.gpr[RDI] = in.gpr[RSI] + random_() % 64 - 32;
      if (random_() & 1) in.gpr[RDI] = data_base + 0x1000 + random_() % 0x1800;
      in.gpr[RCX] = random_() % (random_() & 1 ? 8 : 300);
      // One of them only: of two operands that fault, processors differ in which they read first.
      u64& one = in.gpr[random_() & 1 ? RSI : RDI];
      one = somewhere(one);
    }
    if (e.row->body == "leave" || e.row->body == "enter") in.gpr[RBP] = data_base + 0x2800 + random_() % 64;
    if (e.row->body == "xlat") in.gpr[RBX] = data_base + 0x1000;
    if (f.counts && random_() & 1) in.gpr[RCX] = random_() % 3;
    if (f.double_shift && f.bytes == 2 && e.row->operands[2] == Operand::cl)
      in.gpr[RCX] &= ~u64{0xff}, in.gpr[RCX] |= random_() % 17;
    // Bit strings reach 2,048 bytes to both sides, and the offset's register may also be the address's.
    if (e.memory && f.bits_string)
      for (const unsigned n : {0, 1, 2, 7, 8, 10, 11, 12, 15})
        in.gpr[n] =
            static_cast<u64>(static_cast<s64>(in.gpr[n] << 49) >> 49) | (f.bytes == 2 ? in.gpr[n] << 16 : 0);
    if (e.memory && e.base < 16) {
      u64 target =
          somewhere(data_base + 0x1800 + (random_() % 3 ? random_() % 0x40 * 16 : random_() % 0x900));
      // Cut to 32 bits an address that is not canonical may be anything of the host's.
      if (e.address32 && target >> 32) target = data_base - 16;
      u64 rest = static_cast<u64>(e.displacement);
      if (e.index != Encoded::none) rest += in.gpr[e.index] * e.scale;
      if (e.row->body != "lea") in.gpr[e.base] = target - rest;
      if (e.address32) in.gpr[e.base] = static_cast<u32>(in.gpr[e.base]) | random_() << 32;
    }
  }

  void choose_memory(const Encoded& e, const Facts& f, Case& c) {
    c.memory = background_;
    Registers& in = c.in;
    const std::string_view body = e.row->body;
    const auto row_of_values = [&](u64 at) {
      for (unsigned n = 0; n < 4; ++n) put(c, at + 8 * n, edge_value(random_));
    };
    if (f.stack || body == "leave") row_of_values(in.gpr[RSP]);
    if (e.memory) row_of_values(address(e, in));
    if (body == "rep_cmps" && random_() & 1) std::memset(c.memory.data() + 0x800, 0x41, 0x2000);
    if (body == "rep_scas" && random_() & 1)
      std::memset(c.memory.data() + 0x800, static_cast<u8>(in.gpr[RAX]), 0x2000);
    if (body.starts_with("cmpxchg") && e.memory && random_() & 1) {
      put(c, address(e, in), in.gpr[RAX]);
      if (body == "cmpxchg8b") put(c, address(e, in) + 4, in.gpr[RDX], 4);
      if (body == "cmpxchg16b") put(c, address(e, in) + 8, in.gpr[RDX]);
    }
    if (body == "popf")
      put(c, in.gpr[RSP],
          (random_() & (Eflags::arithmetic | Eflags::DF)) | Eflags::reserved_one | Eflags::IF);
    // Where a branch goes is not left to chance.
    if (body == "ret" || body == "ret_and_release") put(c, in.gpr[RSP], branch_target);
    if (body == "jump_to" || body == "call_to") {
      if (e.memory)
        put(c, address(e, in), branch_target);
      else
        in.gpr[e.reg] = branch_target;
    }
  }

  // False: the host lacks the instruction.
  bool batch(const Encoded& e, const Facts& f) {
    if (e.row->body == "bswap" && f.bytes == 2) return true;
    // Nothing is defined then; in CL, such counts are not chosen.
    if (e.row->body.ends_with("_immediate") && f.double_shift && f.bytes == 2 && (e.bytes.back() & 31) > 16)
      return true;
    // In 64-bit mode one maker's processors ignore the operand size here, the other's do not.
    if (f.bytes == 2 && (e.row->kind == Kind::indirect || e.row->kind == Kind::direct)) return true;
    for (u64 n = 0; n < data_bytes; n += 8) {
      const u64 v = n % 64 == 0 ? edge_value(random_) : random_();
      std::memcpy(background_.data() + n, &v, 8);
    }
    const std::span<Case> all = native_.cases();
    for (unsigned n = 0; n < Native::batch; ++n) {
      Case& c = all[n];
      choose_registers(e, f, c.in);
      choose_memory(e, f, c);
      inputs_[n] = c.in;
      std::memcpy(emulated_.data(), c.memory.data(), data_bytes);
      results_[n] = emulated_.run({.code = e.bytes}, c.in);
      std::memcpy(memories_[n].data(), emulated_.data(), data_bytes);
    }
    if (!native_.run({.code = e.bytes, .target = e.target ? e.target : branch_target}, Native::batch))
      return false;
    for (unsigned n = 0; n < Native::batch; ++n) {
      Case& c = all[n];
      bool at_once = false;
      for (unsigned k = 0; k < Native::attempts; ++k) {
        if (k > 0 && !native_.repeat(n)) return false;
        differences_.clear();
        if (!c.judged) continue;
        if (c.out.trapped && c.out.fault.vector == Vector::UD) return false;
        compare(e, f, n, c);
        at_once = k == 0 && differences_.empty();
        if (differences_.empty()) break;
      }
      if (!c.judged && ++unjudged <= 3) MESSAGE("not judged: ", in_words(e, inputs_[n]), text(c.stray));
      cases += c.judged;
      faults += c.judged && c.out.trapped;
      disturbed += c.judged && differences_.empty() && !at_once;
      for (const std::string& what : differences_) report(e, inputs_[n], what);
    }
    return true;
  }

  void compare(const Encoded& e, const Facts& f, unsigned n, const Case& c) {
    const Registers& in = inputs_[n];
    const Outcome& real = c.out;
    const Outcome& ours = results_[n];
    if (fault_name(real) != fault_name(ours)) {
      differ(fmt::format("host {}, here {}", fault_name(real), fault_name(ours)));
      return;
    }
    if (!real.trapped && real.rip != ours.rip)
      differ(fmt::format("goes to {:x}, here to {:x}", real.rip, ours.rip));
    // What a fault leaves of the flags is defined: nothing was done.
    const u64 compared = (Eflags::arithmetic | Eflags::DF) & ~(real.trapped ? 0 : undefined_flags(e, f, in));
    const u64 difference = (real.registers.flags ^ ours.registers.flags) & compared;
    if (difference) {
      differ(fmt::format("flags: host {:x}, here {:x}, differ {:x}",
                         real.registers.flags & Eflags::arithmetic, ours.registers.flags & Eflags::arithmetic,
                         difference));
    }
    for (unsigned r = 0; r < 16; ++r) {
      if (real.registers.gpr[r] != ours.registers.gpr[r])
        differ(fmt::format("register {}: host {:x}, here {:x}", r, real.registers.gpr[r],
                           ours.registers.gpr[r]));
    }
    // PUSHF stores flags that the host's own system chose.
    if (e.row->body == "pushf" || std::memcmp(c.memory.data(), memories_[n].data(), data_bytes) == 0) return;
    const auto [there, here] = std::mismatch(c.memory.begin(), c.memory.end(), memories_[n].begin());
    differ(fmt::format("memory at {:x}: host {:x}, here {:x}",
                       data_base + static_cast<u64>(there - c.memory.begin()), *there, *here));
  }

  void differ(std::string what) { differences_.push_back(std::move(what)); }

  void report(const Encoded& e, const Registers& in, const std::string& what) {
    ++failures;
    if (++reported_[e.row] <= 3) MESSAGE(in_words(e, in), what);
  }

  static std::string in_words(const Encoded& e, const Registers& in) {
    std::string line = fmt::format("{} [{}]:", e.row->mnemonic, e.row->body);
    for (const u8 b : e.bytes) line += fmt::format(" {:02x}", b);
    line += fmt::format(" | rax {:x} rcx {:x} rdx {:x} rsi {:x} rdi {:x} rsp {:x} flags {:x} | ", in.gpr[RAX],
                        in.gpr[RCX], in.gpr[RDX], in.gpr[RSI], in.gpr[RDI], in.gpr[RSP], in.flags);
    if (e.memory) line += fmt::format("address {:x} | ", address(e, in));
    return line;
  }

  std::mt19937_64 random_{20240607};
  Native native_;
  Emulated emulated_;
  std::array<u8, data_bytes> background_{};
  std::array<Registers, Native::batch> inputs_;
  std::array<Outcome, Native::batch> results_;
  std::vector<std::array<u8, data_bytes>> memories_{Native::batch};
  std::vector<std::string> differences_;  // of the case at hand
  std::map<const RowInfo*, unsigned> reported_;
};

std::string names(const std::set<std::string_view>& set) {
  std::string text;
  for (const auto name : set) text += fmt::format(" {}", name);
  return text;
}

}  // namespace

TEST_CASE("general-purpose instructions do what the host processor does") {
  Comparison comparison;
  if (const std::string why = comparison.absent(); !why.empty()) {
    MESSAGE("skipped: ", why);
    return;
  }
  comparison.run(6 * soak_factor(), 3);
  MESSAGE(fmt::format("{} cases, {} of them faults, {} disturbed once; {} not judged; not on this host:{}",
                      comparison.cases, comparison.faults, comparison.disturbed, comparison.unjudged,
                      names(comparison.lacking_)));
  CHECK(comparison.failures == 0);
  if (const std::string why = comparison.absent(); !why.empty()) {
    MESSAGE("not finished: ", why);
    return;
  }
  CHECK(comparison.cases + comparison.unjudged > 900'000);
  CHECK(comparison.faults > comparison.cases / 200);
  // Each row that proof_of() gives to this oracle was encoded and run.
  CHECK(names(comparison.silent_) == "");
}
