// Owns the tests of events met by running code: rows, bodies and the run loop together.
#include <doctest/doctest.h>

#include "tests/exec/running_machine.h"

using namespace ringside;

TEST_CASE("INT 80h and IRETQ run") {
  LongRun m;
  m.put(at::idt + 16 * 0x80, gate(sel::code64, at::handler(0x80), 14, 3));
  m.code(at::user_code, {0xcd, 0x80, 0x90});  // int 80h; nop
  m.code(at::handler(0x80), {0x48, 0xcf});    // iretq
  m.to_user();
  CHECK(run(m.cpu, 3) == 3);
  CHECK(m.cpu.rip == at::user_code + 3);
  CHECK(m.cpu.cpl == 3);
  CHECK(m.cpu.gpr[RSP] == at::stack3);
}

TEST_CASE("SYSCALL and SYSRET run") {
  LongRun m;
  m.cpu.msr.star = u64{0x28} << 32 | u64{0x20 | 3} << 48;
  m.cpu.msr.lstar = at::handlers;
  m.code(at::user_code, {0x0f, 0x05, 0x90});  // syscall; nop
  m.code(at::handlers, {0x48, 0x0f, 0x07});   // sysretq
  m.to_user();
  CHECK(run(m.cpu, 3) == 3);
  CHECK(m.cpu.rip == at::user_code + 3);
  CHECK(m.cpu.cpl == 3);
}

TEST_CASE("a fault of an instruction is delivered with its own RIP") {
  LongRun m;
  m.code(at::user_code, {0x90, 0x8e, 0xd8});  // nop; mov ds, eax
  m.to_user();
  m.cpu.gpr[RAX] = sel::data0;
  run(m.cpu, 2);
  CHECK(m.cpu.rip == at::handler(13));
  CHECK(m.get(m.cpu.gpr[RSP]) == sel::data0);
  CHECK(m.get(m.cpu.gpr[RSP] + 8) == at::user_code + 1);
}

TEST_CASE("segment moves, far jumps and returns run") {
  LongRun m;
  m.put(at::data, at::code + 0x100, 4);
  m.put(at::data + 4, sel::code64, 2);
  m.code(at::code, {0x66, 0x8c, 0xd8,                                  // mov ax, ds
                    0x8c, 0xd1,                                        // mov ecx, ss
                    0x8e, 0xe0,                                        // mov fs, eax
                    0x8c, 0x24, 0x25, 0x10, 0x00, 0x07, 0x00,          // mov [70010h], fs
                    0xff, 0x2c, 0x25, 0x00, 0x00, 0x07, 0x00});        // jmp far [70000h]
  m.code(at::code + 0x100, {0xff, 0x1c, 0x25, 0x20, 0x00, 0x07, 0x00,  // call far [70020h]
                            0x90});
  m.put(at::data + 0x20, at::code + 0x200, 4);
  m.put(at::data + 0x24, sel::code64, 2);
  m.code(at::code + 0x200, {0xcb});  // retf
  m.cpu.gpr[RAX] = 0x1111111111111111;
  m.cpu.gpr[RCX] = ~u64{0};
  CHECK(run(m.cpu, 8) == 8);
  CHECK(m.cpu.gpr[RAX] == (0x1111111111110000 | sel::data0));
  CHECK(m.cpu.gpr[RCX] == sel::data0);
  CHECK(m.get(at::data + 0x10, 2) == sel::data0);
  CHECK(m.cpu.rip == at::code + 0x108);
  CHECK(m.cpu.gpr[RSP] == at::stack0);
}

TEST_CASE("32-bit code: LES, ptr16:32, POP SS with its shadow, ARPL, LSL") {
  RunningMachine m;
  m.protected_mode();
  m.put(at::data, 0x12345678, 4);
  m.put(at::data + 4, sel::data3, 2);
  m.code(at::code, {0xc4, 0x1d, 0x00, 0x00, 0x07, 0x00,          // les ebx, [70000h]
                    0x16,                                        // push ss
                    0x17,                                        // pop ss
                    0xea, 0x00, 0x03, 0x01, 0x00, 0x08, 0x00});  // jmp 8:10300h
  m.code(at::code + 0x300, {0x0f, 0x03, 0xc1,                    // lsl eax, ecx
                            0x63, 0xca});                        // arpl dx, cx
  m.cpu.gpr[RCX] = sel::tss2 | 0;
  m.cpu.gpr[RDX] = 0;
  CHECK(run(m.cpu, 3) == 3);
  CHECK(m.cpu.gpr[RBX] == 0x12345678);
  CHECK(m.cpu.segment[ES].selector == sel::data3);
  CHECK(m.cpu.interrupt_shadow == Shadow::mov_ss);
  CHECK(run(m.cpu, 2) == 2);
  CHECK(m.cpu.interrupt_shadow == 0);
  CHECK(m.cpu.gpr[RAX] == 0x67);
  CHECK(m.cpu.flags.zf());
  CHECK(run(m.cpu, 1) == 1);
  CHECK_FALSE(m.cpu.flags.zf());
}

