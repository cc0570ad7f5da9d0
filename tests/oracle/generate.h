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
  std::vector<u8> bytes;
  const RowInfo* row = nullptr;
  bool memory = false;
  u8 base = 0, index = 0xff;  // of the memory operand; index 0xff: none
  u8 scale = 1;
  s64 displacement = 0;
};

// Registers that only address memory, so that their values can be chosen to hit the data range.
constexpr u8 base_registers[] = {3 /* RBX */, 5 /* RBP */, 6 /* RSI */, 13, 14};
constexpr u8 index_register = 9;

// Calls `use` with `count` encodings of each size and form of the row. Random choices come from `random`.
void generate(const RowInfo& row, unsigned count, std::mt19937_64& random,
              const std::function<void(const Encoded&)>& use);

}  // namespace oracle
