// Owns the face of whoever hears which code runs.
#pragma once

#include "cpu/state/cpu.h"

namespace ringside {

// Coverage, say. Nobody pays for it while nobody listens: see BlockCache::listen.
class BlockListener {
 public:
  virtual ~BlockListener() = default;
  // The block at cpu.rip is about to run on this CPU. Told when it was not found by a jump: at least once for
  // each linear address, in root and in non-root operation, and again at will. A block that ends early,
  // because an instruction in it faults or the turn is over, is told like any other.
  virtual void runs(const Cpu& cpu, LinAddr start, unsigned bytes) = 0;
};

}  // namespace ringside
