// Owns what a device on the ISA bus asks of the DMA controllers.
#pragma once

#include <span>

#include "cpu/arch/types.h"

namespace ringside {

class IsaDma {
 public:
  struct Moved {
    std::size_t bytes = 0;        // 0: the channel is masked, or set up for something else
    bool terminal_count = false;  // the channel has had as many as it was to move
  };
  virtual ~IsaDma() = default;
  // The device, holding up DREQ, gives bytes to the memory that the channel (0 to 3) points to.
  virtual Moved to_memory(unsigned channel, std::span<const u8> bytes) = 0;
};

}  // namespace ringside
