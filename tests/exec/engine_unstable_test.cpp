// Owns the tests of code that changes again and again: the engine keeps such blocks and decodes what differs,
// and nobody can tell.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "tests/exec/engine_machine.h"
#include "tests/exec/program_generator.h"

using namespace ringside;

namespace {

constexpr u64 loop = at::code, list = 0x180000, here = loop + 0x200, elsewhere = loop + 0x1000;
constexpr unsigned slots = 5, slot_bytes = 5;

// A function of five slots of five bytes and a RET, and a list of 8-byte stores that change it. A program
// stores one, calls the function, adds RAX to RDX, and so on to the end of the list.
struct Patched : EngineMachine {
  Patched(u64 seed, u64 function, unsigned rounds, bool wild) {
    small_pages();
    // L: mov rdi, [rsi]; mov rax, [rsi+8]; add rsi, 16; mov [rdi], rax; call rbx; add rdx, rax; dec ecx; jnz
    // L; hlt
    code(loop, {0x48, 0x8b, 0x3e, 0x48, 0x8b, 0x46, 0x08, 0x48, 0x83, 0xc6, 0x10, 0x48,
                0x89, 0x07, 0xff, 0xd3, 0x48, 0x01, 0xc2, 0xff, 0xc9, 0x75, 0xe9, 0xf4});
    Random random{seed};
    std::array<u8, slots * slot_bytes + 8> text{};
    for (unsigned n = 0; n < slots; ++n) text[n * slot_bytes] = 0x05;  // add eax, imm32
    text[slots * slot_bytes] = 0xc3;
    for (unsigned n = 0; n < text.size(); ++n) put(function + n, text[n], 1);
    for (unsigned round = 0; round < rounds; ++round) {
      const unsigned at = static_cast<unsigned>(random.below(slots)) * slot_bytes;
      change(random, &text[at], wild);
      // Aligned or not, the store changes bytes of this slot only.
      const unsigned from = at - static_cast<unsigned>(random.below(std::min(at, 3u) + 1));
      u64 value = 0;
      for (unsigned n = 0; n < 8; ++n) value |= u64{text[from + n]} << (8 * n);
      put(list + round * 16, function + from, 8);
      put(list + round * 16 + 8, value, 8);
    }
    cpu.gpr[RSI] = list;
    cpu.gpr[RBX] = function;
    cpu.gpr[RCX] = rounds;
    cpu.gpr[RDX] = 0;
    cpu.rip = loop;
  }

  static void change(Random& random, u8* slot, bool wild) {
    static constexpr u8 opcodes[] = {0x05, 0x0d, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0xb8};  // op eax, imm32
    static constexpr u8 others[][slot_bytes] = {
        {0x90, 0x90, 0x90, 0x90, 0x90},
        {0x66, 0x05, 0x34, 0x12, 0x90},  // nops; add ax, 1234h
        {0xeb, 0x03, 0xcc, 0xcc, 0xcc},
        {0x74, 0x03, 0xff, 0xc0, 0x90},  // jmp over; jz over an inc eax
        {0xff, 0xc0, 0x83, 0xc0, 0x11},
        {0x89, 0xd8, 0x0f, 0xc8, 0x90},  // inc, add eax, 11h; mov eax, ebx; bswap
        {0x04, 0x07, 0xd1, 0xe0, 0xf9},
        {0xc3, 0x90, 0x90, 0x90, 0x90},  // add al, 7; shl eax, 1; stc; ret
    };
    if (wild && random.one_in(3)) {
      std::copy_n(others[random.below(std::size(others))], slot_bytes, slot);
      return;
    }
    if (random.one_in(8)) return;  // the same bytes again
    const bool keep = std::find(std::begin(opcodes), std::end(opcodes), slot[0]) != std::end(opcodes);
    if (!keep || random.one_in(4)) slot[0] = opcodes[random.below(8)];
    for (unsigned n = 1; n < slot_bytes; ++n) slot[n] = static_cast<u8>(random.next());
  }

  // To the HLT; the instructions it took.
  u64 finish(u64 slice) {
    u64 done = 0;
    while (cpu.activity == Activity::active && done < 1'000'000) done += run(cpu, slice);
    CHECK(cpu.activity == Activity::hlt);
    return done;
  }
};

void compare(u64 function, bool wild) {
  for (u64 seed = 1; seed <= 4; ++seed) {
    CAPTURE(seed);
    CAPTURE(function);
    const unsigned rounds = 500;
    Patched whole(seed, function, rounds, wild), reference(seed, function, rounds, wild);
    Patched single(seed, function, rounds, wild), sliced(seed, function, rounds, wild);
    REQUIRE(reference.cache.set_dispatcher(Dispatcher::reference));
    const u64 all = ~u64{0} >> 1;
    const u64 count = whole.finish(all);
    CHECK(reference.finish(all) == count);
    CHECK(single.finish(1) == count);
    CHECK(sliced.finish(7 + seed) == count);
    CHECK(whole.image().difference(reference.image()) == "");
    CHECK(whole.image().difference(single.image()) == "");
    CHECK(whole.image().difference(sliced.image()) == "");
    // Not told from code that never ran before: every round in a machine of its own engine's youth.
    Patched fresh(seed, function, rounds, wild);
    u64 done = 0;
    while (fresh.cpu.activity == Activity::active) {
      done += run(fresh.cpu, 1 + done % 97);
      fresh.cache.flush();
    }
    CHECK(done == count);
    CHECK(whole.image().difference(fresh.image()) == "");
  }
}

}  // namespace

