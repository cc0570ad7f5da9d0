// Owns the generation of instructions from the lowering table's rows: every row, size and form, encoded by
// Zydis.
#pragma once

#include <functional>
#include <random>
#include <span>
#include <vector>

#include "cpu/decode/rows.h"

namespace oracle {

using namespace ringside;

struct Encoded {
  static constexpr u8 none = 0xff, rip = 0xfe;
  std::vector<u8> bytes;
  const RowInfo* row = nullptr;
  bool memory = false;
  bool address32 = false;        // the address has 32 bits
  u8 base = none, index = none;  // of the memory operand; base may be `rip`
  u8 scale = 1;
  s64 displacement = 0;  // of the memory operand; with base `rip`, the address itself
  u8 reg = none;         // the first operand, if a register (not AH, CH, DH, BH)
  u64 target = 0;        // of a relative branch
};

// Registers that only address memory, so that their values can be chosen to hit the data range.
constexpr u8 base_registers[] = {3 /* RBX */, 5 /* RBP */, 6 /* RSI */, 13, 14};
constexpr u8 index_register = 9;

// Calls `use` with `count` encodings of each size and form of the row. Random choices come from `random`.
void generate(const RowInfo& row, unsigned count, std::mt19937_64& random,
              const std::function<void(const Encoded&)>& use);

}  // namespace oracle
