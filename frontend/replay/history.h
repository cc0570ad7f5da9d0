// Owns what a run was given from outside, in order: with it the run can be made again, to any moment of it.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "frontend/machine/input.h"

namespace ringside {

// The reset that the guest had asked for was performed: Machine::perform_reset.
struct ResetPerformed {
  bool operator==(const ResetPerformed&) const = default;
};
// CPUs without turns from here on: Machine::hold_still, a bit each.
struct HeldStill {
  u32 cpus = 0;
  bool operator==(const HeldStill&) const = default;
};
// A person wrote a register, by a name of Debugger::write_register.
struct RegisterWritten {
  unsigned cpu = 0;
  std::string name;
  u64 value = 0;
  bool operator==(const RegisterWritten&) const = default;
};
// A person wrote memory, within one page.
struct MemoryWritten {
  HostPhys at;
  std::vector<u8> bytes;
  bool operator==(const MemoryWritten&) const = default;
};

using Happening = std::variant<InputEvent, ResetPerformed, HeldStill, RegisterWritten, MemoryWritten>;

// `what` came at `at`; of several at one moment, those before it first.
struct HistoryRecord {
  Moment at;
  Happening what;
  bool operator==(const HistoryRecord&) const = default;
};

// In the order in which it happened.
using Chronicle = std::vector<HistoryRecord>;

}  // namespace ringside
