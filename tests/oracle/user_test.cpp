// Owns the comparison of user programs' instructions with the host processor in every mode: 64-bit, 32-bit
// and 16-bit code, with segments of all kinds, whatever row they belong to.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string>

#include "cpu/decode/proof.h"
#include "tests/oracle/makers.h"
#include "tests/oracle/operands.h"
#include "tests/soak.h"

using namespace oracle;

namespace {

using Memory = std::array<u8, data_bytes>;

bool is_shift(const Sample& s) {
  static const std::set<std::string_view> shifts = {"shl", "shr", "sar", "rol", "ror", "rcl", "rcr"};
  return shifts.contains(s.row->body) || s.row->body.starts_with("shld") || s.row->body.starts_with("shrd");
}

u64 undefined_flags(const Sample& s, const Registers& in) {
  if (!is_shift(s)) return s.undefined;
  const bool twice = s.row->body.ends_with("_cl") || s.row->body.ends_with("_immediate");
  const u64 raw = s.row->operands[twice ? 2 : 1] == Operand::cl ? in.gpr[RCX] : s.immediate;
  const unsigned width = s.operand_bytes * 8, count = static_cast<unsigned>(raw) & (width == 64 ? 63 : 31);
  if (count == 0) return 0;
  const bool rotate = s.row->body[0] == 'r';
  u64 undefined = rotate ? 0 : Eflags::AF;
  if (count != 1) undefined |= Eflags::OF;
  if (!rotate && s.row->body != "sar" && count >= width) undefined |= Eflags::CF;
  if (twice && count >= width) undefined = Eflags::arithmetic;
  return undefined;
}

// Of a shift by more than the operand has bits.
bool undefined_result(const Sample& s, const Registers& in) {
  return s.row->body.starts_with("sh") && s.row->body.ends_with("_cl") && s.operand_bytes == 2 &&
         (in.gpr[RCX] & 31) > 16;
}

void clear(u8* image, std::size_t size, std::size_t from, std::size_t count) {
  for (std::size_t n = from; n < from + count && n < size; ++n) image[n] = 0;
}

class Comparison {
 public:
  explicit Comparison(unsigned bits) : bits_(bits), random_(20240607 + bits), operands_(emulated_, random_) {}

  // Why not all of this can be compared; 64-bit code can be without descriptors of its own.
  std::string absent() const { return native_.absent(); }
  std::string partial() const { return native_.without_descriptors(); }

  void run(unsigned samples, unsigned batches) {
    if (!native_.counts_zeros(true)) lacking.insert("LZCNT");
    if (!native_.counts_zeros(false)) lacking.insert("TZCNT");
    const Samples found = sample(emulated_, bits_, samples, random_);
    for (const auto& [key, list] : found)
      for (const Sample& s : list) {
        ran.insert(s.number);
        if (lacking.contains(s.row->mnemonic) || !native_.ready()) continue;
        const u32 open = open_for(s);
        if (open & Open::everything) continue;
        for (unsigned k = 0; k < batches; ++k)
          if (!batch(s, open)) break;
      }
  }

  u64 cases = 0, faults = 0, failures = 0, unjudged = 0, disturbed = 0;
  std::set<unsigned> ran;
  std::set<std::string_view> lacking;

 private:
  // False: the host lacks the instruction.
  bool batch(const Sample& s, u32 open) {
    const unsigned count = s.x87_or_vectors() ? 24 : 48;
    Program program;
    operands_.begin(s, program);
    for (unsigned n = 0; n < count; ++n) {
      Case& c = native_.cases()[n];
      operands_.choose(s, c);
      inputs_[n] = c.in;
      std::memcpy(emulated_.data(), c.memory.data(), data_bytes);
      if (program.vectors) vectors_[n] = c.vectors;
      results_[n] = emulated_.run(program, c.in, program.vectors ? &vectors_[n] : nullptr);
      std::memcpy(memories_[n].data(), emulated_.data(), data_bytes);
    }
    if (!native_.run(program, count)) return false;
    for (unsigned n = 0; n < count; ++n) {
      Case& c = native_.cases()[n];
      bool at_once = false;
      for (unsigned k = 0; k < Native::attempts; ++k) {
        if (k > 0 && !native_.repeat(n)) return false;
        differences_.clear();
        if (!c.judged) continue;
        if (lacks(s, c.out, results_[n])) {
          lacking.insert(s.row->mnemonic);
          return false;
        }
        compare(s, open, program, n, c);
        at_once = k == 0 && differences_.empty();
        if (differences_.empty()) break;
      }
      if (!c.judged && ++unjudged <= 3)
        MESSAGE("not judged: ", in_words(s, inputs_[n]), " | ", text(c.stray));
      cases += c.judged;
      faults += c.judged && c.out.trapped;
      disturbed += c.judged && differences_.empty() && !at_once;
      for (const std::string& what : differences_) report(s, inputs_[n], what);
    }
    return true;
  }

