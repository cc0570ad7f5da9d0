// Owns the lock-step test of both dispatchers on XMM code: moves, packed integers, scalar arithmetic and
// conversions on numbers of every class, with every kind of MXCSR; and of operands by FS, GS and 32-bit
// addresses.
#include <doctest/doctest.h>

#include "tests/exec/program_generator.h"
#include "tests/soak.h"

using namespace ringside;

namespace {

constexpr u64 scratch = at::data;           // 512 bytes of operands
constexpr u64 controls = at::data + 0x400;  // values for LDMXCSR
constexpr unsigned instructions = 120;

class VectorProgram {
 public:
  // `exact`: numbers whose sums and products are often exact, and MXCSR.PE cleared again and again.
  // Every other program has short blocks, in which the emitter treats numbers in another way.
  VectorProgram(u64 seed, bool wide, bool exact)
      : random_{seed}, wide_(wide), exact_(exact), short_blocks_(seed % 2 != 0) {}

  void load(EngineMachine& m) {
    wide_ ? m.long_mode() : m.protected_mode();
    for (unsigned v = 0; v < 256; ++v) {  // mov esp, stack; jmp somewhere: the test moves on anyway
      u64 at = at::handler(v);
      m.put(at, 0xbc, 1);
      m.put(at + 1, at::stack0, 4);
      m.put(at + 5, 0xe9, 1);
      m.put(at + 6, at::code - (at + 10), 4);
    }
    starts.clear();
    u64 at = at::code;
    for (unsigned n = 0; n < instructions; ++n) {
      starts.push_back(at);
      code_.clear();
      instruction();
      for (const u8 byte : code_) m.put(at++, byte, 1);
    }
    m.put(at, 0xe9, 1);
    m.put(at + 1, at::code - (at + 5), 4);
    for (unsigned n = 0; n < 0x400; n += 8) m.put(scratch + n, number(), 8);
    const u32 words[] = {exact_ ? 0x1f80u : 0x1fa0u,
                         0x1f80,
                         0x1fa0,
                         0x1fbf,
                         0x9fa0,
                         0x1fe0,
                         0x3fa0,
                         0x7fa0,
                         0x5fa0,
                         0x0fa0,
                         0x1d80,
                         0x0000,
                         0x1f00,
                         0x1fa0,
                         0xffff,
                         0x1fa0};
    for (unsigned n = 0; n < 16; ++n) m.put(controls + 4 * n, words[n], 4);
    Cpu& cpu = m.cpu;
    cpu.cr4 |= Cr4::OSFXSR | (random_.one_in(2) ? Cr4::OSXMMEXCPT : 0);
    if (random_.one_in(8)) cpu.cr0 |= Cr0::TS;
    for (V128& r : cpu.vector.xmm) r = {{number(), number()}};
    cpu.vector.mxcsr = words[random_.below(16)];
    cpu.segment[FS].base = 0x40;
    cpu.segment[GS].base = wide_ ? 0 - u64{0x20} : 0x10;
    if (!wide_) {
      cpu.segment[GS].limit = static_cast<u32>(scratch + 0x100 + random_.below(16));
      cpu.segment[GS].update();
      if (random_.one_in(4)) cpu.segment[FS].write_high = 0, cpu.segment[FS].write_low = 1;
    }
    for (const unsigned n : {RAX, RCX, RDX}) cpu.gpr[n] = number();
    cpu.gpr[RBX] = scratch + 0x80;
    cpu.gpr[RSI] = (wide_ ? random_.next() << 32 : 0) | (scratch + 0x80);
    cpu.update_mode();
    cpu.update_translation();
  }

  std::vector<u64> starts;

 private:
  void byte(u64 value) { code_.push_back(static_cast<u8>(value)); }

