// Owns who called the VMWRITE that gave a field its value, and chains of calls as one line.
#pragma once

#include <array>
#include <span>
#include <string>
#include <unordered_map>

#include "cpu/state/cpu.h"
#include "frontend/inspect/backtrace.h"
#include "frontend/symbols/symbols.h"
#include "vmx/vmx.h"

namespace ringside {

// The return addresses above a VMWRITE, for the last two writes of each field: a debugger that goes back asks
// for the one before. Observing alone fills it; it is no part of the machine's state.
class FieldWriters {
 public:
  static constexpr unsigned depth = 6;
  using Callers = std::array<u64, depth>;  // the innermost first; 0: there are no more

  // At a VMWRITE of `field`, whose row in `vmcs` names its RIP and count.
  void note(const Cpu& cpu, const Vmcs& vmcs, Field field, const Symbols& symbols);
  // nullptr: nobody saw the write at `rip` when `count` instructions had retired.
  const Callers* callers(u64 region, Field field, u64 rip, u64 count) const;

 private:
  struct Record {
    u64 rip = 0, count = 0;
    Callers callers{};
  };
  // The stack of an earlier write by the same instruction: where every return address lay.
  struct Known {
    u64 rsp = 0, rbp = 0;
    Callers callers{}, at{};
  };
  Callers walk(const Cpu& cpu, u64 rip, const Symbols& symbols);

  std::unordered_map<u64, std::array<Record, 2>> records_;  // by region + field: regions are pages
  std::unordered_map<u64, Known> known_;                    // by RIP
};

// "vmwrite (hv/hv.c:30) <- setup_host+0x40 (hv/hv.c:211) <- main+0x12 (hv/hv.c:400)": the code at `rip` and
// those who called it, inlined functions included, at most `most` of them; empty: nobody knows a name for
// `rip`.
std::string call_chain(u64 rip, std::span<const u64> callers, World world, const Symbols& symbols,
                       unsigned most = 4);
// The same for the instruction that a CPU stands at, with its own stack.
std::string call_chain(const Cpu& cpu, const Symbols& symbols, unsigned most = 4);

}  // namespace ringside
