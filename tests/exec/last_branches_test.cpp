// Owns the tests of last branch records: which branches, interrupts and exceptions are written down, what the
// filters leave out, and that a run in slices writes the same.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "cpu/state/msrs.h"
#include "tests/exec/program_generator.h"

using namespace ringside;

namespace {

constexpr u32 IA32_DEBUGCTL = 0x1d9, MSR_LBR_SELECT = 0x1c8, MSR_LASTBRANCH_TOS = 0x1c9;

struct Recording : LongRun {
  Recording() {
    REQUIRE(write_msr(cpu, IA32_DEBUGCTL, DebugControl::LBR, 0));
    cpu.msr.last_branch_top = 31;  // the first record has number 0
  }
  void select(u64 filters) { REQUIRE(write_msr(cpu, MSR_LBR_SELECT, filters, 0)); }
  // How many records there are, if there are fewer than the stack has places.
  u64 records() const { return (cpu.msr.last_branch_top + 1) % Cpu::Msrs::most_last_branches; }
  // "10->14 14->20": from and to, as offsets from at::code, the oldest first.
  std::string text() const {
    std::string all;
    for (u64 n = 0; n < records(); ++n) {
      const auto hex = [](u64 rip) { return fmt::format("{:x}", rip - at::code); };
      all +=
          (all.empty() ? "" : " ") + hex(cpu.msr.last_branch_from[n]) + "->" + hex(cpu.msr.last_branch_to[n]);
    }
    return all;
  }
};

std::string handler_text(unsigned vector) { return fmt::format("{:x}", at::handler(vector) - at::code); }

}  // namespace

TEST_CASE("near branches that are taken are recorded, also those to the following instruction") {
  Recording m;
  m.cpu.flags.set_image(Eflags::ZF);
  m.start({0x75, 0x02,                    //  0: jnz +2, not taken
           0x74, 0x00,                    //  2: jz +0
           0xeb, 0x00,                    //  4: jmp +0
           0xe8, 0x01, 0x00, 0x00, 0x00,  //  6: call 0ch
           0xf4,                          //  b
           0x58,                          //  c: pop rax
           0x48, 0x83, 0xc0, 0x0a,        //  d: add rax, 10
           0xff, 0xe0,                    // 11: jmp rax
           0x90, 0x90,                    // 13
           0x50, 0xc3});                  // 15: push rax; ret
  run(m.cpu, 9);
  CHECK(m.text() == "2->4 4->6 6->c 11->15 16->15");
}

TEST_CASE("a conditional branch from a page's end to the following instruction is recorded if it is taken") {
  Recording m;
  m.cpu.flags.set_image(Eflags::ZF);
  m.start({0xe9, 0xf7, 0x0f, 0x00, 0x00});             // 0: jmp ffch
  m.code(at::code + 0xffc, {0x75, 0x00,                // ffc: jnz +0, not taken
                            0x74, 0x00,                // ffe: jz +0
                            0xb9, 1, 0, 0, 0,          // 1000: mov ecx, 1
                            0xe9, 0xf4, 0x0f, 0, 0});  // 1005: jmp 1ffeh
  m.code(at::code + 0x1ffe, {0xe2, 0x00, 0x90});       // loop +0, not taken; nop
  run(m.cpu, 7);
  CHECK(m.cpu.rip == at::code + 0x2001);
  CHECK(m.text() == "0->ffc ffe->1000 1005->1ffe");
}

TEST_CASE("without IA32_DEBUGCTL.LBR nothing is recorded, and blocks run whole") {
  Recording m;
  REQUIRE(write_msr(m.cpu, IA32_DEBUGCTL, 0, 0));
  CHECK((m.cpu.attention & Attention::step) == 0);
  m.start({0xeb, 0x00, 0xeb, 0x00, 0x90});
  run(m.cpu, 3);
  CHECK(m.cpu.msr.last_branch_top == 31);
  REQUIRE(write_msr(m.cpu, IA32_DEBUGCTL, DebugControl::LBR, 0));
  CHECK((m.cpu.attention & Attention::step) != 0);
}

