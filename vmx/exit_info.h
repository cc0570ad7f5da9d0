// Owns the value that describes one VM exit: the manual's "VM Exits" and
// "Recording VM-Exit Information and Updating VM-entry Control Fields".
#pragma once

#include <string_view>

#include "cpu/arch/event.h"
#include "cpu/arch/exit_reasons.h"
#include "cpu/arch/vmx_controls.h"

namespace ringside {

std::string_view name(ExitReason reason);    // the manual's; "reserved" for a number without one
constexpr u32 entry_failure_bit = 1u << 31;  // of the exit-reason field

// Interruption information: of exits, IDT vectoring and entries alike ("VM-Entry Interruption-Information
// Field").
struct Interruption {
  static constexpr u32 valid = 1u << 31, error_code = 1u << 11, nmi_unblocking = 1u << 12;
  static constexpr unsigned type_shift = 8;
  static constexpr u32 make(u8 vector, EventType type, bool has_error) {
    return valid | (has_error ? error_code : 0) | static_cast<u32>(type) << type_shift | vector;
  }
  static constexpr EventType type(u64 information) {
    return static_cast<EventType>(information >> type_shift & 7);
  }
};

// What made an exit: for the explanation. Nothing in the machine depends on it.
struct ExitCause {
  enum class Kind : u8 {
    unconditional,     // the instruction or event always exits
    control,           // `control` is 1
    absent_control,    // `control` is 0 where 1 would allow it
    exception_bitmap,  // bit `detail` is 1 (for #PF with mask and match)
    io_bitmap,         // the bit of port `detail`
    msr_bitmap,        // the bit of MSR `detail`
    mask,              // a bit of a CR0 or CR4 guest/host mask: `detail` are the bits that differ
    vmcs_bitmap,       // the VMREAD or VMWRITE bitmap, bit `detail`
    xss_bitmap,
    eoi_bitmap,
    threshold,  // the TPR threshold
  };
  Kind kind = Kind::unconditional;
  VmxControl control = VmxControl::count;
  u64 detail = 0;
};

struct ExitInfo {
  ExitReason reason{};
  u64 qualification = 0;
  u32 instruction_length = 0;  // 0: none is recorded
  u32 instruction_information = 0;
  u64 linear = 0;                                // guest-linear address
  u64 physical = 0;                              // guest-physical address
  u32 interruption = 0, interruption_error = 0;  // VM-exit interruption information, with its valid bit
  u32 vectoring = 0, vectoring_error = 0;        // IDT-vectoring information, with its valid bit
  ExitCause cause;
};

}  // namespace ringside
