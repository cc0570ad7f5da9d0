// Owns the pushing of whole frames on any stack.
#include "cpu/exec/events/frame.h"

#include "cpu/exec/core/system_access.h"

namespace ringside {
namespace {

bool linear_of_slot(Cpu& cpu, const FrameStack& stack, u64 offset, unsigned width, u64& linear) {
  if (stack.flat64) {
    linear = stack.inner ? offset : masked_pointer(cpu, offset);
    if (cpu.mmu.canonical(linear) && cpu.mmu.canonical(linear + width - 1)) [[likely]]
      return true;
    return refuse(cpu, Vector::SS);
  }
  const Segment& ss = *stack.ss;
  if (offset < ss.write_low || offset + width - 1 > ss.write_high)
    return refuse(cpu, Vector::SS, stack.inner ? ss.selector : 0);
  linear = static_cast<u32>(ss.base + offset);
  return true;
}

bool probe_slots(Cpu& cpu, const FrameStack& stack, u64 linear, unsigned bytes) {
  return stack.inner ? probe_write_system(cpu, linear, bytes) : probe_write(cpu, linear, bytes, SS);
}

bool store_slot(Cpu& cpu, const FrameStack& stack, u64 linear, unsigned width, u64 value) {
  if (stack.inner) return store_system(cpu, linear, width, value);
  switch (width) {
    case 2: return store(cpu, linear, static_cast<u16>(value), SS);
    case 4: return store(cpu, linear, static_cast<u32>(value), SS);
    default: return store(cpu, linear, value, SS);
  }
}

}  // namespace

bool reserve_frame(Cpu& cpu, const FrameStack& stack, const Frame& frame) {
  u64 offset = stack.pointer, linear = 0;
  for (unsigned i = 0; i < frame.count; ++i) {
    offset = (offset - frame.width) & stack.mask();
    if (!linear_of_slot(cpu, stack, offset, frame.width, linear)) return false;
  }
  // `linear` is now of the lowest slot. A frame in one page is there if its first push finds the page; else
  // the first push that faults is the one to report.
  const u64 last = linear + frame.bytes() - 1;
  if (offset == stack.pointer - frame.bytes() && (linear ^ last) >> 12 == 0)
    return probe_slots(cpu, stack, last + 1 - frame.width, frame.width);
  offset = stack.pointer;
  for (unsigned i = 0; i < frame.count; ++i) {
    offset = (offset - frame.width) & stack.mask();
    if (!linear_of_slot(cpu, stack, offset, frame.width, linear) ||
        !probe_slots(cpu, stack, linear, frame.width))
      return false;
  }
  return true;
}

bool write_frame(Cpu& cpu, const FrameStack& stack, const Frame& frame) {
  u64 offset = stack.pointer, linear = 0;
  for (unsigned i = 0; i < frame.count; ++i) {
    offset = (offset - frame.width) & stack.mask();
    if (!linear_of_slot(cpu, stack, offset, frame.width, linear) ||
        !store_slot(cpu, stack, linear, frame.width, frame.values[i]))
      return false;
  }
  return true;
}

}  // namespace ringside
