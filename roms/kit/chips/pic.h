// Owns the two 8259 interrupt controllers of a PC, as a hypervisor shows them to its guest: the second one
// sits at line 2 of the first. Only what systems of today use is there: fixed priorities, non-specific and
// specific end of interrupt, automatic end of interrupt, edge and level, special mask mode without its
// special meaning.
#pragma once

#include "roms/kit/types.h"

namespace kit {

class Pic {
 public:
  // The level of one of 16 lines. In edge mode, which all lines have but those that 4D0H and 4D1H set to
  // level, a rise is an interrupt, however short it is.
  void set_line(u8 line, bool level);

  // Is the pin INTR active, that goes to the CPU?
  bool interrupts() const { return next_of(chips_[0]) < none; }
  // What the CPU's acknowledgement answers: the vector. Call it only if interrupts().
  u8 acknowledge();

  static bool has_port(u16 port) {
    return port == 0x20 || port == 0x21 || port == 0xa0 || port == 0xa1 || port == 0x4d0 || port == 0x4d1;
  }
  u8 in(u16 port) const;
  void out(u16 port, u8 value);

 private:
  struct Chip {
    u8 requested, in_service, mask, lines, level_triggered;
    u8 vector_base;
    u8 command_word;  // of the initialization that is expected next at the odd port, 2 to 4; 0: none, it is
                      // the mask
    bool wants_word4, automatic_end, reads_in_service;
  };
  static constexpr u8 none = 8;

  static u8 next_of(const Chip& chip);
  void set_line_of(Chip& chip, u8 line, bool level);
  u8 acknowledge(Chip& chip);
  void command(Chip& chip, u8 value);
  void data(Chip& chip, u8 value);
  void end(Chip& chip, u8 line);
  void connect();

  Chip chips_[2] = {};
};

}  // namespace kit
