// Owns the declarations of the far transfers: what the bodies in far_instructions.h call.
#pragma once

#include "cpu/exec/events/frame.h"
#include "cpu/exec/events/transfer.h"

namespace ringside {

// Each leaves the target in cpu.next_rip, which holds the following instruction before. `size` is the operand
// size in bytes (2, 4, 8). False: faulted, nothing changed.
bool far_jump(Cpu& cpu, u16 selector, u64 offset, unsigned size);
bool far_call(Cpu& cpu, u16 selector, u64 offset, unsigned size);
// Far RET, giving back `release` bytes of parameters.
bool far_return(Cpu& cpu, unsigned size, u16 release);
bool interrupt_return(Cpu& cpu, unsigned size);

bool syscall(Cpu& cpu);
bool sysret(Cpu& cpu, bool to_64bit);
bool sysenter(Cpu& cpu);
bool sysexit(Cpu& cpu, bool to_64bit);

// The checks that far RET and IRET share: the return code segment, whose privilege level is the selector's
// RPL. Sets the accessed bit.
bool check_return_segment(Cpu& cpu, u16 selector, Descriptor& code);
// The stack segment of a return to the level `rpl` of a code segment. Null is allowed in 64-bit code of the
// levels 0 to 2.
bool check_return_stack(Cpu& cpu, u16 selector, u8 rpl, bool to_64bit, Segment& ss);
// The stack pointer register after a return, by the new stack's size.
u64 returned_stack_pointer(const Cpu& cpu, const Segment& ss, bool to_64bit, u64 popped);

}  // namespace ringside