TEST_CASE("repeated string instructions and serializing ones are no branches, for BTF neither") {
  Recording m;
  m.cpu.gpr[RCX] = 3;
  m.cpu.gpr[RDI] = at::data;
  m.start({0xf3, 0xaa, 0x0f, 0xa2, 0xeb, 0x00, 0x90});  // rep stosb; cpuid; jmp +0
  run(m.cpu, 5);
  CHECK(m.text() == "4->6");

  LongRun b;
  b.cpu.gpr[RCX] = 3;
  b.cpu.gpr[RDI] = at::data;
  b.start({0xf3, 0xaa, 0xeb, 0x00, 0x90});
  REQUIRE(write_msr(b.cpu, IA32_DEBUGCTL, DebugControl::BTF, 0));
  b.cpu.set_eflags(Eflags::TF, Eflags::TF);
  run(b.cpu, 20);
  CHECK(b.get(at::stack0 - 40) == at::code + 4);  // the trap came behind the jump
}

TEST_CASE("faults, interrupts and INT n are far branches; the record before them is kept") {
  Recording m;
  m.code(at::handler(6), {0xeb, 0x00, 0x48, 0xcf});  // jmp +0; iretq
  m.start({0xeb, 0x02, 0x90, 0x90,                   // 0: jmp 4
           0x0f, 0x0b});                             // 4: ud2
  run(m.cpu, 2);
  CHECK(m.text() == "0->4 4->" + handler_text(6));
  CHECK(m.cpu.msr.last_exception_from == at::code);
  CHECK(m.cpu.msr.last_exception_to == at::code + 4);

  Recording i;
  i.code(at::handler(0x40), {0x48, 0xcf});
  i.start({0xcd, 0x40, 0x90, 0x90});  // int 40h; nop
  run(i.cpu, 2);
  CHECK(i.text() == "0->" + handler_text(0x40) + " " + handler_text(0x40) + "->2");
  i.interrupts.waiting = 0x40;
  i.cpu.set_eflags(Eflags::IF, Eflags::IF);
  i.cpu.attention |= Attention::interrupt;
  run(i.cpu, 1);
  CHECK(i.records() == 3);
  CHECK(i.cpu.msr.last_branch_from[2] == at::code + 2);
  CHECK(i.cpu.msr.last_branch_to[2] == at::handler(0x40));
  CHECK(i.cpu.msr.last_exception_from == at::handler(0x40));
}

TEST_CASE("#DB ends the recording and is not recorded itself") {
  Recording m;
  m.start({0xeb, 0x00, 0xf1});  // jmp +0; int1
  run(m.cpu, 1);
  m.cpu.set_eflags(Eflags::TF, Eflags::TF);
  m.code(at::code + 2, {0xeb, 0x00});
  m.cpu.mmu.flush_all();
  run(m.cpu, 2);
  CHECK(m.cpu.rip == at::handler(1));
  CHECK(m.text() == "0->2 2->4");
  CHECK(m.cpu.msr.debugctl == 0);
  CHECK((m.cpu.attention & Attention::step) == 0);
}

TEST_CASE("far jumps, far calls and returns, SYSCALL and SYSRET") {
  Recording m;
  m.put(at::data, at::code + 7, 4);
  m.put(at::data + 4, sel::code64, 2);
  m.start({0xff, 0x2c, 0x25, 0x00, 0x00, 0x07, 0x00, 0x90});  // jmp far [70000h]: to the next instruction
  run(m.cpu, 1);
  CHECK(m.text() == "0->7");

  Recording s;
  s.cpu.msr.star = u64{0x28} << 32 | u64{0x20 | 3} << 48;
  s.cpu.msr.lstar = at::handlers;
  s.code(at::user_code, {0x0f, 0x05, 0x90});  // syscall; nop
  s.code(at::handlers, {0x48, 0x0f, 0x07});   // sysretq
  s.to_user();
  run(s.cpu, 2);
  CHECK(s.records() == 2);
  CHECK(s.cpu.msr.last_branch_from[0] == at::user_code);
  CHECK(s.cpu.msr.last_branch_to[0] == at::handlers);
  CHECK(s.cpu.msr.last_branch_to[1] == at::user_code + 2);
}

