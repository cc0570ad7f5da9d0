// Owns what an exit's own fields say of its cause, in a few words.
#include <fmt/format.h>

#include "frontend/compare/measure.h"

namespace ringside::compare {

std::string exit_detail(const Cpu& cpu, const ExitInfo& exit) {
  constexpr unsigned rax = 0, rcx = 1;
  constexpr u64 region_bytes = 2 << 20;
  const u64 q = exit.qualification;
  switch (exit.reason) {
    // "Exit Qualification for I/O Instructions".
    case ExitReason::io_instruction:
      return fmt::format("port {:#x}, {}", q >> 16 & 0xffff, q & 8 ? "in" : "out");
    case ExitReason::cpuid: return fmt::format("leaf {:#x}", cpu.gpr[rax] & 0xffffffff);
    case ExitReason::vmcall: return fmt::format("RAX {}", cpu.gpr[rax]);
    case ExitReason::rdmsr:
    case ExitReason::wrmsr: return fmt::format("MSR {:#x}", cpu.gpr[rcx] & 0xffffffff);
    case ExitReason::control_register_access: return fmt::format("CR{}", q & 15);
    // Memory that is given page by page would be as many causes as pages.
    case ExitReason::ept_violation:
    case ExitReason::ept_misconfiguration:
      return fmt::format("in the 2 MBytes at {:#x}{}", exit.physical & ~(region_bytes - 1),
                         q & 2 ? ", write" : "");
    case ExitReason::exception_or_nmi: return fmt::format("vector {}", exit.interruption & 0xff);
    case ExitReason::external_interrupt:
      return exit.interruption ? fmt::format("vector {:#x}", exit.interruption & 0xff) : "";
    case ExitReason::apic_access: return fmt::format("offset {:#x}", q & 0xfff);
    default: return "";
  }
}

}  // namespace ringside::compare
