// Owns which operations emitted code runs inline, and what it must know of their flags.
#pragma once

#include "cpu/decode/inline_class.h"
#include "cpu/decode/rows.h"
#include "cpu/state/cpu.h"

namespace ringside {

// How a memory operand's linear address comes about.
enum class Addressing : u8 {
  flat,     // 64-bit mode: the offset is the address
  based,    // 64-bit mode: FS or GS, or an offset of 32 bits
  segment,  // the other modes: checked by the segment, which has a base
};

struct Shape {
  Inline what = Inline::call_handler;
  Addressing addressing = Addressing::flat;
  Condition condition = Condition::O;
  u8 size = 0;         // bytes of T
  u8 source_size = 0;  // of movzx, movsx
  Form form = Form::N;
  bool memory = false;    // may miss the TLB, and then may end the block
  bool aligned = false;   // the memory operand must be, or #GP
  InlineVector vector{};  // which of the operations on vector registers
  u8 length = 16;         // bytes of those registers
  bool vex = false;
  bool separate_first = false;  // the first source is in r1 and the second in r2
  bool bits64 = false;          // 64-bit mode
  bool gpr = false;             // one side of a vector operation is general-purpose
  bool by_cl = false;           // a shift's count
  bool reads_flags = false;
  bool writes_flags = false;  // all six

  bool pure() const { return what != Inline::call_handler && !memory; }
};

// `mode`: of the block that the operation lies in.
Shape shape_of(const Op& op, const Cpu::Mode& mode);

}  // namespace ringside
