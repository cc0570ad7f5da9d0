// Owns the tests of general-purpose instructions, stack and strings that the host cannot run in a 64-bit
// process: other modes, decimal arithmetic, faults, restarts at page ends, privilege.
#include <doctest/doctest.h>

#include "tests/exec/running_machine.h"

using namespace ringside;

namespace {

struct Real : RunningMachine {
  Real() { real_mode(); }
  // Runs the code once more from its start.
  void go(u64 instructions) {
    cpu.rip = cpu.next_rip = 0x7c00;
    REQUIRE(run(cpu, instructions) == instructions);
  }
};
struct Protected : RunningMachine {
  Protected() { protected_mode(); }
};

constexpr u64 hole = 0xc00000;  // the last but one 2-MByte page
u64 run_until(Cpu& cpu, u64 rip) {
  u64 count = 0;
  while (cpu.rip != rip && count < 1000) count += run(cpu, 1);
  return count;
}
u8 bcd(unsigned value) { return static_cast<u8>(value / 10 % 10 << 4 | value % 10); }

}  // namespace

TEST_CASE("REP MOVSB stops at the page that faults, and goes on from there") {
  LongRun m;
  m.put(0x3000 + 8 * 6, 0);
  for (u64 n = 0; n < 0x200; ++n) m.put(at::data + n, n * 7 & 0xff, 1);
  m.start({0xf3, 0xa4, 0x90});  // rep movsb; nop
  m.cpu.gpr[RSI] = at::data;
  m.cpu.gpr[RDI] = hole - 0x100;
  m.cpu.gpr[RCX] = 0x200;
  run_until(m.cpu, at::handler(14));
  CHECK(m.cpu.rip == at::handler(14));
  CHECK(m.cpu.cr2 == hole);
  CHECK(m.cpu.gpr[RCX] == 0x100);
  CHECK(m.cpu.gpr[RSI] == at::data + 0x100);
  CHECK(m.cpu.gpr[RDI] == hole);
  CHECK(m.get(m.cpu.gpr[RSP] + 8) == at::code);
  m.put(0x3000 + 8 * 6, hole | 0x87);
  m.code(at::handler(14), {0x48, 0x83, 0xc4, 0x08, 0x48, 0xcf});  // add rsp, 8; iretq
  run_until(m.cpu, at::code + 2);
  CHECK(m.cpu.gpr[RCX] == 0);
  for (u64 n = 0; n < 0x200; ++n) REQUIRE(m.get(hole - 0x100 + n, 1) == (n * 7 & 0xff));
}

TEST_CASE("REP MOVS onto itself repeats the first elements") {
  LongRun m;
  m.put(at::data, 0x5a, 1);
  m.start({0xf3, 0xa4, 0x90});
  m.cpu.gpr[RSI] = at::data;
  m.cpu.gpr[RDI] = at::data + 1;
  m.cpu.gpr[RCX] = 6000;
  run_until(m.cpu, at::code + 2);
  for (u64 n = 0; n <= 6000; ++n) REQUIRE(m.get(at::data + n, 1) == 0x5a);
  CHECK(m.get(at::data + 6001, 1) == 0);
}

TEST_CASE("the instructions that a REP counts do not depend on what the caches hold") {
  LongRun m;
  u64 counts[2];
  for (u64& count : counts) {
    m.start({0xf3, 0x48, 0xa5, 0x90});  // rep movsq
    m.cpu.gpr[RSI] = at::data + 3;
    m.cpu.gpr[RDI] = 0x200ff0;
    m.cpu.gpr[RCX] = 3000;
    count = run_until(m.cpu, at::code + 3);
  }
  CHECK(counts[0] == counts[1]);
  CHECK(counts[0] > 6);  // interrupts can come in between
  // The same onto a page that holds running code.
  m.code(0x201000, {0x90, 0xc3});
  m.cpu.rip = m.cpu.next_rip = 0x201000;
  run(m.cpu, 1);
  m.start({0xf3, 0x48, 0xa5, 0x90});
  m.cpu.gpr[RSI] = at::data + 3;
  m.cpu.gpr[RDI] = 0x200ff0;
  m.cpu.gpr[RCX] = 3000;
  CHECK(run_until(m.cpu, at::code + 3) == counts[0]);
}