TEST_CASE("each bit of MSR_LBR_SELECT leaves out its sort of branch and no other") {
  struct Case {
    u64 filter;
    std::string left;
  };
  // jz +0; call +0; call rax (to the next); ret (to the next); jmp rbx; jmp +0; int 40h
  const auto run_all = [](u64 filters) {
    Recording m;
    m.select(filters);
    m.cpu.flags.set_image(Eflags::ZF);
    m.cpu.gpr[RAX] = at::code + 9;
    m.cpu.gpr[RBX] = at::code + 13;
    m.cpu.gpr[RCX] = at::code + 11;
    m.start({0x74, 0x00,                    //  0
             0xe8, 0x00, 0x00, 0x00, 0x00,  //  2
             0xff, 0xd0,                    //  7
             0x51,                          //  9: push rcx
             0xc3,                          //  a
             0xff, 0xe3,                    //  b
             0xeb, 0x00,                    //  d
             0xcd, 0x40});                  //  f
    run(m.cpu, 8);
    CHECK(m.cpu.rip == at::handler(0x40));
    return m.text();
  };
  const std::string far = "f->" + handler_text(0x40);
  const std::string parts[] = {"0->2", "2->7", "7->9", "a->b", "b->d", "d->f", far};
  const auto without = [&](int left_out) {
    std::string all;
    for (int n = 0; n < 7; ++n)
      if (n != left_out) all += (all.empty() ? "" : " ") + parts[n];
    return all;
  };
  CHECK(run_all(0) == without(-1));
  for (int n = 0; n < 7; ++n) {
    CAPTURE(n);
    CHECK(run_all(bit(static_cast<unsigned>(n) + 2)) == without(n));
  }
  CHECK(run_all(bit(0)) == "");           // CPL_EQ_0
  CHECK(run_all(bit(1)) == without(-1));  // CPL_NEQ_0
  CHECK(run_all(bit_range(2, 8)) == "");
}

TEST_CASE("with EN_CALLSTACK a return takes the record of its call away") {
  Recording m;
  m.select(bit(2) | bit(6) | bit(7) | bit(8) | bit(9));
  m.start({0xe8, 0x00, 0x00, 0x00, 0x00,  //  0: call +0, for its address: no record
           0x58,                          //  5: pop rax
           0xe8, 0x03, 0x00, 0x00, 0x00,  //  6: call e
           0xf4, 0x90, 0x90,              //  b
           0xe8, 0x01, 0x00, 0x00, 0x00,  //  e: call 14
           0xf4,                          // 13
           0xc3});                        // 14: ret
  run(m.cpu, 4);
  CHECK(m.text() == "6->e e->14");
  run(m.cpu, 1);
  CHECK(m.text() == "6->e");
  CHECK(m.cpu.msr.last_branch_from[1] == 0);
}

TEST_CASE("the stack goes around, and each record says how long it took") {
  Recording m;
  m.code(at::code, {0x48, 0xff, 0xc0, 0xeb, 0xfb});  // inc rax; jmp -5
  m.cpu.rip = m.cpu.next_rip = at::code;
  run(m.cpu, 2 * 40);
  CHECK(m.cpu.msr.last_branch_top == 39 - 32);
  for (unsigned n = 0; n < 32; ++n) {
    CHECK(m.cpu.msr.last_branch_from[n] == at::code + 3);
    CHECK(m.cpu.msr.last_branch_to[n] == at::code);
  }
}

