// Owns the code around the instruction on the host: what loads its registers and segments, where it comes
// out, and what saves them.
#pragma once

#include <string_view>

#include "tests/oracle/native.h"

namespace oracle::frame {

// One page of code, and one of variables behind it.
constexpr u64 code_bytes = 0x1000, variables_page = code_page + code_bytes, variables_bytes = 0x1000;
struct Variables {
  u8* code;  // the page of code, where it can be written
  std::array<u64, 16> gpr;
  u64 flags, host_rsp, fs_base, handler;
  struct {
    u32 offset;
    u16 selector;
  } start;                                // where the instruction is
  std::array<u16, 6> segment, at_signal;  // of the latter, ES, DS, FS and GS
  u8 way;                                 // how it came out: 0 behind itself, 1 at the target
  u8 vectors;                             // not 0: they go in and out
  u32 mxcsr;
  VectorImage image;
};
inline Variables& variables() { return *reinterpret_cast<Variables*>(variables_page); }

// Runs the instruction on the variables, which afterwards are what it left.
inline void start() {
  // Clang's sanitizer looks for a type before the function that it calls; there it finds none.
  reinterpret_cast<void (*)()>(code_page + 0x10)();
}

// Whether segment registers are loaded, and how FS' base, which the child's own code needs, is put back:
// WRFSBASE, or the system call that every kernel has.
enum class Segments : u8 { left_alone, by_instruction, by_system_call };

// Fills the page.
void emit(Segments segments);
void emit_instruction(const Program& program);
// What a signal handler does: `entry` is what the kernel calls, it calls variables().handler when it is safe
// to run C++; where the handler lets the child go on.
u64 signal_entry();
u64 resume_at();

// Whether the address is one of the frame's own instructions, and what these are for.
bool owns(u64 rip);
std::string_view purpose(u64 rip);

}  // namespace oracle::frame
