// Owns the registers of a CPU as a table of described objects: what its saved state, the debugger's
// expressions, looks, gdb's description and completion know about a register comes from here. MSRs have a
// table of their own (msrs.h).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cpu/arch/register_bits.h"
#include "cpu/state/cpu.h"

namespace ringside {

enum class RegisterGroup : u8 {
  general,  // and RIP, RFLAGS
  segment,  // the hidden parts included
  table,    // GDTR and IDTR
  control,  // CR0 to CR8, EFER, XCR0, PKRU, the PDPTE registers
  debug,
  privilege,  // CPL
  x87,        // MMX registers included
  vector,
};

// Registers whose writes have rules of their own, which the instructions that write them apply
// (cpu/exec/system/control_registers.h).
enum class RegisterRule : u8 { none, cr0, cr3, cr4, cr8, xcr0 };

struct RegisterInfo {
  std::string_view name;  // in lower case: "rax", "cs" (the selector), "cs.base", "xmm0"
  RegisterGroup group = RegisterGroup::general;
  unsigned bits = 64;
  unsigned index = 0;             // in its family
  std::string_view bits_of = {};  // whose bit names it has: "CR0"; empty: its bits have none

  // Bytes of a CPU that hold it and nothing else.
  struct Cell {
    void* data = nullptr;
    unsigned bytes = 0;
  };
  Cell (*cell)(Cpu&, unsigned index) = nullptr;  // nullptr: made of other state
  // What software reads, if that is not its cell: bits 64 * word and above.
  u64 (*get)(const Cpu&, const RegisterInfo&, unsigned word) = nullptr;
  // False: not with this value, and nothing was changed. nullptr: it is not set by itself.
  bool (*set)(Cpu&, const RegisterInfo&, unsigned word, u64 value) = nullptr;
  RegisterRule rule = RegisterRule::none;  // `set` is nullptr if there is one
  bool (*present)(const Cpu&) = nullptr;   // nullptr: always

  bool (*kept)(const Cpu&) = nullptr;  // whether saved state holds it; nullptr: always
  // What saved state calls it; empty: saved state does not hold it, because it is made of others.
  std::string_view saved_as = {};
  // Takes back what `get` gave, where there is no cell.
  void (*restore)(Cpu&, u64 value) = nullptr;

  bool is_present(const Cpu& cpu) const { return !present || present(cpu); }
  bool can_be_set() const { return set || rule != RegisterRule::none; }
  u64 read(const Cpu& cpu, unsigned word = 0) const;
};

// In the order of saved state.
std::span<const RegisterInfo> register_table();

// A part of a register that has a name: "eax", "ah", "xmm0.h", "st0.e", "cr0.pg"; or a whole one.
struct RegisterPart {
  const RegisterInfo* whole = nullptr;
  unsigned low = 0, width = 64;  // in bits; at most 64, inside one word of 64 bits
  bool clears_above = false;     // a write clears the rest of its word: 32-bit general registers

  u64 mask() const { return bit_range(0, width - 1); }
  u64 read(const Cpu& cpu) const { return whole->read(cpu, low / 64) >> low % 64 & mask(); }
  // The word that holds the part, with `value` in it.
  u64 merged(const Cpu& cpu, u64 value) const;
};

// By any of its names, in any case. nullopt: there is no such register.
std::optional<RegisterPart> find_register(std::string_view name);
// All names that find_register() knows: each register once, and the bits of those whose bits have names.
std::vector<std::string> register_names();

// Visits what the registers of one group hold, in the table's order.
void visit_registers(Cpu& cpu, Fields& visit, std::span<const RegisterGroup> groups);

}  // namespace ringside
