// Owns the table of what a host with AVX writes for vector operations, as data.
#pragma once

#include "cpu/decode/inline_class.h"
#include "cpu/exec/engine/emit/assembler.h"

namespace ringside {

// How an operation goes about its operands.
enum class Way : u8 {
  none,
  move,
  lanes,          // each half of the result of the same half of two sources
  counted,        // likewise, of the first source and a count, which is a register or an immediate
  by_bytes,       // by an immediate only
  of_one,         // of one source
  chosen,         // by the signs in a fourth register
  crossing,       // on the whole of the host's register
  widened,        // each half of the result of `bytes` of the source
  narrowed,       // each half of the source gives 8 bytes
  halved,         // likewise, to a register or memory
  inserted,       // an element of `bytes` into a register
  extracted,      // and out of it
  mask,           // `bytes` bits of each half into a general-purpose register
  test_bits,      // PTEST, VTESTPx
  text,           // of two texts into an index or XMM0, and the flags
  explicit_text,  // the same, with their lengths in registers
  masked,         // elements by the signs in a register, from or to memory
  gathered,       // elements of `bytes` from all over memory
  own_first,      // the destination is the first source, and XMM0 may be a third
  scalar,         // the low `bytes`; what is above comes from the first source
  fused,          // of the destination and two more; packed if `bytes` is 0
  compared,       // the low `bytes`, into the flags
  from_integer,   // a general-purpose register or memory into a low element
  to_integer,     // the low `bytes` into a general-purpose register
};

// What the host needs to have beyond AVX.
enum class HostPart : u8 { avx, avx2, fma, f16c, aes, pclmulqdq, gfni, sha };

struct Wide {
  // Writes one host instruction: d = a (operation) b, by the immediate.
  using Write = void (*)(Assembler& c, const Xbyak::Xmm& d, const Xbyak::Xmm& a, const Xbyak::Operand& b,
                         u8 immediate);
  InlineVector operation{};
  Way way = Way::none;
  HostPart part = HostPart::avx;
  u8 bytes = 0;
  // Of the immediate, that the lower half takes before the upper; 0: both take the same. Where elements are
  // gathered, the bytes of an index.
  u8 control_bits = 0;
  u8 legacy_control = 0xff;  // the bits of the immediate that count without a VEX prefix
  bool number = false;       // raises floating-point exceptions, as MXCSR says
  Write write = nullptr;
};

// Way::none where nothing is known.
const Wide& wide_of(InlineVector operation);

}  // namespace ringside
