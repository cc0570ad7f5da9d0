// Owns back traces: DWARF's call-frame information where an image has it for the address, else Linux's ORC,
// else frame pointers, else what looks like a return address.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "cpu/state/cpu.h"
#include "frontend/inspect/look_memory.h"
#include "frontend/inspect/sheet.h"
#include "frontend/symbols/symbols.h"
#include "frontend/symbols/unwind.h"

namespace ringside {

struct StackFrame {
  enum class Found : u8 {
    innermost,
    call_frame_information,
    orc,
    frame_pointer,
    on_stack
  } found = Found::innermost;
  u64 rip = 0, rsp = 0;  // in the frame; of outer ones the return address
  u64 rbp = 0;
};

// The state to begin with: a CPU's own, or the guest's that the last VM exit saved in the current VMCS.
struct UnwindStart {
  std::array<u64, 16> gpr{};
  u64 rip = 0;  // linear
  unsigned bits = 64;
  bool only_rsp = false;  // the other registers are not this stack's
  AddressSpace space = AddressSpace::linear;
  World world = World::any;
};
UnwindStart unwind_start(const Cpu& cpu);
// Its registers in DWARF's order.
UnwindRegisters registers_of(const UnwindStart& start);
// nullopt: there is no guest to look at from here (no current VMCS, or the guest itself runs).
std::optional<UnwindStart> guest_unwind_start(const Cpu& cpu);

std::vector<StackFrame> backtrace(const Cpu& cpu, const UnwindStart& start, const Symbols& symbols,
                                  unsigned limit = 64);
// Rows in the section that was begun last.
void add_frames(Sheet& sheet, const std::vector<StackFrame>& frames, const UnwindStart& start,
                const Symbols& symbols);
// Both of the above for the CPU's own state; in root operation the guest's stack after it, if it has one.
Sheet backtrace_sheet(const Cpu& cpu, const Symbols& symbols, unsigned limit = 64);

}  // namespace ringside
