// Owns the instructions that user programs of every mode are tested with: bytes are tried, and sorted by the
// row of the lowering table that they decode to. So a new row is found without being told of.
#pragma once

#include <map>
#include <random>
#include <vector>

#include "cpu/decode/proof.h"
#include "tests/oracle/emulated.h"

namespace oracle {

// A place that a far branch may go to: branch_target, in one of the code segments. With a 16-bit operand,
// that takes one of the local table's.
struct FarTarget {
  u16 selector = user_code64;
  unsigned bits = 64;
  u32 offset = 0;
};
FarTarget far_target(std::mt19937_64& random, Descriptors host, unsigned operand_bytes);

// An instruction, and what the tests have to know of it to give it operands.
struct Sample {
  static constexpr u8 none = 0xff, rip = 0xfe;
  std::vector<u8> bytes;
  u16 number = 0;  // of its row
  const RowInfo* row = nullptr;
  unsigned bits = 64;  // of the code segment
  u16 cs = user_code64;
  u64 target = 0;             // of a branch that names it
  unsigned target_bits = 64;  // of the code segment there
  unsigned operand_bytes = 0, address_bits = 64, vector_bytes = 0;
  u32 undefined = 0;  // arithmetic flags, after it
  u64 immediate = 0;  // the last one, or the 1 that D0h and D1h mean
  bool wide = false;  // REX.W
  bool locked = false;
  bool repeat_prefix = false, size_prefix = false;  // F2h or F3h; 66h
  bool memory =
      false;  // an operand that it names is memory, at segment:[base + index * scale + displacement]
  SegReg segment = DS;
  u8 base = none, index = none, scale = 1;
  s64 displacement = 0;
  SegReg source = DS;  // of strings: the segment that a prefix may change

  FarTarget far;  // what a far branch finds in memory

  // The registers of its ModRM byte.
  u8 reg = none, rm = none;

  // Whether MMX or XMM registers are its operands, or those of the x87 as well.
  bool vectors() const { return oracle_of(row->group) == Oracle::vector; }
  bool x87_or_vectors() const { return vectors() || oracle_of(row->group) == Oracle::x87; }
};

// By row and variant; at most `count` of each, for code of `bits`. Rows without an oracle are left out.
using Samples = std::map<unsigned, std::vector<Sample>>;
Samples sample(const Emulated& emulated, unsigned bits, unsigned count, std::mt19937_64& random);

}  // namespace oracle
