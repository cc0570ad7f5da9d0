// Owns the reading of the next instruction's first bytes.
#include "frontend/inspect/next_step.h"

#include <array>

#include "frontend/inspect/disassembly.h"
#include "frontend/inspect/look_memory.h"

namespace ringside {
namespace {

bool is_prefix(u8 byte, bool bits64) {
  switch (byte) {
    case 0x66:
    case 0x67:
    case 0xf0:
    case 0xf2:
    case 0xf3:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x26:
    case 0x64:
    case 0x65: return true;
    default: return bits64 && (byte & 0xf0) == 0x40;
  }
}

bool is_string(u8 opcode) {
  return (opcode >= 0x6c && opcode <= 0x6f) || (opcode >= 0xa4 && opcode <= 0xa7) ||
         (opcode >= 0xaa && opcode <= 0xaf);
}

}  // namespace

NextStep next_step(const Cpu& cpu) {
  std::array<u8, 15> bytes{};
  const u64 at = linear_rip(cpu);
  const std::size_t there = peek(cpu, AddressSpace::linear, at, bytes);
  std::size_t n = 0;
  bool repeats = false;
  while (n < there && is_prefix(bytes[n], cpu.mode.bits64)) {
    repeats |= bytes[n] == 0xf2 || bytes[n] == 0xf3;
    ++n;
  }
  NextStep next;
  if (n >= there) return next;
  const u8 opcode = bytes[n], reg = n + 1 < there ? bytes[n + 1] >> 3 & 7 : 0;
  next.returns = opcode == 0xc2 || opcode == 0xc3 || opcode == 0xca || opcode == 0xcb || opcode == 0xcf;
  const bool call =
      opcode == 0xe8 || opcode == 0x9a || (opcode == 0xff && n + 1 < there && (reg == 2 || reg == 3));
  const bool interrupt = opcode == 0xcc || opcode == 0xcd || opcode == 0xce;
  next.comes_back = call || interrupt || (repeats && is_string(opcode));
  if (!next.comes_back) return next;
  const std::size_t length = next_instruction(cpu, nullptr).bytes.size();
  next.comes_back = length > 0;
  next.following = cpu.mode.bits64 ? at + length : (at + length) & 0xffffffff;
  return next;
}

}  // namespace ringside
