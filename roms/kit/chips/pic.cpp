// Owns what the two 8259 do, by Intel's data sheet of the 8259A.
#include "roms/kit/chips/pic.h"

namespace kit {

// The line with the highest priority, which is the lowest number, that is requested, not masked, and not
// behind one in service.
u8 Pic::next_of(const Chip& chip) {
  const u8 wanted = chip.requested & ~chip.mask;
  for (u8 line = 0; line < 8; ++line) {
    if (chip.in_service >> line & 1) return none;
    if (wanted >> line & 1) return line;
  }
  return none;
}

void Pic::set_line_of(Chip& chip, u8 line, bool level) {
  const u8 mask = static_cast<u8>(1 << line);
  const bool rise = level && !(chip.lines & mask);
  chip.lines = level ? chip.lines | mask : chip.lines & ~mask;
  if (rise || (level && chip.level_triggered & mask)) chip.requested |= mask;
  if (!level) chip.requested &= ~mask;
}

// The second chip's pin is the first one's line 2. The pin falls for a moment at each acknowledgement, which
// makes the next rise.
void Pic::connect() {
  const bool level = next_of(chips_[1]) < none;
  if (!level || !(chips_[0].requested & 4)) set_line_of(chips_[0], 2, false);
  set_line_of(chips_[0], 2, level);
}

void Pic::set_line(u8 line, bool level) {
  set_line_of(chips_[line >> 3 & 1], line & 7, level);
  connect();
}

u8 Pic::acknowledge(Chip& chip) {
  u8 line = next_of(chip);
  if (line == none) return chip.vector_base + 7;  // spurious: the request went away
  const u8 mask = static_cast<u8>(1 << line);
  if (!(chip.level_triggered & mask)) chip.requested &= ~mask;
  if (!chip.automatic_end) chip.in_service |= mask;
  return chip.vector_base + line;
}

u8 Pic::acknowledge() {
  const bool second = next_of(chips_[0]) == 2;
  u8 vector = acknowledge(chips_[0]);
  if (second) vector = acknowledge(chips_[1]);
  connect();
  return vector;
}

void Pic::end(Chip& chip, u8 line) { chip.in_service &= ~static_cast<u8>(1 << line); }

void Pic::command(Chip& chip, u8 value) {
  if (value & 0x10) {  // ICW1: the initialization begins
    const Chip before = chip;
    chip = {};
    chip.lines = before.lines;
    chip.level_triggered = before.level_triggered;
    chip.command_word = 2;
    chip.wants_word4 = value & 1;
  } else if (value & 8) {  // OCW3
    if (value & 2) chip.reads_in_service = value & 1;
  } else if ((value & 0xe0) == 0x60) {  // OCW2, specific end of interrupt
    end(chip, value & 7);
  } else if ((value & 0xe0) == 0x20) {  // non-specific: the one with the highest priority
    for (u8 line = 0; line < 8; ++line) {
      if (!(chip.in_service >> line & 1)) continue;
      end(chip, line);
      break;
    }
  }
}

void Pic::data(Chip& chip, u8 value) {
  switch (chip.command_word) {
    case 2:
      chip.vector_base = value & 0xf8;
      chip.command_word = 3;
      break;
    case 3:
      chip.command_word = chip.wants_word4 ? 4 : 0;
      break;  // which line the other chip has; that is known here
    case 4:
      chip.automatic_end = value & 2;
      chip.command_word = 0;
      break;
    default: chip.mask = value; break;
  }
}

u8 Pic::in(u16 port) const {
  const Chip& chip = chips_[port == 0xa0 || port == 0xa1 || port == 0x4d1];
  if (port >= 0x4d0) return chip.level_triggered;
  if (port & 1) return chip.mask;
  return chip.reads_in_service ? chip.in_service : chip.requested;
}

void Pic::out(u16 port, u8 value) {
  Chip& chip = chips_[port == 0xa0 || port == 0xa1 || port == 0x4d1];
  if (port >= 0x4d0)
    chip.level_triggered = value;
  else if (port & 1)
    data(chip, value);
  else
    command(chip, value);
  connect();
}

}  // namespace kit
