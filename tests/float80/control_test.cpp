// Owns the tests of waiting, of errors between instructions, of the environment's images, and of the rows:
// every x87 opcode must find one.
#include <Zydis/Zydis.h>
#include <doctest/doctest.h>

#include <array>

#include "cpu/decode/groups.h"
#include "cpu/exec/x87/bodies_arith.h"
#include "cpu/exec/x87/bodies_control.h"
#include "cpu/exec/x87/bodies_move.h"

namespace ringside {
namespace {

struct Box {
  PhysicalMemory memory;
  Mmu mmu{memory, 40};
  Cpu cpu{mmu};
  Op op;
  Box() {
    cpu.mode.protected_mode = true;
    cpu.cr0 = Cr0::PE | Cr0::NE;
    x87::initialize(cpu);
  }
  // 1 / 0 with ZE unmasked.
  void divide_by_zero() {
    cpu.x87.control = 0x37b;
    fldz(cpu, op);
    fld1(cpu, op);
    op.r0 = 0;
    op.r1 = 1;
    REQUIRE(fdiv<Index<0>, Index<1>>(cpu, op));
  }
};

}  // namespace

// "EM and TS ... device-not-available exception (#NM)".
TEST_CASE("EM and TS stop every instruction but WAIT, which needs MP and TS") {
  for (const u64 set : {Cr0::EM, Cr0::TS, Cr0::EM | Cr0::TS}) {
    Box box;
    box.cpu.cr0 |= set;
    CHECK_FALSE(fld1(box.cpu, box.op));
    CHECK(box.cpu.fault.vector == Vector::NM);
    CHECK(box.cpu.x87.valid == 0);
    CHECK_FALSE(fninit(box.cpu, box.op));
    CHECK_FALSE(fnclex(box.cpu, box.op));
    CHECK(fwait(box.cpu, box.op));
    box.cpu.cr0 |= Cr0::MP;
    CHECK(fwait(box.cpu, box.op) == ((set & Cr0::TS) == 0));
  }
}

TEST_CASE("an unmasked error waits for the next waiting instruction") {
  Box box;
  box.divide_by_zero();
  CHECK((box.cpu.x87.status & 0x8084) == 0x8084);
  CHECK(x87::st(box.cpu, 0) == Float80::one());  // the operands are as they were
  CHECK_FALSE(fld1(box.cpu, box.op));
  CHECK(box.cpu.fault.vector == Vector::MF);
  CHECK_FALSE(fwait(box.cpu, box.op));
  CHECK_FALSE(box.cpu.ferr);
  // Those that do not wait go ahead.
  CHECK(fnclex(box.cpu, box.op));
  CHECK((box.cpu.x87.status & 0x80ff) == 0);
  CHECK(fwait(box.cpu, box.op));
}

TEST_CASE("with NE clear the error is the FERR# pin's") {
  Box box;
  box.cpu.cr0 &= ~Cr0::NE;
  box.divide_by_zero();
  CHECK(box.cpu.ferr);
  CHECK(fwait(box.cpu, box.op));
  CHECK(fnclex(box.cpu, box.op));
  CHECK_FALSE(box.cpu.ferr);
}

TEST_CASE("the environment's images in the four layouts") {
  Box box;
  X87State& x87 = box.cpu.x87;
  x87.control = 0x27f;
  x87.status = 0x4700 & ~0x3800;
  x87.top = 5;
  x87.valid = 0x61;
  x87.physical[0] = {bit(63), 16383};
  x87.physical[5] = {0, 0};
  x87.physical[6] = {bit(63), 0x7fff};
  x87.instruction_pointer = 0x12345;
  x87.code_selector = 0x1008;
  x87.data_pointer = 0x23456;
  x87.data_selector = 0x2010;
  x87.opcode = 0x5a3;
  constexpr u16 tags = 0b11'10'01'11'11'11'11'00;
  constexpr u16 status = 0x4700 | 5 << 11;
  const auto expect = [&](bool narrow, std::initializer_list<u32> fields) {
    box.op.attrs = narrow ? OpAttr::operand16 : 0;
    u8 image[28];
    x87::store_environment(box.cpu, box.op, image);
    const unsigned step = narrow ? 2 : 4;
    REQUIRE(x87::environment_bytes(box.op) == fields.size() * step);
    unsigned at = 0;
    for (const u32 field : fields) {
      u32 value = 0;
      std::memcpy(&value, image + at, step);
      CAPTURE(at);
      CHECK(value == field);
      at += step;
    }
    // What was stored loads again.
    x87::initialize(box.cpu);
    x87::load_environment(box.cpu, box.op, image);
    u8 again[28];
    x87::store_environment(box.cpu, box.op, again);
    CHECK(std::memcmp(image, again, fields.size() * step) == 0);
  };
  const X87State before = x87;
  expect(false,
         {0xffff027f, 0xffff0000u | status, 0xffff0000u | tags, 0x12345, 0x5a31008, 0x23456, 0xffff2010});
  x87 = before;
  expect(true, {0x27f, status, tags, 0x2345, 0x1008, 0x3456, 0x2010});
  // Linear addresses 0x10080 + 0x12345 and 0x20100 + 0x23456.
  box.cpu.mode.protected_mode = false;
  x87 = before;
  expect(false,
         {0xffff027f, 0xffff0000u | status, 0xffff0000u | tags, 0xffff23c5, 0x25a3, 0xffff3556, 0x4000});
  x87 = before;
  expect(true, {0x27f, status, tags, 0x23c5, 0x25a3, 0x3556, 0x4000});
}

TEST_CASE("every x87 opcode finds a row") {
  const auto accepts = [](Operand pattern, const ZydisDecodedOperand& operand) {
    const bool memory = operand.type == ZYDIS_OPERAND_TYPE_MEMORY;
    switch (pattern) {
      case Operand::st:
        return operand.type == ZYDIS_OPERAND_TYPE_REGISTER &&
               ZydisRegisterGetClass(operand.reg.value) == ZYDIS_REGCLASS_X87;
      case Operand::r16: return operand.type == ZYDIS_OPERAND_TYPE_REGISTER && operand.size == 16;
      case Operand::m16: return memory && operand.size == 16;
      case Operand::m32: return memory && operand.size == 32;
      case Operand::m64: return memory && operand.size == 64;
      case Operand::m80: return memory && operand.size == 80;
      case Operand::ea: return memory;
      default: return false;
    }
  };
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  std::vector<const RowInfo*> x87;
  for (const RowInfo& row : rows())
    if (row.group == RowGroup::x87) x87.push_back(&row);
  std::vector<bool> used(x87.size());
  for (unsigned code = 0; code < 8 * 256 + 1; ++code) {
    u8 bytes[15] = {static_cast<u8>(0xd8 + code / 256), static_cast<u8>(code)};
    if (code == 8 * 256) bytes[0] = 0x9b;  // FWAIT
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, sizeof bytes, &instruction, operands)))
      continue;
    bool found = false;
    for (unsigned n = 0; n < x87.size() && !found; ++n) {
      const RowInfo& row = *x87[n];
      if (row.zydis_mnemonic != instruction.mnemonic) continue;
      found = true;
      for (unsigned i = 0; row.match_operands && i < max_operands; ++i) {
        const bool there = i < instruction.operand_count_visible;
        found = found && (there ? accepts(row.operands[i], operands[i]) : row.operands[i] == Operand::none);
      }
      if (found) used[n] = true;
    }
    CAPTURE(code);
    CHECK(found);
  }
  for (unsigned n = 0; n < x87.size(); ++n) {
    CAPTURE(x87[n]->mnemonic);
    CHECK(used[n]);
  }
}

}  // namespace ringside