  static bool lacks(const Sample& s, const Outcome& real, const Outcome& ours) {
    return real.trapped && real.fault.vector == Vector::UD && fault_name(ours) != fault_name(real) &&
           s.row->feature != Feature::base;
  }

  void compare(const Sample& s, u32 open, const Program& program, unsigned n, Case& c) {
    const Registers& in = inputs_[n];
    const Outcome& real = c.out;
    const Outcome& ours = results_[n];
    if (undefined_result(s, in)) return;
    const bool alike = fault_name(real) != fault_name(ours) && excused(s, open, in, real, ours);
    if (fault_name(real) != fault_name(ours) && !alike)
      return differ(fmt::format("host {}, here {}", fault_name(real), fault_name(ours)));
    if (real.trapped != ours.trapped || (alike && real.fault.vector != ours.fault.vector)) return;
    if (real.rip != ours.rip) differ(fmt::format("goes to {:x}, here to {:x}", real.rip, ours.rip));
    u64 compared = Eflags::arithmetic | Eflags::DF | Eflags::NT | Eflags::AC | Eflags::ID;
    // What a fault leaves of the flags is defined: nothing was done.
    if (!real.trapped) compared &= ~undefined_flags(s, in);
    if (open & Open::flags) compared &= ~Eflags::arithmetic;
    const u64 difference = (real.registers.flags ^ ours.registers.flags) & compared;
    if (difference)
      differ(fmt::format("flags: host {:x}, here {:x}, differ {:x}", real.registers.flags,
                         ours.registers.flags, difference));
    if (!(real.trapped && open & Open::registers_of_a_fault)) compare_registers(open, real, ours);
    for (const SegReg r : {ES, SS, DS, FS, GS})
      // Returns from the host's kernel take the RPL from null selectors.
      if (real.registers.segment[r] != ours.registers.segment[r] &&
          (real.registers.segment[r] | ours.registers.segment[r]) > 3)
        differ(fmt::format("segment register {}: host {:x}, here {:x}", static_cast<unsigned>(r),
                           real.registers.segment[r], ours.registers.segment[r]));
    if (program.vectors) compare_vectors(s, open, real.trapped, c.vectors, vectors_[n]);
    if (open & Open::pushed_selector && !real.trapped) {
      const u64 at = operands_.stack(s, ours.registers, in) + 2 - data_base;
      for (Memory* memory : {&c.memory, &memories_[n]})
        clear(memory->data(), data_bytes, at, s.operand_bytes - 2u);
    }
    if (!(real.trapped && open & Open::frame_order)) compare_memory(s, open, in, c.memory, memories_[n]);
  }

