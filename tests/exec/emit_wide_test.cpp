// Owns the lock-step test of both dispatchers on what the emitter writes of AVX, FMA, BMI and the later SSE:
// random encodings of all rows with a tag for it, between other instructions, with numbers of every class and
// every kind of MXCSR.
#include <doctest/doctest.h>

#include <map>

#include "cpu/decode/inline_class.h"
#include "cpu/decode/lower.h"
#include "tests/exec/engine_machine.h"
#include "tests/soak.h"

using namespace ringside;

namespace {

constexpr u64 wide_scratch = at::data;           // 512 bytes of operands
constexpr u64 wide_controls = at::data + 0x400;  // values for LDMXCSR
constexpr unsigned wide_instructions = 120;
constexpr u32 wide_mxcsr[] = {0x1f80, 0x1fa0, 0x1fbf, 0x1f80, 0x9fc0, 0x3f80, 0x5fa0, 0x7f80,
                              0xffff, 0x1fc0, 0x1f80, 0x0fa0, 0x1d80, 0x1f00, 0x0000, 0x1f80};

// Where encodings of a row are to be found.
struct Pattern {
  bool vex, w, l, second, memory;
  u8 map, pp, opcode, reg;
};

// What this is about. Gathers have a test of their own below: of random indexes all would fault.
bool is_wide(const RowInfo& row) {
  if (row.emit.vector >= InlineVector::gather_dd && row.emit.vector <= InlineVector::gather_qq) return false;
  const bool bits = row.emit.what >= Inline::bsf && row.emit.what <= Inline::shrx;
  return row.emit.what == Inline::vector || bits;
}

// The patterns of all these rows, found by trying all opcodes.
class Patterns {
 public:
  Patterns(bool long_mode, const Decoder& decoder) : long_mode_(long_mode), decoder_(decoder) {
    Pattern p{};
    for (const bool vex : {false, true}) {
      for (unsigned bits = 0; bits < 16; ++bits) {
        p = {vex, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0, 0, 0, 0, 0};
        if (!vex && (p.l || p.second || (p.w && !long_mode))) continue;
        for (p.map = 1; p.map <= 3; ++p.map)
          for (p.pp = 0; p.pp < 4; ++p.pp)
            for (unsigned opcode = 0; opcode < 256; ++opcode)
              for (p.reg = 0; p.reg < 8; ++p.reg) p.opcode = static_cast<u8>(opcode), add(p);
      }
    }
  }
  // The bytes are such an instruction, and its registers are among those that programs may change.
  bool lowered(const std::vector<u8>& code, Lowered& out) const {
    if (decoder_.lower(code.data(), static_cast<unsigned>(code.size()), long_mode_ ? 64 : 32, false, 0,
                       out) != DecodeStatus::ok)
      return false;
    const RowInfo& row = rows()[out.op.row];
    return is_wide(row) && harmless(row, out.op);
  }
  std::map<u16, std::vector<Pattern>> all;

 private:
  void add(const Pattern& p) {
    static constexpr u8 prefixes[] = {0, 0x66, 0xf3, 0xf2};
    std::vector<u8> code;
    if (p.vex) {
      const unsigned v = p.second ? 2 : 0;
      code = {0xc4, static_cast<u8>(0xe0 | p.map),
              static_cast<u8>(p.w << 7 | (~v & 15) << 3 | p.l << 2 | p.pp)};
    } else {
      if (p.pp) code.push_back(prefixes[p.pp]);
      if (p.w) code.push_back(0x48);
      code.push_back(0x0f);
      if (p.map > 1) code.push_back(p.map == 2 ? 0x38 : 0x3a);
    }
    code.push_back(p.opcode);
    code.push_back(static_cast<u8>((p.memory ? 0 : 0xc0) | p.reg << 3 | (p.memory ? RBX : RCX)));
    code.push_back(1);
    Lowered out;
    if (!lowered(code, out)) return;
    std::vector<Pattern>& of = all[out.op.row];
    if (of.size() < 24) of.push_back(p);
  }
  static bool harmless(const RowInfo& row, const Op& op) {
    const auto free = [](u8 n) { return n <= reg::of(RDX) || n >= reg::of(8); };
    const bool vectors = row.emit.what == Inline::vector;
    if (!vectors) return free(op.r0) && (row.mnemonic != "MULX" || free(op.r1));
    const Operand first = row.operands[0];
    const bool gpr =
        first == Operand::r || first == Operand::r32 || first == Operand::rm32 || first == Operand::rm64;
    const bool to_memory = ((op.variant >> 2) & 7) == static_cast<unsigned>(Form::MR);
    return !gpr || to_memory || free(op.r0);
  }

