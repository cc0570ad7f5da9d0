// Owns the host's side of everything that sends bytes: serial ports and debug consoles.
#pragma once

#include <functional>

#include "cpu/arch/types.h"

namespace ringside {

// Bytes vanish while nobody listens.
struct SerialSink {
  std::function<void(u8)> listener;
  void output(u8 byte) {
    if (listener) listener(byte);
  }
};

}  // namespace ringside
