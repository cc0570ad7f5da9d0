// Owns the reading of stack slots whose size is known at run time only.
#include "cpu/exec/core/stack.h"

namespace ringside {

bool peek_stack(Cpu& cpu, u64 offset, unsigned size, u64& value) {
  const u64 at = stack_offset<Legacy>(cpu, stack_pointer<Legacy>(cpu) + offset);
  u16 word = 0;
  u32 dword = 0;
  switch (size) {
    case 2:
      if (!load_stack<Legacy>(cpu, at, word)) return false;
      value = word;
      return true;
    case 4:
      if (!load_stack<Legacy>(cpu, at, dword)) return false;
      value = dword;
      return true;
    default: return load_stack<Legacy>(cpu, at, value);
  }
}

}  // namespace ringside
