// Owns the host's side of everything that sends bytes: serial ports and debug consoles.
#pragma once

#include "cpu/arch/types.h"

namespace ringside {

class SerialSink {
 public:
  virtual ~SerialSink() = default;
  virtual void output(u8 byte) = 0;
};

}  // namespace ringside
