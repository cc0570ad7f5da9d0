// Owns what comes into a machine from outside while it runs, as values: what a record of a run holds.
#pragma once

#include <variant>

#include "cpu/arch/seams.h"

namespace ringside {

// A byte for the receiver of a serial port, 0 being COM1.
struct SerialByte {
  unsigned port = 0;
  u8 byte = 0;
  bool operator==(const SerialByte&) const = default;
};
// A key goes down or up: its make code of scan code set 1, and whether E0 goes before it.
struct KeyStroke {
  u8 code = 0;
  bool extended = false, down = true;
  bool operator==(const KeyStroke&) const = default;
};
struct PauseKey {
  bool operator==(const PauseKey&) const = default;
};
// In counts of the mouse; `buttons`: bit 0 left, bit 1 right, bit 2 middle.
struct MouseMove {
  int right = 0, up = 0, wheel = 0;
  u8 buttons = 0;
  bool operator==(const MouseMove&) const = default;
};
struct PowerButton {
  bool operator==(const PowerButton&) const = default;
};

using InputEvent = std::variant<SerialByte, KeyStroke, PauseKey, MouseMove, PowerButton>;

// A moment of a machine's run, from its start or last restart on: between which two instructions it is, and
// when in a sleep of all CPUs, which retires none. It is the same moment in every run with the same input.
struct Moment {
  u64 retired = 0;      // instructions of all CPUs
  Ticks now = 0;        // virtual time
  bool asleep = false;  // no CPU could run
  bool operator==(const Moment&) const = default;
};

struct InputRecord {
  Moment at;
  InputEvent event;
  bool operator==(const InputRecord&) const = default;
};

}  // namespace ringside
