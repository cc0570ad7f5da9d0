// Owns the types of events that are delivered through the IDT, and the event as a value.
#pragma once

#include "cpu/arch/fault.h"

namespace ringside {

// Interruption types, as the manual's "VM-Entry Interruption-Information Field" numbers them.
enum class EventType : u8 {
  external_interrupt = 0,
  nmi = 2,
  hardware_exception = 3,
  software_interrupt = 4,             // INT n
  privileged_software_exception = 5,  // INT1
  software_exception = 6,             // INT3, INTO
  other_event = 7,                    // not delivered through the IDT: a pending MTF VM exit
};

// An instruction asked for it; what is saved points behind that instruction.
constexpr bool by_instruction(EventType type) {
  return type >= EventType::software_interrupt && type <= EventType::software_exception;
}
constexpr bool is_exception(EventType type) {
  return type == EventType::hardware_exception || type == EventType::privileged_software_exception ||
         type == EventType::software_exception;
}

struct Event {
  EventType type = EventType::hardware_exception;
  u8 vector = 0;
  bool has_error = false;
  u32 error = 0;
};

}  // namespace ringside