TEST_CASE("a function in another page gets new immediates and operations before each call") {
  compare(elsewhere, false);
  compare(elsewhere + 0x38, false);  // on two lines
}
TEST_CASE("so does one in the same page") { compare(here, false); }
TEST_CASE("instructions of other lengths, branches and returns come and go") {
  compare(elsewhere, true);
  compare(here, true);
}

TEST_CASE("a block that changes often is decoded anew only where it differs") {
  Patched m(1, elsewhere, 1000, false);
  const u64 before = m.cache.statistics().blocks;
  m.finish(~u64{0} >> 1);
  CHECK(m.cache.statistics().blocks - before < 100);
}

TEST_CASE("code that has changed often and holds still is emitted again") {
  for (const Dispatcher dispatcher : {Dispatcher::emitted, Dispatcher::reference}) {
    EngineMachine m;
    if (!m.cache.set_dispatcher(dispatcher)) continue;
    m.small_pages();
    // L: mov [rdi], eax; again: call rbx; dec ecx; jnz again; hlt. The function: mov eax, imm32; add edx,
    // eax; ret
    m.code(loop, {0x89, 0x07, 0xff, 0xd3, 0xff, 0xc9, 0x75, 0xfa, 0xf4});
    m.code(elsewhere, {0xb8, 0, 0, 0, 0, 0x01, 0xc2, 0xc3});
    m.cpu.gpr[RBX] = elsewhere;
    m.cpu.gpr[RDI] = elsewhere + 1;
    m.cpu.gpr[RDX] = 0;
    u32 sum = 0;
    for (u32 round = 1; round <= 40; ++round) {
      const u32 calls = round % 8 == 0 ? 1000 : 1;
      m.cpu.gpr[RAX] = round;
      m.cpu.gpr[RCX] = calls;
      m.cpu.rip = loop;
      m.cpu.activity = Activity::active;
      m.cpu.attention &= ~Attention::activity;
      run(m.cpu, 100'000);
      REQUIRE(m.cpu.activity == Activity::hlt);
      sum += round * calls;
      CHECK(m.cpu.gpr[RDX] == sum);
    }
  }
}

TEST_CASE("a device rewrites an unstable block, and the page tables move it") {
  Patched m(3, elsewhere, 100, false);
  m.finish(~u64{0} >> 1);
  const auto answer = [&] {
    m.cpu.gpr[RCX] = 1;
    m.cpu.gpr[RSI] = list + 99 * 16;
    m.put(list + 99 * 16, 0x1c0000, 8);  // the store goes where nobody looks
    m.cpu.rip = loop;
    m.cpu.activity = Activity::active;
    m.cpu.attention &= ~Attention::activity;
    m.finish(1000);
    return static_cast<u32>(m.cpu.gpr[RAX]);
  };
  answer();
  m.memory.write_block(HostPhys(elsewhere), "\xb8\x44\x33\x22\x11\xc3", 6);
  CHECK(answer() == 0x11223344);
  m.memory.write_block(HostPhys(elsewhere), "\xb8\x55\x33\x22\x11\xc3", 6);
  CHECK(answer() == 0x11223355);
  m.memory.write_block(HostPhys(0x190000), "\xb8\x01\x00\x00\x00\xc3", 6);
  m.map(elsewhere, 0x190000);
  m.cpu.mmu.invlpg(LinAddr(elsewhere));
  CHECK(answer() == 1);
  m.memory.write_block(HostPhys(elsewhere), "\xb8\x66\x33\x22\x11\xc3", 6);
  m.map(elsewhere, elsewhere);
  m.cpu.mmu.invlpg(LinAddr(elsewhere));
  CHECK(answer() == 0x11223366);
}

TEST_CASE("a block is emitted when it runs for the second time") {
  EngineMachine m;
  if (!m.cache.set_dispatcher(Dispatcher::emitted)) return;
  m.small_pages();
  // mov ecx, 3; jmp L; L: dec ecx; jnz L; hlt
  m.code(loop, {0xb9, 0x03, 0x00, 0x00, 0x00, 0xeb, 0x00, 0xff, 0xc9, 0x75, 0xfc, 0xf4});
  m.cpu.rip = loop;
  while (m.cpu.activity == Activity::active) run(m.cpu, 1000);
  CHECK(m.cpu.gpr[RCX] == 0);
  CHECK(m.cache.statistics().blocks == 3);
  CHECK(m.cache.statistics().emitted == 1);
}
