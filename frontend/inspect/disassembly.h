// Owns instructions as people read them: Capstone's disassembly in the CPU's mode, with symbols and bytes.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cpu/state/cpu.h"
#include "frontend/inspect/sheet.h"
#include "frontend/symbols/symbols.h"

namespace ringside {

// Fills `bytes` from a linear address and returns how many of them, from the first on, there are.
using ReadCode = std::function<std::size_t(u64 linear, std::span<u8> bytes)>;

struct DisassembledInstruction {
  u64 address = 0;  // linear
  std::vector<u8> bytes;
  std::string mnemonic, operands;   // "(bad)" and nothing for bytes that are no instruction; "(unreadable)"
  std::string target;               // of a branch or a RIP-relative operand: the symbol; may be empty
  bool call = false;                // "next" steps over it
  bool ends_straight_line = false;  // a jump, call, return or the like
  bool writes_memory = false;       // at the operand that memory_operand() finds
  unsigned operand_bytes = 0;       // of the first operand; 0: it has none
  u64 undefined_flags = 0;          // of EFLAGS, afterwards, whatever the operands are
};

struct DisassemblyOptions {
  unsigned bits = 64;  // 16, 32 or 64
  bool show_bytes = true;
  const Symbols* symbols = nullptr;
  World world = World::any;
  u64 segment_base = 0;  // CS's: branch targets are offsets in the segment
};

// `count` instructions from `address` on; ends early at a byte that cannot be read (which is told).
std::vector<DisassembledInstruction> disassemble(const ReadCode& read, u64 address, unsigned count,
                                                 const DisassemblyOptions& options);
// As lines, a header for each symbol, "=>" before the instruction at `current`.
Sheet disassembly_sheet(const ReadCode& read, u64 address, unsigned count, const DisassemblyOptions& options,
                        u64 current);
// The instructions around the CPU's next one, in its mode; or from `address` (linear) on.
Sheet disassembly_sheet(const Cpu& cpu, const Symbols* symbols, unsigned count);
Sheet disassembly_sheet(const Cpu& cpu, const Symbols* symbols, unsigned count, u64 address);
// The next instruction of the CPU, and that at a linear address in the CPU's mode.
DisassembledInstruction next_instruction(const Cpu& cpu, const Symbols* symbols);
DisassembledInstruction instruction_at(const Cpu& cpu, u64 linear, const Symbols* symbols);
// The linear address of the CPU's next instruction's operand in memory; nullopt: it has none.
std::optional<u64> memory_operand(const Cpu& cpu);

}  // namespace ringside
