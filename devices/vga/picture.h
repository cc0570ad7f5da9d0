// Owns what the screen shows: as dots, and as text where the card is in a text mode.
#pragma once

#include <string>
#include <vector>

#include "devices/vga/vga_state.h"

namespace ringside {

struct Picture {
  unsigned width = 0, height = 0;
  std::vector<u32> dots;  // row by row; 0RGB, eight bits each
  bool operator==(const Picture&) const = default;
};

// Blinking things are shown or not.
struct Blink {
  bool cursor = true, text = true;
  bool operator==(const Blink&) const = default;
};
// As after so many frames: the cursor blinks every 16th, text half as fast.
Blink blink_at(u64 frames);

// `memory`: VgaState::memory_bytes, planes side by side. The size follows the registers: dots of the monitor,
// so that modes of half the resolution come out doubled, as a monitor shows them.
Picture picture_of(const VgaState& state, const u8* memory, Blink blink);

// What picture_of reads of the memory, in bytes: at most this, and all of it inside the memory.
struct ShownMemory {
  u64 first = 0, end = 0;  // from `first` to before `end`
};
ShownMemory shown_memory(const VgaState& state);

// The characters of a text mode, a row a line, UTF-8, without blanks at the ends of the rows; empty in
// graphics modes.
std::vector<std::string> text_of(const VgaState& state, const u8* memory);

}  // namespace ringside
