// Owns the tests of code that changes under the run loop: rewritten by itself, by another mapping, by a
// device, or moved by the page tables.
#include <doctest/doctest.h>

#include "tests/exec/engine_machine.h"

using namespace ringside;

namespace {

// mov eax, imm32; hlt
void put_answer(EngineMachine& m, u64 where, u32 value) {
  m.code(where, {0xb8});
  m.put(where + 1, value, 4);
  m.code(where + 5, {0xf4});
}

struct Box : EngineMachine {
  Box() { small_pages(); }
  // Runs from `rip` until HLT; what RAX holds then.
  u64 answer(u64 rip = at::code, u64 most = 1000) {
    cpu.rip = rip;
    cpu.activity = Activity::active;
    cpu.attention &= ~Attention::activity;
    CHECK(run(cpu, most) < most);
    CHECK(cpu.activity == Activity::hlt);
    return cpu.gpr[RAX];
  }
};

}  // namespace

TEST_CASE("an instruction rewrites the next one of its own block") {
  Box m;
  // mov byte [code+9], 77h; mov al, 11h; hlt
  m.code(at::code, {0xc6, 0x04, 0x25, 0x09, 0x00, 0x01, 0x00, 0x77, 0xb0, 0x11, 0xf4});
  CHECK((m.answer() & 0xff) == 0x77);
}

TEST_CASE("an instruction rewrites itself: it ends as it began, and is new the next time") {
  Box m;
  // mov byte [code], 90h (a NOP): the rest of its bytes is then 04 25 ..: add al, 25h; add [rcx], al; ...
  m.code(at::code, {0xc6, 0x04, 0x25, 0x00, 0x00, 0x01, 0x00, 0x90, 0xf4});
  m.answer();
  CHECK(m.get(at::code, 1) == 0x90);
  m.cpu.gpr[RAX] = 0;
  m.cpu.gpr[RCX] = at::data;
  m.cpu.rip = at::code;
  m.cpu.activity = Activity::active;
  m.cpu.attention = 0;
  run(m.cpu, 2);
  CHECK(m.cpu.gpr[RAX] == 0x25);
}

TEST_CASE("a loop rewrites its own immediate each time round") {
  Box m;
  // mov ecx, 10; L: mov al, 0; add edx, eax; inc byte [L+1]; loop L; hlt
  m.code(at::code,
         {0xb9, 10, 0, 0, 0, 0xb0, 0, 0x01, 0xc2, 0xfe, 0x04, 0x25, 0x06, 0x00, 0x01, 0, 0xe2, 0xf3, 0xf4});
  m.cpu.gpr[RAX] = m.cpu.gpr[RDX] = 0;
  m.answer();
  CHECK(m.cpu.gpr[RDX] == 45);
  CHECK(m.get(at::code + 6, 1) == 10);
}

TEST_CASE("a store through another linear address reaches the code") {
  Box m;
  m.map(0x1a0000, at::code + 0x1000);
  put_answer(m, at::code + 0x1000, 1);
  CHECK(m.answer(at::code + 0x1000) == 1);
  m.code(at::code, {0xc6, 0x04, 0x25, 0x01, 0x00, 0x1a, 0x00, 0x05, 0xe9, 0xf3, 0x0f, 0, 0});
  CHECK(m.answer() == 5);
}

TEST_CASE("REP MOVS lays new code over a block that ran") {
  Box m;
  put_answer(m, at::code + 0x1000, 1);
  CHECK(m.answer(at::code + 0x1000) == 1);
  put_answer(m, at::data, 0x1234);
  m.cpu.gpr[RSI] = at::data;
  m.cpu.gpr[RDI] = at::code + 0x1000;
  m.cpu.gpr[RCX] = 6;
  m.code(at::code, {0xf3, 0xa4, 0xe9, 0xf9, 0x0f, 0, 0});
  CHECK(m.answer() == 0x1234);
}

TEST_CASE("REP MOVS overwrites itself") {
  Box m;
  // rep movsb copies six bytes of HLT over what follows it, itself included.
  m.code(at::code, {0xf3, 0xa4, 0x90, 0x90, 0x0f, 0x0b});
  for (unsigned n = 0; n < 6; ++n) m.put(at::data + n, 0xf4, 1);
  m.cpu.gpr[RSI] = at::data;
  m.cpu.gpr[RDI] = at::code;
  m.cpu.gpr[RCX] = 6;
  m.cpu.rip = at::code;
  run(m.cpu, 50);
  CHECK(m.cpu.activity == Activity::hlt);
  // The first iteration replaced its own prefix: an interrupted REP would go on as HLT, an uninterrupted one
  // copies on.
  CHECK(m.get(at::code, 1) == 0xf4);
}

