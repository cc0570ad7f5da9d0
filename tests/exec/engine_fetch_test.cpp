// Owns the tests of instruction fetch at its edges: limits, the canonical boundary, wrapping, faults with
// their codes, exact counts.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/exec/engine_machine.h"

using namespace ringside;

namespace {

// A 32-bit code segment with a limit in bytes.
void limited_code(EngineMachine& m, u32 limit) {
  m.protected_mode();
  m.set_descriptor(sel::free0, descriptor(0, limit, present_code | Rights::DB));
  m.start_at(sel::free0, sel::data0, at::code, at::stack0);
}

}  // namespace

TEST_CASE("CS's limit ends inside a block: what is before it runs, then #GP(0)") {
  for (unsigned cut = 0; cut < 4; ++cut) {
    CAPTURE(cut);
    EngineMachine m;
    limited_code(m, at::code + 3 + cut);
    m.code(at::code, {0x40, 0x40, 0x40, 0xb8, 0x78, 0x56, 0x34, 0x12, 0x40});  // inc eax x 3; mov eax, imm32
    m.cpu.gpr[RAX] = 0;
    CHECK(run(m.cpu, 4) == 4);
    CHECK(m.vector() == 13);
    CHECK(m.cpu.gpr[RAX] == 3);
    CHECK(m.get(m.cpu.gpr[RSP], 4) == 0);
    CHECK(m.get(m.cpu.gpr[RSP] + 4, 4) == at::code + 3);
  }
  EngineMachine m;
  limited_code(m, at::code + 7);
  m.code(at::code, {0x40, 0x40, 0x40, 0xb8, 0x78, 0x56, 0x34, 0x12, 0x40});
  CHECK(run(m.cpu, 5) == 5);
  CHECK(m.cpu.gpr[RAX] == 0x12345678);
  CHECK(m.get(m.cpu.gpr[RSP] + 4, 4) == at::code + 8);
}

TEST_CASE("a branch beyond CS's limit faults at the branch") {
  EngineMachine m;
  limited_code(m, at::code + 0x100);
  m.code(at::code, {0x40, 0xe9, 0xfa, 0x01, 0, 0});  // jmp code+200h
  run(m.cpu, 2);
  CHECK(m.vector() == 13);
  CHECK(m.get(m.cpu.gpr[RSP] + 4, 4) == at::code + 1);
}

TEST_CASE("fetch faults: not present, supervisor page, no-execute, reserved bit") {
  struct {
    u64 entry;
    bool user;
    u32 error;
  } const cases[] = {{0x10006, false, 0},
                     {0x10006, true, 4},
                     {0x10003, true, 5},
                     {0x10007 | bit(63), false, 0x11},
                     {0x10007 | bit(63), true, 0x15},
                     {0x10007 | bit(50), false, 0x19 & ~0x10u}};
  for (const auto& c : cases) {
    EngineMachine m;
    m.small_pages();
    m.cpu.efer |= c.entry & bit(63) ? Efer::NXE : 0;
    m.cpu.update_translation();
    m.put(EngineMachine::table + 8 * 0x10, c.entry);
    m.cpu.mmu.flush_all();
    if (c.user) m.start_at(sel::user64, sel::data3, at::code, at::stack3);
    m.cpu.rip = at::code + 0x123;
    CAPTURE(c.entry);
    CAPTURE(c.user);
    CHECK(run(m.cpu, 1) == 1);
    CHECK(m.vector() == 14);
    CHECK(m.cpu.cr2 == at::code + 0x123);
    // Without EFER.NXE and CR4.SMEP a fetch is not told from a read.
    CHECK(m.get(m.cpu.gpr[RSP]) == c.error);
    CHECK(m.get(m.cpu.gpr[RSP] + 8) == at::code + 0x123);
  }
}

TEST_CASE("the canonical boundary: running into it faults behind it, jumping over it at the jump") {
  EngineMachine m;
  m.small_pages();
  // The last page of the lower half shows the frame of `code`.
  m.put(at::pml4 + 8 * 255, 0x180007);
  m.put(0x180000 + 8 * 511, 0x181007);
  m.put(0x181000 + 8 * 511, 0x182007);
  m.put(0x182000 + 8 * 511, at::code | 7);
  m.cpu.mmu.flush_all();
  constexpr u64 end = u64{1} << 47;
  m.code(at::code + 0xffe, {0x90, 0x90});
  m.cpu.rip = end - 2;
  CHECK(run(m.cpu, 3) == 3);
  CHECK(m.vector() == 13);
  CHECK(m.get(m.cpu.gpr[RSP]) == 0);
  CHECK(m.get(m.cpu.gpr[RSP] + 8) == end);

  m.code(at::code + 0xffe, {0x90, 0xb8});  // MOV's immediate lies behind the boundary
  m.cpu.rip = end - 2;
  run(m.cpu, 2);
  CHECK(m.vector() == 13);
  CHECK(m.get(m.cpu.gpr[RSP] + 8) == end - 1);

  m.code(at::code + 0x10, {0xff, 0xe0});  // jmp rax
  m.cpu.rip = at::code + 0x10;
  m.cpu.gpr[RAX] = end;
  run(m.cpu, 1);
  CHECK(m.vector() == 13);
  CHECK(m.get(m.cpu.gpr[RSP] + 8) == at::code + 0x10);
}