  bool long_mode_;
  const Decoder& decoder_;
};

class WideProgram {
 public:
  // Every other program has short blocks, in which the emitter treats numbers in another way.
  WideProgram(u64 seed, bool long_mode, const Patterns& patterns)
      : random_{seed}, long_mode_(long_mode), short_blocks_(seed % 2 != 0), patterns_(patterns) {}

  void load(FullMachine& m, std::map<u16, unsigned>* drawn) {
    long_mode_ ? m.long_mode() : m.protected_mode();
    for (unsigned v = 0; v < 256; ++v) {  // mov esp, stack; jmp somewhere: the test moves on anyway
      const u64 at = at::handler(v);
      m.put(at, 0xbc, 1);
      m.put(at + 1, at::stack0, 4);
      m.put(at + 5, 0xe9, 1);
      m.put(at + 6, at::code - (at + 10), 4);
    }
    starts.clear();
    u64 at = at::code;
    for (unsigned n = 0; n < wide_instructions; ++n) {
      starts.push_back(at);
      instruction(drawn);
      for (const u8 byte : code_) m.put(at++, byte, 1);
    }
    m.put(at, 0xe9, 1);
    m.put(at + 1, at::code - (at + 5), 4);
    for (unsigned n = 0; n < 0x400; n += 8) m.put(wide_scratch + n, number(), 8);
    for (unsigned n = 0; n < 16; ++n) m.put(wide_controls + 4 * n, wide_mxcsr[n], 4);
    Cpu& cpu = m.cpu;
    cpu.cr4 |= Cr4::OSFXSR | Cr4::OSXSAVE | (random_.one_in(2) ? Cr4::OSXMMEXCPT : 0);
    cpu.xcr0 = random_.one_in(16) ? 3 : 7;
    if (random_.one_in(16)) cpu.cr0 |= Cr0::TS;
    for (V128& r : cpu.vector.xmm) r = {{number(), number()}};
    for (V128& r : cpu.vector.upper) r = {{number(), number()}};
    cpu.vector.mxcsr = wide_mxcsr[random_.below(16)];
    for (const unsigned n : {RAX, RCX, RDX}) cpu.gpr[n] = number();
    cpu.gpr[RBX] = wide_scratch + 0x80;
    cpu.gpr[RSI] = wide_scratch + 0x80;
    cpu.update_mode();
    cpu.update_translation();
  }

  std::vector<u64> starts;

 private:
  void byte(u64 value) { code_.push_back(static_cast<u8>(value)); }
  void number32(u64 value) {
    for (unsigned n = 0; n < 4; ++n) byte(value >> (8 * n));
  }
  // Doubles, or pairs of singles: ordinary, small and whole, or at some edge.
  u64 number() {
    static constexpr u64 doubles[] = {0,
                                      bit(63),
                                      0x7ff0000000000000,
                                      0x7ff8000000000001,
                                      0x7ff0000000000001,
                                      1,
                                      0x000fffffffffffff,
                                      0x0010000000000001,
                                      0x7fefffffffffffff,
                                      0xc1e0000000000000};
    static constexpr u32 singles[] = {0, 0x80000000, 0x3f800000, 0xff800000, 0x7fc00001, 0x7f800001,
                                      1, 0x007fffff, 0x00800000, 0x7f7fffff, 0xcf000000, 0x5f000000};
    static constexpr u32 small[] = {0x3f800000, 0x40000000, 0xbf000000, 0x40400000, 0x41200000};
    switch (random_.below(6)) {
      case 0: return doubles[random_.below(std::size(doubles))];
      case 1: return u64{singles[random_.below(12)]} << 32 | singles[random_.below(12)];
      case 2: return random_.next() ^ random_.next() << 40;
      case 3: return u64{small[random_.below(5)]} << 32 | small[random_.below(5)];
      case 4: return 0x3f00000040000000 + (random_.next() & 0x00ffffff00ffffff);
      default: return (0x3fe0000000000000 + (random_.next() & 0x003fffffffffffff)) | random_.next() << 63;
    }
  }