  // Differences of the fault that mean nothing: two are due, and makers choose.
  bool excused(const Sample& s, u32 open, const Registers& in, const Outcome& real,
               const Outcome& ours) const {
    const auto is = [](const Outcome& o, Vector v) { return o.trapped && o.fault.vector == v; };
    const auto limit = [&](const Outcome& o) { return is(o, Vector::GP) || is(o, Vector::SS); };
    if (open & Open::which_fault && ours.trapped) return true;
    if (open & Open::whether_it_faults &&
        (!ours.trapped || is(ours, Vector::GP) || is(ours, Vector::PF) || is(ours, Vector::MF)))
      return true;
    if (open & Open::frame_order && is(real, Vector::PF) && is(ours, Vector::PF)) return true;
    // An operand that is misaligned too.
    if (in.flags & Eflags::AC && ours.trapped && (is(real, Vector::AC) || is(ours, Vector::AC))) return true;
    const u64 alignment = s.row->operands[0] == Operand::ea ? 64 : s.row->attrs & RowAttr::vex ? 32 : 16;
    if (s.vectors() && s.memory && operands_.address(s, in) & (alignment - 1) && limit(real) && limit(ours))
      return true;
    // "VMASKMOV - Conditional SIMD Packed Loads and Stores": what the mask leaves out causes no fault. AMD's
    // processors hold the whole operand against the segment's limit.
    if (s.row->body.starts_with("vmaskmov") && limit(real) && !ours.trapped) return true;
    // "CALL - Call Procedure": the target is held against its limit before the stack is. AMD's push first.
    if (s.row->mnemonic == "CALL" && is(real, Vector::SS) && is(ours, Vector::GP)) return true;
    // The manual leaves it to the processor whether these check the alignment.
    const auto tokens = s.row->operands;
    const auto unaligned = [](Operand o) {
      return o == Operand::m128u || o == Operand::xm128u || o == Operand::vm || o == Operand::m;
    };
    return in.flags & Eflags::AC && is(real, Vector::AC) &&
           (unaligned(tokens[0]) || unaligned(tokens[1]) || unaligned(tokens[2]));
  }

  void compare_registers(u32 open, const Outcome& real, const Outcome& ours) {
    const u64 mask = bits_ == 64 ? ~u64{0} : 0xffffffff;
    for (unsigned r = 0; r < 16; ++r)
      if ((real.registers.gpr[r] ^ ours.registers.gpr[r]) & mask &
          ~u64{open & Open::limit_bits ? 0xf0000u : 0u})
        differ(fmt::format("register {}: host {:x}, here {:x}", r, real.registers.gpr[r],
                           ours.registers.gpr[r]));
  }

  void compare_vectors(const Sample& s, u32 open, bool trapped, VectorImage& real, VectorImage& ours) {
    for (VectorImage* image : {&real, &ours}) {
      u8* const bytes = image->bytes.data();
      clear(bytes, 512, 5, 19);    // the pointers to the last instruction
      clear(bytes, 512, 28, 4);    // MXCSR_MASK
      clear(bytes, 512, 416, 96);  // software's
      for (unsigned r = 0; r < 8; ++r) clear(bytes, 512, 42 + 16 * r, 6);
      // Whether an MMX instruction that faults has taken the x87 registers.
      if (trapped && s.vectors()) clear(bytes, 512, 3, 2), clear(bytes, 512, 32, 128);
      if (open & Open::c1) bytes[3] &= 0xfd;
      if (open & Open::x87_values) clear(bytes, 512, 2, 3), clear(bytes, 512, 32, 128);
    }
    if (!trapped && Native::has_upper_halves() && real.upper != ours.upper) {
      const auto [there, here] = std::mismatch(real.upper.begin(), real.upper.end(), ours.upper.begin());
      differ(
          fmt::format("upper halves at {}: host {:x}, here {:x}", there - real.upper.begin(), *there, *here));
    }
    if (real.bytes == ours.bytes) return;
    const auto [there, here] = std::mismatch(real.bytes.begin(), real.bytes.end(), ours.bytes.begin());
    differ(fmt::format("x87 and vectors at {}: host {:x}, here {:x}", there - real.bytes.begin(), *there,
                       *here));
  }

  void compare_memory(const Sample& s, u32 open, const Registers& in, Memory& real, Memory& ours) {
    if (real == ours) return;
    if (s.memory)
      for (Memory* memory : {&real, &ours}) {
        const u64 at = operands_.address(s, in) - data_base;
        const auto blank = [&](u64 from, std::size_t count) {
          if (at + from < data_bytes) clear(memory->data(), data_bytes, at + from, count);
        };
        const bool environment = s.row->body.starts_with("fn");
        if (open & Open::x87_pointers && environment) s.operand_bytes == 2 ? blank(6, 8) : blank(12, 16);
        if (open & Open::x87_pointers && !environment) blank(6, 18);
        if (open & Open::reserved_bytes) blank(28, 4), blank(464, 48);
      }
    const auto [there, here] = std::mismatch(real.begin(), real.end(), ours.begin());
    if (there == real.end()) return;
    differ(fmt::format("memory at {:x}: host {:x}, here {:x}",
                       data_base + static_cast<u64>(there - real.begin()), *there, *here));
  }

