// Owns what ring 3 needs: pages that it may use, and a stack for its traps.
#include "roms/course/common/ring_3.h"

#include "roms/kit/instructions.h"

extern "C" {
extern kit::u64 kit_pml4[512];
void course_run_in_ring_3(const void* entry, kit::u64 stack_top);
void course_leave_ring_3();
}

namespace course {
namespace {

constexpr u64 present = 1, user = 4, large = 1 << 7, address_mask = 0x000ffffffffff000;

// An access in ring 3 needs the bit in the entries of all levels.
void open_table(u64* table, unsigned level) {
  for (u64 n = 0; n < 512; ++n) {
    if (!(table[n] & present)) continue;
    table[n] |= user;
    if (level > 1 && !(table[n] & large)) open_table(at<u64>(table[n] & address_mask), level - 1);
  }
}

}  // namespace

void allow_ring_3() {
  open_table(kit_pml4, 4);
  write_cr3(read_cr3());
  // An exception in ring 3 begins at the top of this stack: it has to be another one than ours.
  this_processor().tss.rsp0 = make_stack() + 8;
  // Interrupts are enabled there; the two 8259 of old shall send none.
  out8(0x21, 0xff);
  out8(0xa1, 0xff);
  set_handler(leave_vector, leave_ring_3);
  allow_from_user(leave_vector);
}

void run_in_ring_3(const void* entry, u64 stack_top) { course_run_in_ring_3(entry, stack_top); }

void leave_ring_3(InterruptFrame& frame) {
  frame.rip = reinterpret_cast<u64>(course_leave_ring_3);
  frame.cs = kernel_code;
  frame.ss = kernel_data;
}

}  // namespace course