TEST_CASE("models have the stack of their generation") {
  struct Case {
    const char* model;
    u8 depth;
    u64 format;
    bool information, call_stack;
  };
  for (const Case& c : {Case{"Icelake-Server", 32, 5, true, true}, Case{"Broadwell", 16, 4, false, true},
                        Case{"Haswell", 16, 4, false, true}, Case{"IvyBridge", 16, 3, false, false},
                        Case{"Nehalem", 16, 3, false, false}, Case{"Skylake-Client", 32, 5, true, true}}) {
    CAPTURE(c.model);
    SmallMachine m;
    std::string error;
    m.model = *parse_cpu_model(c.model, error);
    u64 value = 0;
    CHECK(read_msr(m.cpu, 0x345, value, 0));
    CHECK(value == c.format);
    CHECK(read_msr(m.cpu, 0x680u + c.depth - 1, value, 0));
    CHECK(read_msr(m.cpu, 0x680u + c.depth, value, 0) == false);
    CHECK(read_msr(m.cpu, 0x6c0u + c.depth - 1, value, 0));
    CHECK(read_msr(m.cpu, 0x6c0u + c.depth, value, 0) == false);
    CHECK(read_msr(m.cpu, 0xdc0, value, 0) == c.information);
    CHECK(write_msr(m.cpu, MSR_LBR_SELECT, bit(9), 0) == c.call_stack);
    CHECK(write_msr(m.cpu, MSR_LASTBRANCH_TOS, c.depth - 1u, 0));
    CHECK_FALSE(write_msr(m.cpu, MSR_LASTBRANCH_TOS, c.depth, 0));
  }
}

TEST_CASE("older formats keep flags above the source") {
  RunningMachine m;
  std::string error;
  m.model = *parse_cpu_model("Haswell", error);
  CHECK(write_msr(m.cpu, 0x680, bit(63) | 0x1234, 0));
  CHECK(write_msr(m.cpu, 0x680, 0x1fffffff80000000, 0));  // sign-extended to bit 60
  CHECK_FALSE(write_msr(m.cpu, 0x680, 0x0fffffff80000000, 0));
  m.model = *parse_cpu_model("Icelake-Server", error);
  CHECK_FALSE(write_msr(m.cpu, 0x680, bit(63) | 0x1234, 0));
  CHECK(write_msr(m.cpu, 0x680, 0xffffffff80000000, 0));
}

TEST_CASE("random programs: each record is a step that the program took, and slices make no difference") {
  using Mode = ProgramGenerator::Mode;
  for (const Mode mode : {Mode::real16, Mode::protected32, Mode::long64}) {
    u64 all = 0;
    for (u64 seed = 1; seed <= 12; ++seed) {
      CAPTURE(seed);
      EngineMachine whole, single;
      for (EngineMachine* m : {&whole, &single}) {
        ProgramGenerator(seed, mode).load(*m);
        REQUIRE(write_msr(m->cpu, IA32_DEBUGCTL, DebugControl::LBR, 0));
      }
      constexpr u64 instructions = 1500;
      run(whole.cpu, instructions);
      for (u64 n = 0; n < instructions; ++n) {
        const u64 from = single.cpu.rip, top = single.cpu.msr.last_branch_top;
        if (run(single.cpu, 1) == 0) break;
        if (!(single.cpu.msr.debugctl & DebugControl::LBR)) break;  // #DB
        const u64 now = single.cpu.msr.last_branch_top, to = single.cpu.rip;
        if (now == top) {
          // No branch: on to the following instruction, or once more around a repeated one.
          CHECK(to - from <= 15);
          continue;
        }
        ++all;
        CHECK(now == (top + 1) % Cpu::Msrs::most_last_branches);
        CHECK(single.cpu.msr.last_branch_from[now] == from);
        CHECK(single.cpu.msr.last_branch_to[now] == to);
      }
      run(single.cpu, instructions - retired(single.cpu));
      CHECK(whole.image().difference(single.image()) == "");
    }
    CHECK(all > 500);
  }
}
