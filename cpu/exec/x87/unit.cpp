// Owns the uncommon sides of x87 instructions: refusing to start, and errors that come up.
#include "cpu/exec/x87/unit.h"

namespace ringside::x87 {

bool begin_blocked(Cpu& cpu) {
  if ((cpu.cr0 & (Cr0::EM | Cr0::TS)) != 0) {
    cpu.raise(Vector::NM);
    return false;
  }
  if ((cpu.cr0 & Cr0::NE) != 0) {
    cpu.raise(Vector::MF);
    return false;
  }
  return !frozen_by_error(cpu);
}

void update_error_summary(Cpu& cpu) {
  X87State& x87 = cpu.x87;
  const bool pending = (x87.status & FpuStatus::exceptions & ~x87.control) != 0;
  x87.status = static_cast<u16>((x87.status & ~error_summary) | (pending ? error_summary : 0));
  cpu.set_ferr(pending && (cpu.cr0 & Cr0::NE) == 0);
}

void record_error(Cpu& cpu, const Op& op) {
  update_error_summary(cpu);
  // The opcode's bytes are no part of the record of the operation: read them again where they lie. Code that
  // only may be executed, or that went away, leaves FOP as it was.
  const Fault fault = cpu.fault;
  const ChainEnd left = cpu.chain_end;
  u64 linear = cpu.instruction_rip(op) + (cpu.mode.bits64 ? 0 : cpu.segment[CS].base);
  if (!cpu.mode.bits64) linear &= 0xffffffff;
  u8 bytes[16] = {};
  const unsigned length = op.length < sizeof bytes ? op.length : sizeof bytes;
  if (length >= 2 && load_bytes(cpu, linear, bytes, length, CS)) {
    for (unsigned i = 0; i + 1 < length; ++i) {
      if ((bytes[i] & 0xf8) != 0xd8) continue;  // a prefix
      cpu.x87.opcode = static_cast<u16>((bytes[i] & 7) << 8 | bytes[i + 1]);
      break;
    }
  }
  cpu.fault = fault;
  cpu.chain_end = left;
}

}  // namespace ringside::x87
