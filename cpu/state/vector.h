// Owns the x87, MMX, SSE and XSAVE state of one CPU.
#pragma once

#include <array>

#include "cpu/arch/types.h"

namespace ringside {

// Compilers load a small member that is aligned to 4 bytes as 4 bytes, and the host waits where that is more
// than what was stored just before. So the members that instructions write and read all the time lie off such
// places.

// An 80-bit x87 register. MMX registers are the significands.
struct X87Register {
  u64 significand = 0;
  u16 unused = 0;
  u16 sign_exponent = 0;

  X87Register() = default;
  constexpr X87Register(u64 low, u16 high) : significand(low), sign_exponent(high) {}
};

struct X87State {
  std::array<X87Register, 8> physical;  // by physical number; ST(i) is physical[(top + i) & 7]
  u16 opcode = 0;                       // FOP, 11 bits
  u16 control = 0x037f;                 // FCW
  u16 code_selector = 0;
  u16 status = 0;  // FSW without TOP: bits 11..13 are kept 0
  u16 data_selector = 0;
  u8 unused0 = 0, top = 0, unused1 = 0;
  u8 valid = 0;  // a bit for each physical register: 1 = not empty (the abridged FTW)
  u64 instruction_pointer = 0, data_pointer = 0;

  u16 status_word() const { return static_cast<u16>((status & ~0x3800) | (top << 11)); }
};

// 128 bits of a vector register. The upper halves of wider registers are an array of their own, as in XSAVE's
// layout, so that SSE code never touches them.
struct alignas(16) V128 {
  u64 q[2] = {0, 0};
  bool operator==(const V128&) const = default;
};

// A YMM register as instructions see it.
struct V256 {
  V128 low, high;
  bool operator==(const V256&) const = default;
};

struct VectorState {
  std::array<V128, 16> xmm;
  u32 mxcsr = 0x1f80;
  std::array<V128, 16> upper;  // bits 255:128 of the YMM registers
};

constexpr u32 mxcsr_mask = 0x0000ffff;

}  // namespace ringside
