// Owns the code around the instruction on the host: what loads its registers and segments, where it comes
// out, and what saves them.
#pragma once

#include "tests/oracle/native.h"

namespace oracle::frame {

// The page after the code holds its variables.
constexpr u64 bytes = 0x2000;
struct Variables {
  std::array<u64, 16> gpr;
  u64 flags, host_rsp, fs_base, handler;
  struct {
    u32 offset;
    u16 selector;
  } start;  // where the instruction is
  std::array<u16, 6> segment;
  u8 way;      // how it came out: 0 behind itself, 1 at the target
  u8 vectors;  // not 0: they go in and out
  u32 mxcsr;
  VectorImage image;
};
inline Variables& variables() { return *reinterpret_cast<Variables*>(code_page + 0x1000); }

// Runs the instruction on the variables, which afterwards are what it left.
inline void enter() {
  // Clang's sanitizer looks for a type before the function that it calls; there it finds none.
  reinterpret_cast<void (*)()>(code_page + 0x10)();
}

// Fills the page. `segments`: FS and GS may be loaded, for FS' base can be put back.
void emit(bool segments);
void emit_instruction(const Program& program);
// What a signal handler does: `entry` is what the kernel calls, it calls variables().handler when it is safe
// to run C++; where the handler lets the child go on.
u64 signal_entry();
u64 resume_at();

}  // namespace oracle::frame