TEST_CASE("TF traps after each instruction; an instruction breakpoint before one") {
  LongRun m;
  m.code(at::code, {0x90, 0x90, 0x90});
  m.cpu.set_eflags(Eflags::TF, Eflags::TF);
  run(m.cpu, 2);  // the NOP and the delivery
  CHECK(m.cpu.rip == at::handler(1));
  CHECK(m.get(m.cpu.gpr[RSP]) == at::code + 1);
  CHECK((m.cpu.dr6 & Dr6::BS) != 0);

  LongRun b;
  b.code(at::code, {0x90, 0x90, 0x90});
  b.code(at::handler(1), {0x48, 0x81, 0x4c, 0x24, 0x10, 0, 0, 1, 0,  // or qword [rsp+16], RF
                          0x48, 0xcf});                              // iretq
  b.cpu.dr[0] = at::code + 1;
  b.cpu.dr7 |= 1;
  b.cpu.update_debug();
  run(b.cpu, 2);
  CHECK(b.cpu.rip == at::handler(1));
  CHECK(b.get(b.cpu.gpr[RSP]) == at::code + 1);
  run(b.cpu, 4);
  CHECK(b.cpu.rip == at::code + 3);
}

TEST_CASE("with BTF only branches that are taken trap") {
  LongRun m;
  m.code(at::code, {0x90, 0x75, 0x02, 0xeb, 0x04});  // nop; jnz +2; jmp +4
  m.cpu.flags.set_image(Eflags::ZF);                 // not taken
  m.cpu.msr.debugctl = 2;
  m.cpu.set_eflags(Eflags::TF, Eflags::TF);
  run(m.cpu, 2);
  CHECK(m.cpu.rip == at::code + 3);
  run(m.cpu, 2);
  CHECK(m.cpu.rip == at::handler(1));
  CHECK(m.get(m.cpu.gpr[RSP]) == at::code + 9);
  CHECK(m.cpu.msr.debugctl == 0);
}

TEST_CASE("HLT waits for an interrupt, which is delivered after it") {
  LongRun m;
  m.code(at::code, {0xfb, 0xf4, 0x90});  // sti; hlt
  CHECK(run(m.cpu, 10) == 2);
  CHECK(m.cpu.activity == Activity::hlt);
  m.interrupts.waiting = 0x40;
  m.cpu.attention |= Attention::interrupt;
  CHECK(run(m.cpu, 1) == 1);
  CHECK(m.cpu.rip == at::handler(0x40));
  CHECK(m.get(m.cpu.gpr[RSP]) == at::code + 2);
}

TEST_CASE("in compatibility mode an operand in two parts wraps at 4 GBytes") {
  LongRun m;
  constexpr u64 top = 0x71000, beyond = 0x72000, large = 0x87;  // page directories
  m.put(0x2000 + 3 * 8, top | 7);
  m.put(0x2000 + 4 * 8, beyond | 7);
  m.put(top + 511 * 8, 0x200000 | large);
  m.put(beyond, 0x400000 | large);
  m.put(0x3ffffc, 0x12345678, 4);  // at FFFFFFFCH
  m.put(0, sel::data0, 2);
  m.put(0x400000, sel::not_present, 2);  // at 100000000H
  m.start_at(sel::code0, sel::data0, at::code, at::stack0);
  m.cpu.segment[DS].base = 0xfffffffc;
  m.code(at::code, {0xc4, 0x03});  // les eax, [ebx]
  CHECK(run(m.cpu, 1) == 1);
  CHECK(m.cpu.rip == at::code + 2);
  CHECK(m.cpu.gpr[RAX] == 0x12345678);
  CHECK(m.cpu.segment[ES].selector == sel::data0);
}
