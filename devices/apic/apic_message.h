// Owns the vocabulary of interrupt messages: what travels between I/O APICs, message-signalled devices and
// local APICs.
#pragma once

#include "cpu/arch/types.h"

namespace ringside {

// The three-bit delivery mode of the ICR, the LVT, a redirection entry and an MSI data word ("Local Vector
// Table", "Interrupt Command Register"). StartUp exists only in the ICR, ExtINT everywhere else.
enum class ApicDelivery : u8 {
  Fixed = 0,
  LowestPriority = 1,
  SMI = 2,
  Reserved = 3,
  NMI = 4,
  INIT = 5,
  StartUp = 6,
  ExtINT = 7,
};

// An entry of the local vector table or of the I/O APIC by which something reaches the CPU whatever EFLAGS.IF
// says.
constexpr bool is_unmaskable_source(u64 entry) {
  const auto delivery = static_cast<ApicDelivery>(entry >> 8 & 7);
  return !(entry & bit(16)) &&
         (delivery == ApicDelivery::NMI || delivery == ApicDelivery::SMI || delivery == ApicDelivery::INIT);
}

// The destination shorthand of the ICR.
enum class ApicShorthand : u8 { None = 0, Self = 1, AllIncludingSelf = 2, AllExcludingSelf = 3 };

struct ApicMessage {
  u32 destination = 0;  // 8 bits, unless `wide`
  bool logical = false;
  bool wide = false;  // sent in x2APIC mode: 32 destination bits, and 0xff is no broadcast
  ApicDelivery delivery = ApicDelivery::Fixed;
  u8 vector = 0;
  bool level_triggered = false;

  bool broadcast() const { return destination == (wide ? 0xffffffffu : 0xffu); }
  // Only these two carry a vector that the IRR takes; for all others the vector has another meaning or none.
  bool has_vector() const {
    return delivery == ApicDelivery::Fixed || delivery == ApicDelivery::LowestPriority;
  }
};

}  // namespace ringside
