// Owns what the lessons' programs share beyond the kit: a begin, and the pieces of a VMCS that are no longer the lesson.
#pragma once

#include "roms/kit/boot.h"
#include "roms/kit/vmx.h"

namespace course {

using namespace kit;

// Says that the lesson's program has come to its begin, and takes the right to write to its code away: whoever does so by
// mistake gets a page fault at once.
void begin(unsigned lesson);

// What is checked, in a line "ok: ..." or "WRONG: ...". `found` and `wanted` are numbers for the second.
bool check(const char* what, u64 found, u64 wanted);

// Ends the machine. The last line says that all is well, if all checks were, and how many there were: the lesson's suite knows the number,
// so that a program which leaves checks out does not pass.
[[noreturn]] void end();

// A VMCS region that is clear, and current.
u64 make_current_vmcs();

// The controls, each with what the CPU wants besides. Nothing leaves the guest but by these.
struct Controls {
  u32 pin = 0, primary = 0, secondary = 0, exit = 0, entry = 0;
};
void write_controls(const Controls& controls);

// A guest in 64-bit mode that shares the hypervisor's page tables and descriptor tables: it begins at `entry`, with
// interrupts disabled. Writes host state and guest state.
void write_64_bit_guest(void (*entry)(), u64 stack_top);

// A stack for a guest; its top.
u64 make_stack();

// RIP goes behind the instruction that caused the exit.
void skip_instruction();

}  // namespace course
