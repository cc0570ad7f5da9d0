// Owns the list of instructions that the decoder knows, by CPUID extension, and which of them have rows.
#pragma once

#include <string_view>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

// One mnemonic of one ISA set; PADDB of MMX and PADDB of SSE2 are two. Encodings are the sampled ones: every
// opcode with every mandatory prefix, every ModRM.reg, register and memory forms, 32- and 64-bit mode.
struct InstructionCoverage {
  u16 mnemonic = 0;            // of Zydis
  std::string_view name;       // lower case
  std::string_view isa_set;    // "SSE2MMX", "AVX512F_512", ...
  std::string_view extension;  // "SSE2", "AVX512EVEX", ...
  unsigned encodings = 0;      // sampled
  unsigned lowered = 0;        // of those, the ones that a row takes

  bool covered() const { return lowered > 0; }
  bool complete() const { return lowered == encodings; }
};

// Sorted by extension, ISA set and name. Derived afresh by decoding (well under two seconds), always the
// same.
std::vector<InstructionCoverage> instruction_coverage();

}  // namespace ringside
