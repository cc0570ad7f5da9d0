// Owns the declarations of task switches.
#pragma once

#include "cpu/exec/core/segments.h"

namespace ringside {

// Who asks for a task switch, and what the old task is to be resumed with.
struct TaskSwitch {
  enum Kind : u8 { jump, call, interrupt, task_return };
  Kind kind = jump;
  u64 return_rip = 0;
  u64 flags = 0;
  bool has_error = false;  // an error code goes to the new task's stack
  u32 error = 0;
  bool external = false;  // not by an instruction: a fault in the new task goes back to the caller
};

// Outside IA-32e mode only. A fault before the new task is loaded: false, nothing changed. A fault after that
// belongs to the new task: it is delivered there and the answer is true; but if `external`, the answer is
// false and cpu.rip is the new task's. On success cpu.next_rip is the new task's EIP.

// `tss` is an available, present TSS descriptor that privilege allows.
bool switch_task(Cpu& cpu, u16 selector, Descriptor& tss, const TaskSwitch& source);
// Through a present task gate that privilege allows.
bool switch_task_through_gate(Cpu& cpu, const Descriptor& gate, const TaskSwitch& source);
// IRET with NT set, to the task of the previous task link.
bool switch_task_back(Cpu& cpu, u16 link);

}  // namespace ringside