  void differ(std::string what) { differences_.push_back(std::move(what)); }

  void report(const Sample& s, const Registers& in, const std::string& what) {
    ++failures;
    if (++reported_[s.number] <= 1) MESSAGE(in_words(s, in), " | ", what);
  }

  std::string in_words(const Sample& s, const Registers& in) const {
    std::string line =
        fmt::format("{} [{}] in {}-bit code {:x}:", s.row->mnemonic, s.row->body, s.bits, s.cs);
    for (const u8 b : s.bytes) line += fmt::format(" {:02x}", b);
    line += " |";
    for (const u64 r : in.gpr) line += fmt::format(" {:x}", r);
    line += fmt::format(" | flags {:x} | segments", in.flags);
    for (const u16 r : in.segment) line += fmt::format(" {:x}", r);
    if (s.memory) line += fmt::format(" | address {:x}", operands_.address(s, in));
    return line;
  }

  unsigned bits_;
  std::mt19937_64 random_;
  Native native_{true};
  Emulated emulated_{native_.ready() ? native_.descriptors() : Descriptors()};
  Operands operands_;
  std::array<Registers, Native::batch> inputs_;
  std::array<Outcome, Native::batch> results_;
  std::array<VectorImage, Native::batch> vectors_;
  std::vector<Memory> memories_{Native::batch};
  std::vector<std::string> differences_;  // of the case at hand
  std::map<unsigned, unsigned> reported_;
};

void compare_code_of(std::initializer_list<unsigned> modes, bool Proof::*claim) {
  std::set<unsigned> ran;
  u64 cases = 0;
  bool local = true;
  for (const unsigned bits : modes) {
    Comparison comparison(bits);
    if (const std::string why = comparison.partial(); !why.empty()) {
      if (bits != 64 || !comparison.absent().empty()) {
        MESSAGE("skipped: ", why);
        return;
      }
      MESSAGE("without segments: ", why);
      local = false;
    }
    comparison.run(2 * std::min(soak_factor(), 50u), std::max(1u, soak_factor() / 50));
    std::string lacking;
    for (const auto name : comparison.lacking) lacking += fmt::format(" {}", name);
    MESSAGE(
        fmt::format("{}-bit code: {} cases, {} of them faults, {} disturbed once, {} rows; {} not judged; "
                    "not on this host:{}",
                    bits, comparison.cases, comparison.faults, comparison.disturbed, comparison.ran.size(),
                    comparison.unjudged, lacking));
    CHECK(comparison.failures == 0);
    if (const std::string why = comparison.absent(); !why.empty()) {
      MESSAGE("not finished: ", why);
      return;
    }
    CHECK(comparison.faults > comparison.cases / 100);
    ran.insert(comparison.ran.begin(), comparison.ran.end());
    cases += comparison.cases + comparison.unjudged;
  }
  std::string silent, unclaimed;
  for (unsigned number = 0; number < rows().size(); ++number) {
    // Its 16 bits reach no code segment of the global table's.
    if (!local && rows()[number].mnemonic == "IRET") continue;
    const bool claimed = proof_of(number).*claim;
    if (claimed && !ran.contains(number)) silent += fmt::format(" {}[{}]", rows()[number].mnemonic, number);
    if (!claimed && ran.contains(number))
      unclaimed += fmt::format(" {}[{}]", rows()[number].mnemonic, number);
  }
  // Each row that proof_of() gives to these modes was found and run, and no other.
  CHECK(silent == "");
  CHECK(unclaimed == "");
  CHECK(cases > 100'000);
}

}  // namespace

TEST_CASE("programs in 32-bit and 16-bit code find what they find on the host") {
  compare_code_of({32, 16}, &Proof::in_other_code);
}

TEST_CASE("programs in 64-bit code find what they find on the host, segments and whole states included") {
  compare_code_of({64}, &Proof::in_64_bit_mode);
}