  // Small whole numbers, zeros, powers of two of all sizes, and neighbours of such.
  u64 simple_number() {
    const auto of = [&](unsigned fraction, unsigned bias) {
      const unsigned exponent = random_.one_in(4) ? static_cast<unsigned>(random_.below(2 * bias))
                                                  : bias + static_cast<unsigned>(random_.below(6));
      const u64 whole = random_.below(16) << (fraction - 4);
      const u64 value = u64{exponent} << fraction | whole | (random_.one_in(5) ? random_.below(3) : 0);
      return random_.one_in(6) ? 0 : value;
    };
    const bool negative = random_.one_in(3);
    if (random_.one_in(2)) return of(52, 1023) | u64{negative} << 63;
    return (of(23, 127) | u64{negative} << 31) << 32 | of(23, 127);
  }
  // Of either width: ordinary, or at some edge.
  u64 number() {
    if (exact_ && !random_.one_in(8)) return simple_number();
    static constexpr u64 doubles[] = {0,
                                      bit(63),
                                      0x3ff0000000000000,
                                      0xbff8000000000000,
                                      0x7ff0000000000000,
                                      0xfff0000000000000,
                                      0x7ff8000000000001,
                                      0x7ff0000000000001,
                                      1,
                                      0x000fffffffffffff,
                                      0x0010000000000000,
                                      0x0010000000000001,
                                      0x7fefffffffffffff,
                                      0x41dfffffffc00000,
                                      0xc1e0000000000000,
                                      0x43e0000000000000,
                                      0x3810000000000000,
                                      0x47efffffe0000000};
    static constexpr u32 singles[] = {0,          0x80000000, 0x3f800000, 0xbfc00000, 0x7f800000, 0xff800000,
                                      0x7fc00001, 0x7f800001, 1,          0x007fffff, 0x00800000, 0x00800001,
                                      0x7f7fffff, 0x4effffff, 0xcf000000, 0x5f000000};
    switch (random_.below(6)) {
      case 0: return doubles[random_.below(std::size(doubles))];
      case 1: return u64{singles[random_.below(16)]} << 32 | singles[random_.below(16)];
      case 2: return random_.next() ^ random_.next() << 40;
      case 3: return 0x3f00000040000000 + (random_.next() & 0x00ffffff00ffffff);
      default: return (0x3fe0000000000000 + (random_.next() & 0x003fffffffffffff)) | random_.next() << 63;
    }
  }

