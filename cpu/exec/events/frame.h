// Owns the pushing of whole frames: by interrupts, far calls and call gates, all of it or nothing.
#pragma once

#include <array>

#include "cpu/exec/core/segments.h"

namespace ringside {

// What is pushed, in the order of the pushes, each `width` bytes (2, 4 or 8).
struct Frame {
  std::array<u64, 40> values;
  unsigned count = 0;
  unsigned width = 4;

  explicit Frame(unsigned w) : width(w) {}
  void push(u64 value) { values[count++] = value; }
  unsigned bytes() const { return count * width; }
};

// The stack it goes to. `inner`: of another privilege level than the present one, so that the pushes are
// accesses of level 0 to 2, and a lack of room is #SS(its selector) instead of #SS(0).
struct FrameStack {
  const Segment* ss = nullptr;
  u64 pointer = 0;
  bool inner = false;
  bool flat64 = false;  // the pushing code is 64-bit: no segment, only canonical addresses

  unsigned bits() const { return flat64 ? 64 : ss->db() ? 32 : 16; }
  u64 mask() const { return ~u64{0} >> (64 - bits()); }
  u64 after(const Frame& frame) const { return (pointer - frame.bytes()) & mask(); }
  // The new stack pointer register: a 16-bit stack keeps the upper bits of `old`.
  u64 register_after(u64 old, const Frame& frame) const {
    return bits() == 16 ? (old & ~u64{0xffff}) | after(frame) : after(frame);
  }
};

// Room and rights for the whole frame; changes nothing. False: the fault is raised.
bool reserve_frame(Cpu& cpu, const FrameStack& stack, const Frame& frame);
// After reserve_frame said yes. False only where the memory refuses to be written now.
bool write_frame(Cpu& cpu, const FrameStack& stack, const Frame& frame);

}  // namespace ringside
