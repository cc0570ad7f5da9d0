// Owns breakpoints in words.
#include "frontend/debug/breakpoints.h"

#include <fmt/format.h>

#include "cpu/state/msrs.h"
#include "vmx/explain_exit.h"
#include "vmx/instruction_errors.h"

namespace ringside {
namespace {

std::string_view accesses(const Breakpoint& b) {
  return b.on_read ? b.on_write ? "read or write" : "read" : "write";
}

std::string place_text(const Place& place) {
  std::string_view space;
  switch (place.space) {
    case AddressSpace::linear: break;
    case AddressSpace::guest_linear: space = "guest-linear "; break;
    case AddressSpace::guest_physical: space = "guest-physical "; break;
    case AddressSpace::host_physical: space = "host-physical "; break;
  }
  return fmt::format("{}{:#x}", space, place.value);
}

}  // namespace

std::string describe(const Breakpoint& b) {
  switch (b.kind) {
    case Breakpoint::Kind::execute: return "execute at " + place_text(b.at);
    case Breakpoint::Kind::watch:
      return fmt::format("{} of {} byte{} at {}", accesses(b), b.bytes, b.bytes == 1 ? "" : "s",
                         place_text(b.at));
    case Breakpoint::Kind::exit_reason:
      if (b.any) return "any VM exit";
      return fmt::format("VM exit, reason {} ({})", b.number, name(static_cast<ExitReason>(b.number)));
    case Breakpoint::Kind::failed_entry: return "VM entry that is refused";
    case Breakpoint::Kind::vm_failure:
      if (b.any) return "VMX instruction that fails";
      if (b.number == Breakpoint::vm_fault) return "VMX instruction that raises #UD or #GP";
      if (b.number == 0) return "VMfailInvalid";
      return fmt::format("VMfailValid {} ({})", b.number, instruction_error_name(static_cast<u32>(b.number)));
    case Breakpoint::Kind::vmwrite: {
      if (b.any) return "any VMWRITE";
      const auto field = find_field(b.number);
      return fmt::format("VMWRITE of {}", field ? info(field->field).id : "no field");
    }
    case Breakpoint::Kind::msr: {
      if (b.any) return fmt::format("{} of any MSR", accesses(b));
      const std::string_view known = msr_name(static_cast<u32>(b.number));
      return fmt::format("{} of MSR {:#x}{}{}", accesses(b), b.number, known.empty() ? "" : " ", known);
    }
    case Breakpoint::Kind::port:
      if (b.any) return fmt::format("{} of any port", accesses(b));
      if (b.number == b.last) return fmt::format("{} of port {:#x}", accesses(b), b.number);
      return fmt::format("{} of ports {:#x} to {:#x}", accesses(b), b.number, b.last);
    case Breakpoint::Kind::exception:
      return b.any ? "any exception" : "exception " + vector_text(static_cast<unsigned>(b.number), true);
    case Breakpoint::Kind::interrupt:
      return b.any ? "any interrupt" : fmt::format("interrupt {:#x}", b.number);
    case Breakpoint::Kind::ept_violation:
      if (b.any) return "any EPT violation";
      return fmt::format("EPT violation at guest-physical {:#x} to {:#x}", b.number, b.last);
  }
  return {};
}

}  // namespace ringside
