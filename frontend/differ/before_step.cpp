// Owns the look at the CPU's registers and at its next instruction.
#include "frontend/differ/before_step.h"

#include "frontend/inspect/look_memory.h"
#include "frontend/inspect/where.h"

namespace ringside {

Before before_step(OwnSide& own, const Symbols* symbols) {
  constexpr u64 firmware_end = 0x100000;
  Before now;
  const Cpu& cpu = own.cpu();
  now.address = own.address();
  now.rip = cpu.rip;
  now.rsp = cpu.gpr[RSP];
  now.rcx = cpu.gpr[RCX];
  now.flags = cpu.eflags();
  now.waits = own.asleep();
  now.where = where_line(cpu, symbols);
  now.insn = next_instruction(cpu, symbols);
  now.may = may_differ(cpu, now.insn);
  if (const auto linear = memory_operand(cpu)) {
    if (const auto place = own.debugger().translate({AddressSpace::linear, *linear})) {
      now.operand = place->value;
      now.operand_is_ram = own.is_ram(place->value, 1) || place->value < firmware_end;
    }
  }
  return now;
}

}  // namespace ringside