TEST_CASE("a device's write_block replaces code") {
  Box m;
  put_answer(m, at::code, 1);
  CHECK(m.answer() == 1);
  const u8 bytes[] = {0xb8, 9, 0, 0, 0, 0xf4};
  m.memory.write_block(HostPhys(at::code), bytes, sizeof bytes);
  CHECK(m.answer() == 9);
}

TEST_CASE("stores beside code, on its line and on its page, leave it alone") {
  Box m;
  // L: mov [code+40h], cl; mov [code+0f00h], ecx; inc eax; loop L; hlt
  m.code(at::code, {0x88, 0x0c, 0x25, 0x40, 0x00, 0x01, 0x00, 0x89, 0x0c, 0x25, 0x00, 0x0f, 0x01, 0x00, 0xff,
                    0xc0, 0xe2, 0xee, 0xf4});
  m.cpu.gpr[RCX] = 100;
  m.cpu.gpr[RAX] = 0;
  CHECK(m.answer() == 100);
  CHECK(m.get(at::code + 0x40, 1) == 1);
  CHECK(m.get(at::code + 0xf00, 4) == 1);
}

TEST_CASE("an instruction across two pages: rewritten on either, remapped, faulting") {
  Box m;
  const u64 second = at::code + 0x1000, first = second - 2;
  put_answer(m, first, 0x11223344);  // b8 44 | 33 22 11 f4
  CHECK(m.answer(first) == 0x11223344);
  CHECK(m.answer(first) == 0x11223344);
  m.put(second + 1, 0x55, 1);
  CHECK(m.answer(first) == 0x11553344);
  m.put(first + 1, 0x66, 1);
  CHECK(m.answer(first) == 0x11553366);
  m.code(at::code, {0xc6, 0x04, 0x25, 0x00, 0x10, 0x01, 0x00, 0x99});  // mov byte [second], 99h
  m.code(at::code + 8, {0xe9});
  m.put(at::code + 9, first - (at::code + 13), 4);
  CHECK(m.answer() == 0x11559966);

  m.memory.write_block(HostPhys(0x150000), "\x01\x02\x03\xf4", 4);
  m.map(second, 0x150000);
  m.cpu.mmu.invlpg(LinAddr(second));
  CHECK(m.answer(first) == 0x03020166);
  m.map(second, second);
  m.cpu.mmu.invlpg(LinAddr(second));
  CHECK(m.answer(first) == 0x11559966);

  m.unmap(second);
  m.cpu.mmu.invlpg(LinAddr(second));
  m.cpu.rip = first;
  m.cpu.activity = Activity::active;
  CHECK(run(m.cpu, 1) == 1);
  CHECK(m.vector() == 14);
  CHECK(m.cpu.cr2 == second);
  CHECK(m.get(m.cpu.gpr[RSP] + 8) == first);
  CHECK(m.get(m.cpu.gpr[RSP]) == 0);
}

TEST_CASE("a block across the page end falls into a page that moved") {
  Box m;
  const u64 second = at::code + 0x1000;
  m.code(second - 3, {0xb0, 0x01, 0x90});  // mov al, 1; nop; the next page follows
  m.code(second, {0xb4, 0x02, 0xf4});      // mov ah, 2; hlt
  m.code(0x150000, {0xb4, 0x03, 0xf4});
  m.cpu.gpr[RAX] = 0;
  CHECK(m.answer(second - 3) == 0x201);
  CHECK(m.answer(second - 3) == 0x201);
  m.map(second, 0x150000);
  m.cpu.mmu.invlpg(LinAddr(second));
  CHECK(m.answer(second - 3) == 0x301);
}

