// Owns the tests of debug traps met by running code, and of the virtual interrupt that waits.
#include <doctest/doctest.h>

#include "tests/exec/running_machine.h"

using namespace ringside;

namespace {

// The handler of #DB is a single IRETQ.
struct DebugMachine : RunningMachine {
  DebugMachine() {
    long_mode();
    code(at::handler(1), {0x48, 0xcf});
  }
  void watch_data(u64 address) {
    cpu.dr[0] = address;
    cpu.dr7 = Dr7::fixed_one | 1 | 3 << 16;  // L0, data reads and writes, one byte
    cpu.update_debug();
  }
  u64 saved_rip() { return get(cpu.gpr[RSP]); }
};

constexpr u8 int1 = 0xf1, nop = 0x90;

}  // namespace

TEST_CASE("MOV SS suppresses its own single step: a fault-like or software #DB after it shows no BS") {
  DebugMachine m;
  m.code(at::code, {0x8e, 0xd0, int1, nop});  // mov ss, ax
  m.cpu.gpr[RAX] = sel::data0;
  m.cpu.set_eflags(Eflags::TF, Eflags::TF);
  run(m.cpu, 2);
  CHECK(m.cpu.rip == at::handler(1));
  CHECK(m.saved_rip() == at::code + 3);
  CHECK((m.cpu.dr6 & Dr6::BS) == 0);
  run(m.cpu, 1);  // back; TF is set again
  CHECK(m.cpu.rip == at::code + 3);
  CHECK(m.cpu.flag(Eflags::TF));

  DebugMachine g;
  g.code(at::code, {0x8e, 0xd0, 0x0f, 0x23, 0xf0});  // mov ss, ax; mov dr6, rax
  g.cpu.gpr[RAX] = sel::data0;
  g.cpu.dr7 |= Dr7::GD;
  g.cpu.update_debug();
  g.cpu.set_eflags(Eflags::TF, Eflags::TF);
  run(g.cpu, 2);
  CHECK(g.cpu.rip == at::handler(1));
  CHECK(g.saved_rip() == at::code + 2);
  CHECK((g.cpu.dr6 & (Dr6::BD | Dr6::BS)) == Dr6::BD);
}

TEST_CASE("a data breakpoint of MOV SS goes with the #DB of INT1, but comes after INT n") {
  for (const bool software_interrupt : {false, true}) {
    DebugMachine m;
    m.put(at::data, sel::data0, 2);
    m.watch_data(at::data);
    m.code(at::code, {0x8e, 0x14, 0x25, 0x00, 0x00, 0x07, 0x00});  // mov ss, [70000h]
    if (software_interrupt)
      m.code(at::code + 7, {0xcd, 0x40});
    else
      m.code(at::code + 7, {int1});
    run(m.cpu, 2);
    CHECK(m.cpu.rip == (software_interrupt ? at::handler(0x40) : at::handler(1)));
    CHECK(((m.cpu.dr6 & Dr6::B0) != 0) == !software_interrupt);
    run(m.cpu, 1);
    CHECK(m.cpu.rip == (software_interrupt ? at::handler(1) : at::code + 8));
    CHECK((m.cpu.dr6 & Dr6::B0) != 0);
  }
}

TEST_CASE("IN, OUT, INS and OUTS meet I/O breakpoints after they are done") {
  for (const u8 opcode : {0xec, 0xee, 0x6c, 0x6e}) {
    DebugMachine m;
    m.code(at::code, {opcode, nop});
    m.cpu.gpr[RDX] = 0x61;
    m.cpu.gpr[RSI] = m.cpu.gpr[RDI] = at::data;
    m.cpu.dr[1] = 0x60;
    m.cpu.dr7 = Dr7::fixed_one | 4 | 2 << 20 | 1 << 22;  // L1, I/O, two ports
    m.cpu.update_debug();
    run(m.cpu, 1);
    CHECK(m.cpu.rip == at::code + 1);
    CHECK(m.cpu.pending_debug == 0);  // without CR4.DE there are none
    m.cpu.cr4 |= Cr4::DE;
    m.cpu.rip = at::code;
    run(m.cpu, 2);
    CHECK(m.cpu.rip == at::handler(1));
    CHECK(m.saved_rip() == at::code + 1);
    CHECK((m.cpu.dr6 & 15) == Dr6::B1);
  }
}

TEST_CASE("VIF and VIP both set at the beginning of an instruction are #GP") {
  DebugMachine m;
  constexpr u64 both = Eflags::VIF | Eflags::VIP;
  m.code(at::user_code, {nop, nop, nop, nop});
  m.start_at(sel::user64, sel::data3, at::user_code, at::stack3);
  m.cpu.set_eflags(both, both);
  run(m.cpu, 1);
  CHECK(m.cpu.rip == at::user_code + 1);  // CR4.PVI is clear
  m.cpu.cr4 |= Cr4::PVI;
  m.cpu.set_eflags(Eflags::IOPL, Eflags::IOPL);
  run(m.cpu, 1);
  CHECK(m.cpu.rip == at::user_code + 2);
  m.cpu.set_eflags(0, Eflags::IOPL);
  run(m.cpu, 1);
  CHECK(m.cpu.rip == at::handler(13));
  CHECK(m.get(m.cpu.gpr[RSP]) == 0);
  CHECK(m.get(m.cpu.gpr[RSP] + 8) == at::user_code + 2);
  CHECK((m.get(m.cpu.gpr[RSP] + 24) & both) == both);
}
