// Owns a graphics card's picture on its way from the machine's thread to another one that draws it.
#pragma once

#include <mutex>
#include <optional>
#include <vector>

#include "devices/vga/picture.h"
#include "devices/vga/vga.h"

namespace ringside {

// The machine's thread copies registers and those pages of the shown memory that have changed; all that costs
// time, making dots of them, is the other thread's. Neither waits for the other.
class ScreenCopy {
 public:
  ScreenCopy() : memory_(VgaState::memory_bytes) {}

  // busy: the other thread is drawing just now, and nothing was copied; same: it has all there is.
  enum class Update : u8 { busy, same, changed };
  // Between two instructions of the machine.
  Update update(const Vga& card);
  // What update() is made of; `memory` is the card's, whole.
  Update update(const VgaState& state, const u8* memory, Blink blink);

  // By the other thread. nullopt: it is the picture of the last call still.
  std::optional<Picture> draw();

 private:
  std::mutex mutex_;
  VgaState state_;
  std::vector<u8> memory_;
  Blink blink_;
  bool changed_ = false;
};

}  // namespace ringside