TEST_CASE("jumps between pages follow a remapping with INVLPG, and not before it") {
  Box m;
  put_answer(m, at::code + 0x1000, 1);
  put_answer(m, 0x150000, 2);
  m.code(at::code, {0xe9, 0xfb, 0x0f, 0, 0});  // jmp code+1000h
  CHECK(m.answer() == 1);
  CHECK(m.answer() == 1);
  m.map(at::code + 0x1000, 0x150000);
  // mov cr3, rbx comes before the jump; RBX is CR3's value.
  m.code(at::code + 0x20, {0x0f, 0x22, 0xdb, 0xeb, 0xdb});
  m.cpu.gpr[RBX] = m.cpu.cr3;
  CHECK(m.answer(at::code + 0x20) == 2);
  m.map(at::code + 0x1000, at::code + 0x1000);
  m.code(at::code + 0x40, {0x0f, 0x01, 0x3c, 0x25, 0x00, 0x10, 0x01, 0x00, 0xeb, 0xb6});  // invlpg [..]; jmp
  CHECK(m.answer(at::code + 0x40) == 1);
}

TEST_CASE("the running page itself moves: the instruction after INVLPG is of the new frame") {
  Box m;
  // At the same offset: invlpg [code]; then `mov eax, 1; hlt` in one frame and `mov eax, 2; hlt` in the
  // other.
  for (const u64 frame : {at::code, u64{0x150000}}) {
    m.code(frame,
           {0xc7, 0x04, 0x25, 0x80, 0xc0, 0x00, 0x00, 0x07, 0x00, 0x15, 0x00});  // mov dword [pte], 150007h
    m.code(frame + 11, {0x0f, 0x01, 0x3c, 0x25, 0x00, 0x00, 0x01, 0x00});        // invlpg [code]
    put_answer(m, frame + 19, frame == at::code ? 1 : 2);
  }
  CHECK(m.answer() == 2);
}

TEST_CASE("address spaces: CR3 switches back and forth over linked code") {
  Box m;
  // A second PML4 whose first 2 MiB have a page table of their own.
  constexpr u64 pml4 = 0x180000, pdpt = 0x181000, pd = 0x182000, pt = 0x183000;
  m.put(pml4, pdpt | 7);
  m.put(pdpt, pd | 7);
  m.put(pd, pt | 7);
  for (unsigned n = 0; n < 512; ++n) m.put(pt + 8 * n, (n * page_bytes) | 7);
  m.put(pt + at::data / page_bytes * 8, 0x150000 | 7);
  // L: call data; mov cr3, rbx; call data; mov cr3, rdx; loop L; hlt. data: add rax, 1 or add rax, 100h; ret.
  m.code(at::data, {0x48, 0x05, 0x01, 0x00, 0x00, 0x00, 0xc3});
  m.code(0x150000, {0x48, 0x05, 0x00, 0x01, 0x00, 0x00, 0xc3});
  const u64 l = at::code;
  m.code(l, {0xe8}), m.put(l + 1, at::data - (l + 5), 4);
  m.code(l + 5, {0x0f, 0x22, 0xdb, 0xe8}), m.put(l + 9, at::data - (l + 13), 4);
  m.code(l + 13, {0x0f, 0x22, 0xda, 0xe2, 0xee, 0xf4});
  m.cpu.gpr[RBX] = pml4;
  m.cpu.gpr[RDX] = at::pml4;
  m.cpu.gpr[RCX] = 20;
  m.cpu.gpr[RAX] = 0;
  CHECK(m.answer() == 20 + 20 * 0x100);
}

TEST_CASE("one frame at two linear addresses: relative addresses follow the linear one") {
  Box m;
  m.map(0x1a0000, at::code);
  // lea rax, [rip]; hlt
  m.code(at::code, {0x48, 0x8d, 0x05, 0, 0, 0, 0, 0xf4});
  for (unsigned n = 0; n < 3; ++n) {
    CHECK(m.answer(at::code) == at::code + 7);
    CHECK(m.answer(0x1a0000) == 0x1a0007);
  }
}

