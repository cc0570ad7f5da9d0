// Owns the operation record: one decoded instruction as its handler reads it.
#pragma once

#include <cstddef>

#include "cpu/arch/types.h"

namespace ringside {

struct Cpu;
struct Op;

// Runs the operation and what follows it. Returns nullptr when the chain has ended.
using Handler = const Op* (*)(Cpu&, const Op*);

// How an instruction ends, known when it is lowered.
enum class Kind : u8 {
  plain,        // goes on with the next record
  conditional,  // body returns taken or not; op.imm is the target's offset from rip_base
  direct,       // body returns false for a fault; then jumps to op.imm's target
  indirect,     // body leaves the target in cpu.next_rip
  boundary,     // back to the run loop; the body may change cpu.next_rip, mode, privilege, anything
};

// Offsets of registers in the Cpu's register file, as Op::r0, r1, base, index hold them.
namespace reg {
constexpr u8 of(unsigned gpr) { return static_cast<u8>(gpr * 8); }  // also the low byte, word, dword
constexpr u8 high_byte(unsigned gpr) { return static_cast<u8>(gpr * 8 + 1); }  // AH, CH, DH, BH
constexpr u8 zero = 16 * 8;       // reads as 0: no base, no index
constexpr u8 rip_base = 17 * 8;   // RIP of the first byte of the page that runs
constexpr u8 page_size = 18 * 8;  // the constant 4096
}  // namespace reg

// 32 bytes, so that two share a cache line.
struct alignas(32) Op {
  Handler handler = nullptr;
  union {
    struct {
      s32 disp;  // displacement of the memory operand; RIP-relative ones are relative to rip_base
      s32 imm;   // immediate, sign-extended; branch: target's offset from rip_base
    };
    s64 imm64;  // MOV r64, imm64; MOV with a 64-bit absolute address; far pointers (selector << 32 | offset)
  };
  u8 r0 = 0,
     r1 = 0;  // first and second operand: GPR offset (namespace reg) or register number for other files
  u8 base = reg::zero, index = reg::zero;
  u8 scale = 0;    // shift count for the index
  u8 seg = 3;      // SegReg of the memory operand; of an implied one (MOVS, XLAT): the override, else DS
  u8 length = 0;   // bytes of the instruction
  u8 left = 0;     // instructions from this one to the end of its block, itself included
  u16 offset = 0;  // of its first byte in its page
  u16 row = 0;     // in the lowering table
  u8 attrs = 0;    // OpAttr
  u8 size = 0;     // operand size in bytes: 1, 2, 4, 8 (of the row's first sized operand)
  u8 r2 = 0;       // third operand; ENTER's second immediate, the nesting level
  u8 variant = 0;  // of the row: see Variant

  Op() : imm64(0) {}
};
static_assert(sizeof(Op) == 32);

// What an EVEX prefix adds, kept in Op::size: an instruction that has one takes its element's size from its
// row and the vector's length from its variant. See "Room" in cpu/decode/README.md.
struct EvexBits {
  static constexpr u8 mask = 0x07,  // the opmask register; k0 means none
      zeroing = 0x08,               // elements that are masked out become 0
      broadcast = 0x10,             // the memory operand is one element
      suppress_exceptions = 0x20,   // SAE, and with it `rounding` if the instruction rounds
      rounding = 0xc0;              // as MXCSR.RC
};
static_assert((EvexBits::mask ^ EvexBits::zeroing ^ EvexBits::broadcast ^ EvexBits::suppress_exceptions ^
               EvexBits::rounding) == 0xff);

struct OpAttr {
  static constexpr u8 rep = 1, repne = 2, address16 = 4, address32 = 8, lock = 16, no_fast_branch = 32,
                      operand16 = 64, imm64 = 128;
};

}  // namespace ringside