  // ModRM and operand. A register is one of the first three, or of R8 to R10.
  void operand(unsigned reg, bool memory) {
    if (!memory) {
      byte(0xc0 | reg << 3 | random_.below(3));
      return;
    }
    const u64 away = random_.one_in(2) ? 32 * random_.below(15) : random_.below(0x1e0);
    const unsigned form = static_cast<unsigned>(random_.below(3));
    if (form == 0) {
      byte(reg << 3 | (long_mode_ ? 4 : 5));
      if (long_mode_) byte(0x25);
      number32(wide_scratch + away);
    } else {
      byte(0x40 | reg << 3 | (form == 1 ? RBX : RSI));
      byte(away & (random_.one_in(2) ? 0x60 : 0x7f));
    }
  }
  void one_of(const Pattern& p) {
    const bool high[] = {long_mode_ && random_.one_in(3), long_mode_ && random_.one_in(3)};
    if (p.vex) {
      const unsigned v =
          p.second ? static_cast<unsigned>(random_.below(3)) + (long_mode_ && random_.one_in(3) ? 8 : 0) : 0;
      byte(0xc4);
      byte((high[0] && p.reg < 3 ? 0u : 0x80u) | 0x40 | (high[1] ? 0u : 0x20u) | p.map);
      byte(p.w << 7 | (~v & 15) << 3 | p.l << 2 | p.pp);
    } else {
      static constexpr u8 prefixes[] = {0, 0x66, 0xf3, 0xf2};
      if (random_.one_in(16)) byte(0x64);
      if (p.pp) byte(prefixes[p.pp]);
      const unsigned rex = (high[0] && p.reg < 3 ? 4u : 0u) | (high[1] ? 1u : 0u) | (p.w ? 8u : 0u);
      if (rex) byte(0x40 | rex);
      byte(0x0f);
      if (p.map > 1) byte(p.map == 2 ? 0x38 : 0x3a);
    }
    byte(p.opcode);
    operand(p.reg, p.memory);
    byte(random_.next() & 0xaf);
  }
  void wide_one(std::map<u16, unsigned>* drawn) {
    for (;;) {
      auto row = patterns_.all.begin();
      std::advance(row, random_.below(patterns_.all.size()));
      code_.clear();
      one_of(row->second[random_.below(row->second.size())]);
      Lowered lowered;
      if (!patterns_.lowered(code_, lowered)) continue;
      code_.resize(lowered.op.length);
      if (drawn) ++(*drawn)[lowered.op.row];
      return;
    }
  }
  void instruction(std::map<u16, unsigned>* drawn) {
    code_.clear();
    if (short_blocks_ && random_.one_in(3)) return byte(0xeb), byte(0);  // JMP to what follows
    const unsigned reg = static_cast<unsigned>(random_.below(3));
    switch (random_.below(16)) {
      case 0: {  // general-purpose: flags between them
        static constexpr u8 opcodes[] = {0x01, 0x03, 0x2b, 0x33, 0x8b, 0x89, 0x39, 0x13};
        byte(opcodes[random_.below(8)]);
        return operand(reg, random_.one_in(2));
      }
      case 1: byte(0x0f), byte(0x90 | random_.below(16)), byte(0xc0 | reg); return;  // SETcc
      case 2: {                                                                      // LDMXCSR, STMXCSR
        const bool load = random_.one_in(2);
        byte(0x0f), byte(0xae), byte((load ? 2 : 3) << 3 | (long_mode_ ? 4 : 5));
        if (long_mode_) byte(0x25);
        return number32(load ? wide_controls + 4 * random_.below(16) : wide_scratch + 4 * random_.below(64));
      }
      case 3:
        if (random_.one_in(2)) {
          byte(0xc5), byte(0xf8), byte(0x77);  // VZEROUPPER
          return;
        }
        [[fallthrough]];
      default: wide_one(drawn);
    }
  }

  Random random_;
  bool long_mode_, short_blocks_;
  const Patterns& patterns_;
  std::vector<u8> code_;
};

void compare_wide(bool long_mode, u64 first_seed, std::map<u16, unsigned>& drawn) {
  if (!has_two_dispatchers()) return;
  std::string error;
  const Decoder decoder(parse_cpu_model("max", error)->features);
  const Patterns patterns(long_mode, decoder);
  u64 done = 0;
  const u64 programs = 80 * soak_factor();
  for (u64 seed = first_seed; seed < first_seed + programs; ++seed) {
    FullMachine reference(Dispatcher::reference), emitted(Dispatcher::emitted);
    WideProgram program(seed, long_mode, patterns);
    program.load(reference, &drawn);
    WideProgram(seed, long_mode, patterns).load(emitted, nullptr);
    const auto restart = [&](Random& random) {
      const u64 start = program.starts[random.below(program.starts.size())];
      const u64 values[] = {random.next(), random.next(), random.next()};
      const unsigned fresh = static_cast<unsigned>(random.below(16));
      const V128 low{{values[0], values[1]}}, high{{0x3ff8000000000000, 0xbf80000040000000}};
      for (FullMachine* m : {&reference, &emitted}) {
        m->cpu.rip = start;
        m->cpu.gpr[RSP] = at::stack0;
        m->cpu.gpr[RBX] = wide_scratch + 0x80;
        m->cpu.gpr[RCX] = values[2];
        m->cpu.vector.xmm[fresh] = low;
        m->cpu.vector.upper[fresh] = high;
        m->cpu.vector.xmm[(fresh + 1) % 3] = high;
        m->cpu.vector.upper[(fresh + 1) % 3] = high;
      }
    };
    if (!run_in_lock_step(reference, emitted, seed, done, restart)) return;
  }
  CHECK(done > programs * 300);
}

}  // namespace

