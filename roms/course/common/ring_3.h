// Owns ring 3 for the lesson that has no VMX: the way there and back.
#pragma once

#include "roms/course/common/ground.h"
#include "roms/kit/processor.h"

namespace course {

// INT with this vector, in ring 3, ends run_in_ring_3.
constexpr u8 leave_vector = 0x80;

// Lets ring 3 see all memory, and prepares a stack for what traps there.
void allow_ring_3();

// Runs the code at `entry` in ring 3, with interrupts enabled and IOPL 0, until it executes INT 80H or a handler lets it leave.
void run_in_ring_3(const void* entry, u64 stack_top);

// For the handler of an exception in ring 3: it does not go back there, and run_in_ring_3 returns.
void leave_ring_3(InterruptFrame& frame);

}  // namespace course
