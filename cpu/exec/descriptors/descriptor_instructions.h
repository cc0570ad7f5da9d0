// Owns the declarations behind LLDT, LTR, SLDT, STR, LAR, LSL, VERR, VERW and ARPL.
#pragma once

#include "cpu/exec/core/segments.h"

namespace ringside {

// #UD in real-address and virtual-8086 mode.
bool in_segmented_mode(Cpu& cpu);
// As in_segmented_mode; then #GP(0) above CPL 0, for stores only with CR4.UMIP.
bool may_load_system_register(Cpu& cpu);
bool may_store_system_register(Cpu& cpu);

bool load_local_descriptor_table(Cpu& cpu, u16 selector);
bool load_task_register(Cpu& cpu, u16 selector);

struct Looked {
  bool valid = false;  // what ZF becomes
  u32 value = 0;
};
// False only if the descriptor table itself could not be read.
bool look_up_access_rights(Cpu& cpu, u16 selector, Looked& result);
bool look_up_limit(Cpu& cpu, u16 selector, Looked& result);
bool look_up_access(Cpu& cpu, u16 selector, bool write, Looked& result);

inline void set_zero_flag(Cpu& cpu, bool zero) {
  cpu.flags.set_image((cpu.flags.image() & ~Eflags::ZF) | (zero ? Eflags::ZF : 0));
}

}  // namespace ringside
