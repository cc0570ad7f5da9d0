// Owns small tests of what the comparison with the host's processor found.
#include <doctest/doctest.h>

#include <vector>

#include "tests/exec/running_machine.h"

using namespace ringside;

TEST_CASE("ENTER with a 32-bit operand on a 16-bit stack takes all of ESP into EBP") {
  RunningMachine m;
  m.real_mode();
  m.code(0x7c00, {0x66, 0xc8, 0x10, 0x00, 0x01});  // o32 enter 16, 1
  m.cpu.gpr[RSP] = 0x12347000;
  m.cpu.gpr[RBP] = 0x55667788;
  REQUIRE(run(m.cpu, 1) == 1);
  CHECK(m.cpu.gpr[RBP] == 0x12346ffc);
  CHECK(m.cpu.gpr[RSP] == 0x12346fe8);
  CHECK(m.get(0x6ffc, 4) == 0x55667788);
  CHECK(m.get(0x6ff8, 4) == 0x12346ffc);
}

TEST_CASE("an address without base has none whatever REX.B says, with a 67h prefix too") {
  LongRun m;
  m.put(at::data + 8, 0x1122334455667788);
  m.start({0x67, 0x43, 0x8b, 0x04, 0xc5, 0x00, 0x00, 0x07, 0x00});  // mov eax, [r8d * 8 + at::data]
  m.cpu.gpr[8] = 1;
  m.cpu.gpr[13] = 0x3000;
  REQUIRE(run(m.cpu, 1) == 1);
  CHECK(m.cpu.gpr[RAX] == 0x55667788);
}

TEST_CASE("EMMS puts the top of the stack to 0") {
  LongRun m;
  m.cpu.x87.top = 3;
  m.cpu.x87.valid = 0xff;
  m.start({0x0f, 0x77});
  REQUIRE(run(m.cpu, 1) == 1);
  CHECK(m.cpu.x87.top == 0);
  CHECK(m.cpu.x87.valid == 0);
}

TEST_CASE("FNSTENV with a 66h prefix stores 14 bytes, in 64-bit mode too") {
  LongRun m;
  for (unsigned n = 0; n < 4; ++n) m.put(at::data + 8 * n, ~u64{0});
  m.cpu.x87.control = 0x37f;
  m.cpu.x87.top = 2;
  m.start({0x66, 0xd9, 0x30});  // o16 fnstenv [rax]
  m.cpu.gpr[RAX] = at::data;
  REQUIRE(run(m.cpu, 1) == 1);
  CHECK(m.get(at::data, 2) == 0x37f);
  CHECK(m.get(at::data + 2, 2) == 0x1000);
  CHECK(m.get(at::data + 14, 2) == 0xffff);
}

TEST_CASE("FSTP of the second opcode reports no empty register") {
  LongRun m;
  m.cpu.x87.top = 3;
  m.cpu.x87.valid = 0;
  m.cpu.x87.status = 0x200;
  m.start({0xd9, 0xd9});
  REQUIRE(run(m.cpu, 1) == 1);
  CHECK(m.cpu.x87.status == 0);
  CHECK(m.cpu.x87.top == 4);
  CHECK(m.cpu.x87.valid == 0);
}

TEST_CASE("#AC for x87 operands of 10 bytes at other than 8, for environments at other than 4 or 2") {
  struct Row {
    std::vector<u8> bytes;
    unsigned alignment;
  };
  const Row rows[] = {
      {{0xdb, 0x28}, 8},        // fld m80
      {{0xdb, 0x38}, 8},        // fstp m80
      {{0xdf, 0x20}, 8},        // fbld
      {{0xd9, 0x30}, 4},        // fnstenv
      {{0x66, 0xd9, 0x30}, 2},  // o16 fnstenv
      {{0xdd, 0x30}, 4},        // fnsave
      {{0xdd, 0x20}, 4},        // frstor
      {{0x66, 0xd9, 0x20}, 2},  // o16 fldenv
  };
  for (const Row& row : rows)
    for (unsigned offset = 0; offset < 9; ++offset) {
      LongRun m;
      m.to_user();
      for (std::size_t n = 0; n < row.bytes.size(); ++n) m.put(at::user_code + n, row.bytes[n], 1);
      m.cpu.cr0 |= Cr0::AM;
      m.cpu.set_eflags(Eflags::AC, Eflags::AC);
      m.cpu.x87.valid = 0x0f;
      m.cpu.gpr[RAX] = at::data + offset;
      run(m.cpu, 1);
      CAPTURE(row.alignment);
      CAPTURE(offset);
      CHECK((m.cpu.rip == at::handler(17)) == (offset % row.alignment != 0));
    }
}

TEST_CASE("LSL with REX.W reads a 32-bit register and writes a 64-bit one") {
  LongRun m;
  m.start({0x48, 0x0f, 0x03, 0xc1,                                  // lsl rax, ecx
           0x48, 0x0f, 0x03, 0x14, 0x25, 0x00, 0x00, 0x07, 0x00});  // lsl rdx, word ptr [at::data]
  m.put(at::data, sel::data0, 2);
  m.cpu.gpr[RAX] = m.cpu.gpr[RDX] = ~u64{0};
  m.cpu.gpr[RCX] = 0xffff0000 | sel::data0;  // the selector is its lower 16 bits
  REQUIRE(run(m.cpu, 2) == 2);
  CHECK(m.cpu.gpr[RAX] == 0xffffffff);
  CHECK(m.cpu.gpr[RDX] == 0xffffffff);
  CHECK((m.cpu.flags.image() & Eflags::ZF) != 0);
}

// Volume 1, "SIMD Floating-Point Exceptions": the flags of what is found before the computation are those of
// all elements, though the first element's exception is not masked already.
TEST_CASE("an unmasked exception of one element does not hide that another subtracts infinities") {
  for (const u8 opcode : {0x5c, 0x58}) {  // subps, addps
    CAPTURE(opcode);
    LongRun m;
    m.start({0x0f, opcode, 0xc1});  // xmm0, xmm1
    m.cpu.cr4 |= Cr4::OSFXSR | Cr4::OSXMMEXCPT;
    m.cpu.update_mode();
    m.cpu.vector.mxcsr = 0x1e80;  // DM is 0
    const V128 before = {{1, 0x7f80000000000000}};
    m.cpu.vector.xmm[0] = before;
    m.cpu.vector.xmm[1] = {{0, opcode == 0x5c ? 0x7f80000000000000 : 0xff80000000000000}};
    run(m.cpu, 1);
    CHECK((m.cpu.vector.mxcsr & 0x3f) == 3);  // IE and DE
    CHECK(m.cpu.vector.xmm[0].q[1] == before.q[1]);
  }
}