TEST_CASE("16-bit code: a branch wraps at 64 KiB, running on is #GP beyond the limit") {
  EngineMachine m;
  m.real_mode();
  m.code(0xfffd, {0xeb, 0x10});  // jmp short to ffffh + 10h: to 0fh
  m.code(0x000f, {0xf4});
  m.put(0x0f, 0x00f4, 2);
  m.cpu.rip = 0xfffd;
  run(m.cpu, 1);
  CHECK(m.cpu.rip == 0x0f);

  EngineMachine over;
  over.real_mode();
  over.code(0xfffe, {0x40, 0x40, 0x40});  // inc ax
  over.cpu.rip = 0xfffe;
  over.cpu.gpr[RAX] = 0;
  CHECK(run(over.cpu, 3) == 3);
  CHECK(over.cpu.gpr[RAX] == 2);
  CHECK(over.cpu.segment[CS].selector == 0x1000);
  CHECK(over.cpu.rip == 13 * 16);
}

TEST_CASE("32-bit code wraps from the end of the linear space to its start") {
  EngineMachine m;
  m.protected_mode();
  m.memory.add_rom(HostPhys(0xfffff000), std::vector<u8>(0x1000, 0x40), "inc eax");
  m.code(0, {0x40, 0xeb, 0xfe});
  m.cpu.gpr[RAX] = 0;
  m.cpu.rip = 0xfffffffe;
  CHECK(run(m.cpu, 5) == 5);
  CHECK(m.cpu.gpr[RAX] == 3);
  CHECK(m.cpu.rip == 1);

  // A base of CS instead.
  m.set_descriptor(sel::free0, descriptor(0xfffff000, 0xfffff, present_code | Rights::DB | Rights::G));
  m.start_at(sel::free0, sel::data0, 0xffd, at::stack0);
  m.cpu.gpr[RAX] = 0;
  CHECK(run(m.cpu, 5) == 5);
  CHECK(m.cpu.gpr[RAX] == 4);
  CHECK(m.cpu.rip == 0x1001);
}

TEST_CASE("a run lands exactly on every count, whatever a block's length") {
  for (u64 n = 1; n < 120; ++n) {
    EngineMachine m;
    m.long_mode();
    for (unsigned i = 0; i < 100; ++i) m.code(at::code + 2 * i, {0xff, 0xc0});  // inc eax
    m.code(at::code + 200, {0xe9, 0x33, 0xff, 0xff, 0xff});                     // jmp code
    m.cpu.gpr[RAX] = 0;
    CHECK(run(m.cpu, 101 + n) == 101 + n);
    CHECK(retired(m.cpu) == 101 + n);
    CHECK(m.cpu.gpr[RAX] == 100 + std::min<u64>(n, 100) + (n > 101 ? n - 101 : 0));
  }
}

TEST_CASE("end_run_at from a device ends the run after so many more") {
  struct Ender final : MmioDevice {
    Cpu* cpu = nullptr;
    u64 more = 0, seen = 0;
    u64 mmio_read(u64, unsigned) override { return 0; }
    void mmio_write(u64, unsigned, u64) override {
      seen = retired(*cpu);
      end_run_at(*cpu, more);
    }
  };
  for (u64 more = 0; more < 70; more += 3) {
    EngineMachine m;
    Ender ender;
    ender.cpu = &m.cpu;
    ender.more = more;
    m.long_mode();
    m.memory.add_mmio(HostPhys(0xb00000), page_bytes, ender, "ender");
    for (unsigned i = 0; i < 200; ++i) m.put(at::code + i, 0x90, 1);
    m.code(at::code + 10, {0x88, 0x04, 0x25, 0, 0, 0xb0, 0});  // mov [0b00000h], al
    CHECK(run(m.cpu, 150) == 11 + more);
    CHECK(ender.seen == 11);
    CHECK(m.cpu.rip == at::code + 17 + more);
    CHECK(run(m.cpu, 5) == 5);
    m.memory.remove_mmio(ender);
  }
}

TEST_CASE("a full cache is flushed and goes on") {
  EngineMachine m;
  m.long_mode();
  // 3 MiB of two-instruction blocks, run twice: more records than the cache keeps.
  for (u64 at = 0x200000; at < 0x500000; at += 3) m.code(at, {0x90, 0xeb, 0x00});
  m.code(0x500000,
         {0xff, 0xc3, 0x81, 0xfb, 0x02, 0, 0, 0, 0x74, 0x05, 0xe9});  // inc ebx; cmp ebx, 2; je +5; jmp
  m.put(0x50000b, 0x200000 - 0x50000f, 4);
  m.code(0x50000f, {0xf4});
  m.cpu.gpr[RBX] = 0;
  m.cpu.rip = 0x200000;
  const u64 round = 2 * (0x300000 / 3);
  CHECK(run(m.cpu, 3 * round) == 2 * round + 8);
  CHECK(m.cpu.activity == Activity::hlt);
  CHECK(m.cpu.rip == 0x500010);
  CHECK(m.cache.statistics().flushes > 0);
}

TEST_CASE("a single step jumps to the last address, where no block ever was") {
  EngineMachine m;
  m.long_mode();
  m.code(at::code, {0xff, 0xe0});  // jmp rax
  m.cpu.gpr[RAX] = ~u64{0};
  m.cpu.set_eflags(Eflags::TF, Eflags::TF);
  m.cpu.update_debug();
  CHECK(run(m.cpu, 2) == 2);
  CHECK(m.vector() == 1);
  CHECK(m.get(m.cpu.gpr[RSP]) == ~u64{0});
}