  // REX, opcode, ModRM and operand. GPRs and XMM registers 0 to 2, in 64-bit mode also 8 to 10.
  void finish(std::initializer_list<unsigned> opcode, unsigned reg, bool memory_only, bool register_only) {
    const bool memory = memory_only || (!register_only && random_.one_in(2));
    const unsigned form = static_cast<unsigned>(random_.below(3));
    if (wide_ && random_.one_in(3)) byte(0x40 | (random_.below(16) & (memory ? 0xc : 0xd)));
    for (const unsigned o : opcode) byte(o);
    if (!memory) {
      byte(0xc0 | reg << 3 | random_.below(3));
      return;
    }
    const u64 away = random_.one_in(2) ? 16 * random_.below(30) : random_.below(0x1e0);
    if (form == 0) {
      byte(reg << 3 | (wide_ ? 4 : 5));
      if (wide_) byte(0x25);
      for (unsigned n = 0; n < 4; ++n) byte((scratch + away) >> (8 * n));
    } else {
      byte(0x40 | reg << 3 | (form == 1 ? RBX : RSI));
      byte(away & (random_.one_in(2) ? 0x70 : 0x7f));
    }
  }
  // A register that the instruction in front has set is base or index.
  void address_made_just_before() {
    code_.clear();
    const unsigned made = random_.one_in(2) ? RCX : RDX;
    const auto rex = [&] {
      if (wide_) byte(0x48);
    };
    byte(0xb8 + made), number32(16 * random_.below(8));  // mov
    switch (random_.below(4)) {
      case 0: rex(), byte(0x8d), byte(0x40 | made << 3 | made), byte(8); break;  // lea made, [made + 8]
      case 1: rex(), byte(0x83), byte(0xc0 | made), byte(8); break;              // add made, 8
      case 2: rex(), byte(0xd1), byte(0xe0 | made); break;                       // shl made, 1
      default: rex(), byte(0x89), byte(0xc0 | made << 3 | made);                 // mov made, made
    }
    static constexpr u8 opcodes[] = {0x03, 0x8b, 0x89, 0x8d};
    rex(), byte(opcodes[random_.below(4)]), byte(RAX << 3 | 4);
    byte(random_.below(2) << 6 | made << 3 | RBX);  // [rbx + made * 1 or 2]
  }
  void load_control(unsigned number) { access_control(2, controls + 4 * number); }
  // LDMXCSR, STMXCSR.
  void access_control(unsigned reg, u64 place) {
    byte(0x0f), byte(0xae), byte(reg << 3 | (wide_ ? 4 : 5));
    if (wide_) byte(0x25);
    number32(place);
  }
  void number32(u64 value) {
    for (unsigned n = 0; n < 4; ++n) byte(value >> (8 * n));
  }
  void instruction() {
    if (short_blocks_ && random_.one_in(3)) return byte(0xeb), byte(0);  // JMP to what follows
    if (random_.one_in(12)) byte(0x64 + random_.below(2));
    if (random_.one_in(12) && wide_) byte(0x67);
    const unsigned reg = static_cast<unsigned>(random_.below(3));
    switch (random_.below(13)) {
      case 12: address_made_just_before(); return;
      case 0: {  // general-purpose: flags between them
        static constexpr u8 opcodes[] = {0x01, 0x03, 0x2b, 0x33, 0x8b, 0x89, 0x39, 0x13};
        finish({opcodes[random_.below(8)]}, reg, false, false);
        return;
      }
      case 1: finish({0x0f, static_cast<unsigned>(0x90 + random_.below(16))}, 0, false, true); return;
      case 2: {  // shifts and rotates
        static constexpr u8 numbers[] = {0, 1, 4, 5, 7};
        const bool by_cl = random_.one_in(2);
        finish({by_cl ? 0xd3u : 0xc1u}, numbers[random_.below(5)], false, true);
        if (!by_cl) byte(random_.next());
        return;
      }
      case 3: {
        if (random_.one_in(2)) return load_control(static_cast<unsigned>(random_.below(16)));
        return access_control(3, scratch + 4 * random_.below(64));
      }
      default: break;
    }
    static constexpr u8 prefixes[] = {0, 0x66, 0xf3, 0xf2};
    const u8 prefix = prefixes[random_.below(4)];
    if (exact_ && random_.one_in(3)) load_control(0);
    if (prefix) byte(prefix);
    static constexpr u8 floats[] = {0x10, 0x11, 0x2a, 0x2c, 0x2d, 0x2e, 0x2f, 0x51, 0x58, 0x59, 0x5a, 0x5c,
                                    0x5d, 0x5e, 0x5f, 0x58, 0x59, 0x5c, 0x5e, 0x10, 0x11, 0x6e, 0x7e, 0xd6};
    static constexpr u8 moves[] = {0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x28, 0x29, 0x6f, 0x7f, 0x50, 0xd7,
                                   0x70, 0xc6, 0x71, 0x72, 0x73, 0x54, 0x55, 0x56, 0x57, 0x6e, 0x7e, 0xd6};
    unsigned opcode;
    switch (random_.below(4)) {
      case 0: opcode = moves[random_.below(std::size(moves))]; break;
      case 1: opcode = static_cast<unsigned>(0x60 + random_.below(16)); break;
      case 2: opcode = static_cast<unsigned>(0xd0 + random_.below(48)); break;
      default: opcode = floats[random_.below(std::size(floats))];
    }
    if (opcode == 0xf7) opcode = 0xef;  // MASKMOVDQU writes where RDI points
    const bool group = opcode >= 0x71 && opcode <= 0x73;
    static constexpr u8 group_numbers[] = {2, 4, 6, 3, 7};
    finish({0x0f, opcode}, group ? group_numbers[random_.below(5)] : reg, false, group);
    if (group || opcode == 0x70 || opcode == 0xc6 || opcode == 0xc2) byte(random_.next());
  }

  Random random_;
  bool wide_, exact_, short_blocks_;
  std::vector<u8> code_;
};

void compare_many(bool wide, u64 first_seed, bool exact = false) {
  if (!has_two_dispatchers()) return;
  u64 done = 0;
  const u64 programs = 60 * soak_factor();
  for (u64 seed = first_seed; seed < first_seed + programs; ++seed) {
    EngineMachine reference, emitted;
    REQUIRE(reference.cache.set_dispatcher(Dispatcher::reference));
    VectorProgram program(seed, wide, exact);
    for (EngineMachine* m : {&reference, &emitted}) {
      program = VectorProgram(seed, wide, exact);
      program.load(*m);
    }
    const auto restart = [&](Random& random) {
      const u64 start = program.starts[random.below(program.starts.size())];
      for (EngineMachine* m : {&reference, &emitted}) {
        m->cpu.rip = start;
        m->cpu.gpr[RSP] = at::stack0;
        m->cpu.gpr[RBX] = scratch + 0x80;
      }
    };
    if (!run_in_lock_step(reference, emitted, seed, done, restart)) return;
  }
  CHECK(done > programs * 300);
}

}  // namespace

TEST_CASE("dispatchers in lock-step: XMM code in 64-bit mode") { compare_many(true, 2'100'000); }
TEST_CASE("dispatchers in lock-step: XMM code with exact numbers, while PE is clear") {
  compare_many(true, 2'300'000, true);
}
TEST_CASE("dispatchers in lock-step: XMM code in protected mode") { compare_many(false, 2'200'000); }
