// Owns the way by which devices read and write the machine's memory by themselves.
#pragma once

#include <span>

#include "cpu/arch/types.h"

namespace ringside {

// Physical memory as a bus master sees it. False: some byte of the range is not RAM; nothing is promised
// about the others.
class DmaMemory {
 public:
  virtual ~DmaMemory() = default;
  virtual bool dma_read(HostPhys from, std::span<u8> to) = 0;
  virtual bool dma_write(HostPhys to, std::span<const u8> from) = 0;
};

}  // namespace ringside