TEST_CASE("dispatchers in lock-step: AVX, FMA, BMI and later SSE code") {
  std::map<u16, unsigned> drawn;
  compare_wide(true, 3'100'000, drawn);
  compare_wide(false, 3'200'000, drawn);
  if (!has_two_dispatchers()) return;
  // What is drawn is all that there is.
  for (u16 number = 0; number < rows().size(); ++number) {
    const RowInfo& row = rows()[number];
    if (!is_wide(row)) continue;
    CAPTURE(row.mnemonic);
    CHECK(drawn.contains(number));
  }
}

// All eight forms at both lengths and all scales, with and without elements that are not there.
TEST_CASE("dispatchers in lock-step: gathers") {
  if (!has_two_dispatchers()) return;
  constexpr u64 beyond = 0x400000;
  FullMachine reference(Dispatcher::reference), emitted(Dispatcher::emitted);
  Random random{3'300'000};
  unsigned faults = 0, whole = 0;
  for (unsigned n = 0; n < 64; ++n) {
    const u8 opcode = static_cast<u8>(0x90 + n % 4), w = n / 4 % 2, l = n / 8 % 2;
    const u64 start = at::code + 16 * n;
    // The gather of XMM1 or YMM1 by [RBX + XMM3 * scale + 8] or [XMM3 * scale + place] and XMM2, then JMP to
    // itself.
    std::vector<u8> code = {0xc4,   0xe2, static_cast<u8>(w << 7 | 13 << 3 | l << 2 | 1),
                            opcode, 0x4c, static_cast<u8>(n / 16 << 6 | 3 << 3 | RBX),
                            8};
    if (n % 3 == 0) {
      code.resize(4);
      for (const unsigned byte : {0x0cu, n / 16 << 6 | 3u << 3 | 5u, 0x80u, 0x01u, 0x00u, 0x00u})
        code.push_back(static_cast<u8>(byte));
      const u32 place = static_cast<u32>(wide_scratch + 0x180);
      std::memcpy(&code[6], &place, 4);
    }
    code.push_back(0xeb);
    code.push_back(0xfe);
    for (FullMachine* m : {&reference, &emitted}) {
      m->long_mode();
      m->cpu.cr4 |= Cr4::OSFXSR | Cr4::OSXSAVE;
      m->cpu.xcr0 = 7;
      m->cpu.update_mode();
      m->put(0x3000 + 8 * (beyond >> 21), 0);
      m->cpu.mmu.flush_all();
      for (std::size_t k = 0; k < code.size(); ++k) m->put(start + k, code[k], 1);
    }
    for (unsigned turn = 0; turn < 24; ++turn) {
      V128 values[6];
      for (V128& v : values) v = {{random.next(), random.next()}};
      const bool far = random.one_in(4), all = random.one_in(2);
      for (V128* index : {&values[4], &values[5]}) {
        for (u64& q : index->q) {
          const u64 low = random.below(64) - 16, high = random.below(64) - 16;
          q = opcode & 1 ? low : (low & 0xffffffff) | high << 32;
          if (far && random.one_in(3)) q = opcode & 1 ? beyond : beyond << 32;
        }
      }
      if (all) values[2] = values[3] = {{~u64{0}, ~u64{0}}};
      for (FullMachine* m : {&reference, &emitted}) {
        Cpu& cpu = m->cpu;
        for (unsigned k = 0; k < 3; ++k) {
          cpu.vector.xmm[k + 1] = values[2 * k];
          cpu.vector.upper[k + 1] = values[2 * k + 1];
        }
        for (unsigned k = 0; k < 0x400; k += 8)
          m->put(wide_scratch + k, (n + turn + k) * u64{0x0123456789abcdef}, 8);
        cpu.gpr[RBX] = wide_scratch + 0x180;
        cpu.gpr[RSP] = at::stack0;
        cpu.rip = cpu.next_rip = start;
        run(cpu, turn % 5 ? 9 : 1);
      }
      CAPTURE(n);
      CAPTURE(turn);
      const std::string difference = reference.image().difference(emitted.image());
      CHECK(difference == "");
      if (difference != "") return;
      const bool stays = reference.cpu.rip - start < code.size();
      ++(stays ? whole : faults);
    }
  }
  CHECK(faults > 100);
  CHECK(whole > 500);
}