TEST_CASE("the same bytes at two privilege levels and in 16, 32 and 64-bit code") {
  EngineMachine m;
  // 48 ff c0: dec eax; inc eax in 32-bit code, dec ax; inc ax in 16-bit code, inc rax in 64-bit code.
  m.code(at::code, {0x48, 0xff, 0xc0, 0x90});
  m.long_mode();
  for (unsigned round = 0; round < 2; ++round) {
    m.long_mode();
    m.cpu.gpr[RAX] = 0xffffffff;
    run(m.cpu, 1);
    CHECK(m.cpu.gpr[RAX] == 0x100000000);
    m.start_at(sel::user64, sel::data3, at::code, at::stack3);
    run(m.cpu, 1);
    CHECK(m.cpu.gpr[RAX] == 0x100000001);
    m.start_at(sel::code0, sel::data0, at::code, at::stack0);  // compatibility mode
    m.cpu.gpr[RAX] = 0x10000;
    run(m.cpu, 1);
    CHECK(m.cpu.gpr[RAX] == 0xffff);
    run(m.cpu, 1);
    CHECK(m.cpu.gpr[RAX] == 0x10000);
    m.set_descriptor(sel::code16, descriptor(at::code, 0xffff, present_code));
    m.start_at(sel::code16, sel::data0, 0, at::stack0);
    m.cpu.gpr[RAX] = 0x10000;
    run(m.cpu, 1);
    CHECK(m.cpu.gpr[RAX] == 0x1ffff);
  }
}

TEST_CASE("user code that supervisor code ran first is fetched with its own rights") {
  Box m;
  put_answer(m, at::code, 1);
  CHECK(m.answer() == 1);
  m.map(at::code, at::code, 3);  // supervisor only
  m.cpu.mmu.invlpg(LinAddr(at::code));
  CHECK(m.answer() == 1);
  m.start_at(sel::user64, sel::data3, at::code, at::stack3);
  m.cpu.activity = Activity::active;
  m.cpu.attention = 0;
  run(m.cpu, 1);
  CHECK(m.vector() == 14);
  CHECK(m.cpu.cr2 == at::code);
  CHECK(m.get(m.cpu.gpr[RSP]) == 5);
}

TEST_CASE("code in ROM runs and cannot be written; code in a device and in a hole is fetched byte by byte") {
  EngineMachine m;
  m.memory.add_rom(HostPhys(0xb00000), {0xc6, 0x05, 0xf9, 0xff, 0xff, 0xff, 0x90, 0xb0, 0x22, 0xf4}, "rom");
  m.long_mode();
  m.cpu.gpr[RAX] = 0;
  m.cpu.rip = 0xb00000;
  run(m.cpu, 10);
  CHECK(m.cpu.gpr[RAX] == 0x22);
  CHECK(m.get(0xb00000, 1) == 0xc6);

  m.long_mode();
  m.cpu.activity = Activity::active;
  m.cpu.attention = 0;
  m.cpu.rip = EngineMachine::mmio + 0x100;
  const u64 before = m.device.reads;
  run(m.cpu, 1);
  CHECK(m.device.reads > before);

  m.cpu.rip = 0xfffff8;  // the last bytes of RAM, then a hole of FFs: FF FF is #UD
  m.put(0xfffff8, 0x9090909090909090);
  m.put(0x3000 + 8 * 8, (u64{8} << 21) | 0x87);
  m.cpu.mmu.flush_all();
  CHECK(run(m.cpu, 9) == 9);
  CHECK(m.vector() == 6);
  CHECK(m.get(m.cpu.gpr[RSP]) == 0x1000000);
}

TEST_CASE("a device that hides a page of code, and leaves again") {
  EngineMachine m;
  m.long_mode();
  m.code(at::code, {0xb0, 0x01, 0xf4});
  run(m.cpu, 5);
  CHECK((m.cpu.gpr[RAX] & 0xff) == 1);
  m.memory.add_rom(HostPhys(at::code), {0xb0, 0x02, 0xf4}, "rom");
  m.cpu.activity = Activity::active;
  m.cpu.attention = 0;
  m.cpu.rip = at::code;
  run(m.cpu, 5);
  CHECK((m.cpu.gpr[RAX] & 0xff) == 2);
}

TEST_CASE("the A20 gate closes under cached code") {
  EngineMachine m;
  m.long_mode();
  put_answer(m, 0x100000 + at::code, 1);
  put_answer(m, at::code, 2);
  const auto answer = [&](u64 rip) {
    m.cpu.activity = Activity::active;
    m.cpu.attention = 0;
    m.cpu.rip = rip;
    run(m.cpu, 5);
    return m.cpu.gpr[RAX];
  };
  CHECK(answer(0x100000 + at::code) == 1);
  m.memory.set_a20(false);
  CHECK(answer(0x100000 + at::code) == 2);
  m.put(at::code + 1, 3, 1);
  CHECK(answer(0x100000 + at::code) == 3);
  m.memory.set_a20(true);
  CHECK(answer(0x100000 + at::code) == 1);
}
