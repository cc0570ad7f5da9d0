// Owns the registers that gdb sees: which there are, in which order, and how they are read and written. The
// target description is made of the same list.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "frontend/debug/debugger.h"

namespace ringside {

// How gdb takes the machine: one choice for as long as gdb does not fetch the description anew.
enum class Layout : u8 {
  bits64,  // i386:x86-64, which every mode of the CPU fits into
  bits32,  // i386
  bits16,  // i8086
};

struct MsrInfo;
struct RegisterInfo;

struct GdbRegister {
  std::string name;
  unsigned bits = 0;
  std::string type;        // of gdb's, or one that the description defines
  std::string_view group;  // empty: gdb's own choice
  // The feature of the description that it belongs to.
  enum class Feature : u8 { core, sse, avx, segments, system, vmx } feature = Feature::core;
  struct Value {
    u64 low = 0, high = 0;
    bool known = true;
  };
  Value (*read)(const Cpu& cpu, const GdbRegister& reg) = nullptr;
  // For `read`: a register of the CPU's table, an MSR, or a number.
  const RegisterInfo* info = nullptr;
  const MsrInfo* msr = nullptr;
  unsigned index = 0;
  // The debugger's name of it, through which it is written, and of its part above 64 bits; empty: it cannot
  // be written.
  std::string written_as, high_written_as;

  unsigned bytes() const { return bits / 8; }
};

// In the order of their numbers.
std::vector<GdbRegister> gdb_registers(Layout layout);

// Hexadecimal digits in the order of memory; x for each digit that is not known.
std::string read_register(const Cpu& cpu, const GdbRegister& reg);
// `raw` are reg.bytes() bytes in the order of memory, for the selected CPU. False: `why` says in words.
bool write_register(Debugger& debugger, const GdbRegister& reg, std::string_view raw, std::string& why);

// The linear address of the next instruction: what gdb is told as its program counter, so that it finds code
// and breakpoints where CS has a base.
u64 program_counter(const Cpu& cpu);

// The description's type for a register whose bits have the names of `of`: "cr0_bits" for "CR0".
std::string gdb_flags_type(std::string_view of);

// The XML that tells gdb all of this.
std::string target_description(Layout layout);

}  // namespace ringside