TEST_CASE("string registers wrap at the address size") {
  Real m;
  m.code(0x7c00, {0xa4, 0xf3, 0xaa});  // movsb; rep stosb
  m.put(0x1ffff, 0x77, 1);
  m.cpu.segment[DS].base = 0x10000;
  m.cpu.segment[ES].base = 0x20000;
  m.cpu.gpr[RSI] = 0xabcd'0000'ffff;
  m.cpu.gpr[RDI] = 0x1234'ffff;
  m.cpu.gpr[RCX] = 0x5678'0003;
  m.cpu.gpr[RAX] = 0x11;
  run_until(m.cpu, 0x7c03);
  CHECK(m.get(0x2ffff, 1) == 0x77);
  CHECK(m.get(0x20000, 4) == 0x00111111);
  CHECK(m.cpu.gpr[RSI] == 0xabcd'0000'0000);
  CHECK(m.cpu.gpr[RDI] == 0x1234'0003);
  CHECK(m.cpu.gpr[RCX] == 0x5678'0000);
}

TEST_CASE("a string instruction's segment override moves the source alone") {
  Real m;
  m.code(0x7c00, {0x64, 0xa4});  // movsb es:[di], fs:[si]
  m.cpu.segment[FS].base = 0x10000;
  m.put(0x10005, 0x99, 1);
  m.cpu.gpr[RSI] = 5;
  m.cpu.gpr[RDI] = 0x4000;
  m.go(1);
  CHECK(m.get(0x4000, 1) == 0x99);
}

TEST_CASE("DAA and DAS make decimal sums and differences of packed digits") {
  Real m;
  m.code(0x7c00, {0x00, 0xd8, 0x27});
  for (unsigned a = 0; a < 100; ++a) {
    for (unsigned b = 0; b < 100; ++b) {
      m.cpu.gpr[RAX] = bcd(a);
      m.cpu.gpr[RBX] = bcd(b);
      m.go(2);
      REQUIRE(m.cpu.gpr[RAX] == bcd((a + b) % 100));
      REQUIRE(m.cpu.flags.cf() == (a + b > 99));
    }
  }
  Real n;
  n.code(0x7c00, {0x28, 0xd8, 0x2f});
  for (unsigned a = 0; a < 100; ++a) {
    for (unsigned b = 0; b < 100; ++b) {
      n.cpu.gpr[RAX] = bcd(a);
      n.cpu.gpr[RBX] = bcd(b);
      n.go(2);
      REQUIRE(n.cpu.gpr[RAX] == bcd((a + 100 - b) % 100));
      REQUIRE(n.cpu.flags.cf() == (a < b));
    }
  }
}

TEST_CASE("AAM, AAD, AAA and AAS") {
  Real m;
  m.code(0x7c00, {0xd4, 0x0a, 0xd5, 0x0a});
  for (unsigned a = 0; a < 100; ++a) {
    m.cpu.gpr[RAX] = a;
    m.go(1);
    REQUIRE(m.cpu.gpr[RAX] == (a / 10 << 8 | a % 10));
    REQUIRE(run(m.cpu, 1) == 1);
    REQUIRE(m.cpu.gpr[RAX] == a);
  }
  Real n;
  n.code(0x7c00, {0x00, 0xd8, 0x37, 0x28, 0xd8, 0x3f});  // add, aaa, sub, aas
  n.cpu.gpr[RAX] = 0x0208;
  n.cpu.gpr[RBX] = 7;
  n.go(2);
  CHECK(n.cpu.gpr[RAX] == 0x0305);
  CHECK(n.cpu.flags.cf());
  run(n.cpu, 2);
  CHECK(n.cpu.gpr[RAX] == 0x0208);
  CHECK(n.cpu.flags.cf());
  Real d;
  d.code(0x7c00, {0xd4, 0x00});
  d.go(1);
  CHECK(d.cpu.rip == 0);  // vector 0's handler, 1000h:0
}

TEST_CASE("LOOP and JCXZ count at the address size") {
  Real m;
  m.code(0x7c00, {0xe2, 0xfe, 0xe3, 0x02, 0x90, 0x90});  // loop $; jcxz +2
  m.cpu.gpr[RCX] = 0x7'0000'0003;
  m.go(3);
  CHECK(m.cpu.rip == 0x7c02);
  CHECK(m.cpu.gpr[RCX] == 0x7'0000'0000);
  run(m.cpu, 1);
  CHECK(m.cpu.rip == 0x7c06);
}

TEST_CASE("ENTER copies the display, LEAVE undoes it") {
  Protected m;
  m.code(at::code, {0xc8, 0x10, 0x00, 0x03, 0xc9});  // enter 16, 3; leave
  m.cpu.gpr[RBP] = at::data + 0x100;
  m.put(at::data + 0xfc, 0x11111111, 4);
  m.put(at::data + 0xf8, 0x22222222, 4);
  const u64 top = m.cpu.gpr[RSP];
  run(m.cpu, 1);
  CHECK(m.get(top - 4, 4) == at::data + 0x100);
  CHECK(m.get(top - 8, 4) == 0x11111111);
  CHECK(m.get(top - 12, 4) == 0x22222222);
  CHECK(m.get(top - 16, 4) == top - 4);
  CHECK(m.cpu.gpr[RBP] == top - 4);
  CHECK(m.cpu.gpr[RSP] == top - 32);
  run(m.cpu, 1);
  CHECK(m.cpu.gpr[RBP] == at::data + 0x100);
  CHECK(m.cpu.gpr[RSP] == top);
}

TEST_CASE("PUSHA and POPA keep all but ESP; BOUND raises #BR") {
  Protected m;
  m.code(at::code, {0x60, 0x61, 0x62, 0x05, 0x00, 0x00, 0x07, 0x00});  // pusha; popa; bound eax, [70000h]
  for (unsigned n = 0; n < 8; ++n)
    if (n != RSP) m.cpu.gpr[n] = 0x1000 * n + 5;
  const u64 top = m.cpu.gpr[RSP];
  run(m.cpu, 1);
  CHECK(m.get(top - 20, 4) == top);
  CHECK(m.get(top - 4, 4) == 5);
  for (unsigned n = 0; n < 8; ++n)
    if (n != RSP) m.cpu.gpr[n] = 0;
  run(m.cpu, 1);
  for (unsigned n = 0; n < 8; ++n) CHECK(m.cpu.gpr[n] == (n == RSP ? top : 0x1000 * n + 5));
  m.put(at::data, static_cast<u32>(-3), 4);
  m.put(at::data + 4, 4, 4);
  run(m.cpu, 1);
  CHECK(m.cpu.rip == at::handler(5));
}

TEST_CASE("a RET to a non-canonical address faults before it pops") {
  LongRun m;
  m.start({0xc3});
  m.put(m.cpu.gpr[RSP], bit(47));
  const u64 top = m.cpu.gpr[RSP];
  run(m.cpu, 1);
  CHECK(m.cpu.rip == at::handler(13));
  CHECK(m.get(m.cpu.gpr[RSP] + 8) == at::code);
  CHECK(m.get(m.cpu.gpr[RSP] + 32) == top);
}

TEST_CASE("POPF at CPL 3 leaves IF and IOPL") {
  LongRun m;
  m.to_user();
  m.cpu.system_flags = Eflags::IF;
  m.code(at::user_code, {0x9d});
  m.put(at::stack3, Eflags::IOPL | Eflags::CF | Eflags::DF | Eflags::ID | Eflags::RF);
  run(m.cpu, 1);
  CHECK(m.cpu.eflags() == (Eflags::IF | Eflags::CF | Eflags::DF | Eflags::ID | Eflags::reserved_one));
}

TEST_CASE("IN at CPL 3 asks the permission map") {
  for (const bool allowed : {false, true}) {
    LongRun m;
    m.to_user();
    m.put(at::tss + 0x66, 0x80, 2);
    m.put(at::tss + 0x80 + 0x60 / 8, allowed ? 0xfe : 0x01, 1);
    m.code(at::user_code, {0xe4, 0x60});  // in al, 60h
    run(m.cpu, 1);
    CHECK(m.cpu.rip == (allowed ? at::user_code + 2 : at::handler(13)));
    if (allowed) CHECK((m.cpu.gpr[RAX] & 0xff) == 0xff);
  }
}

TEST_CASE("a bit string reaches below its address") {
  LongRun m;
  m.start({0x48, 0x0f, 0xab, 0x06});  // bts [rsi], rax
  m.cpu.gpr[RSI] = at::data + 8;
  m.cpu.gpr[RAX] = static_cast<u64>(-1);
  run(m.cpu, 1);
  CHECK(m.get(at::data) == bit(63));
  CHECK_FALSE(m.cpu.flags.cf());
}
