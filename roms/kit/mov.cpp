// Owns the few opcodes, by the manual's volume 2: "Instruction Format" and MOV, MOVZX, MOVSX.
#include "roms/kit/mov.h"

namespace kit {
namespace {

struct Prefixes {
  u8 rex = 0;
  bool operand_size = false, address_size = false;
  u8 length = 0;
};

Prefixes prefixes_of(const u8* code, unsigned mode) {
  Prefixes p;
  for (; p.length < 14; ++p.length) {
    const u8 byte = code[p.length];
    if (byte == 0x66)
      p.operand_size = true;
    else if (byte == 0x67)
      p.address_size = true;
    else if (byte != 0x26 && byte != 0x2e && byte != 0x36 && byte != 0x3e && byte != 0x64 && byte != 0x65)
      break;
  }
  if (mode == 64 && (code[p.length] & 0xf0) == 0x40) p.rex = code[p.length++];
  return p;
}

// How long ModR/M, SIB and displacement are together.
u8 address_length(const u8* modrm, bool bits16) {
  const u8 mod = modrm[0] >> 6, rm = modrm[0] & 7;
  if (bits16) return mod == 1 ? 2 : mod == 2 || rm == 6 ? 3 : 1;
  const bool sib = rm == 4;
  const u8 base = sib ? modrm[1] & 7 : rm, displacement = mod == 1 ? 1 : mod == 2 || base == 5 ? 4 : 0;
  return 1 + (sib ? 1 : 0) + displacement;
}

u64 masked(u64 value, u8 bytes) { return bytes == 8 ? value : value & ((1ul << 8 * bytes) - 1); }

u64 number_in(const u8* code, u8 bytes) {
  u64 value = 0;
  for (u8 n = 0; n < bytes; ++n) value |= static_cast<u64>(code[n]) << 8 * n;
  return value;
}

}  // namespace

MemoryMove decode_move(const u8* code, unsigned mode) {
  const Prefixes p = prefixes_of(code, mode);
  const u8 wide = p.rex & 8 ? 8 : (mode == 16) != p.operand_size ? 2 : 4;
  const u8* at = code + p.length;
  const bool two = *at == 0x0f;
  const u16 opcode = static_cast<u16>(two ? 0x0f00 | at[1] : at[0]);
  const u8* modrm = at + (two ? 2 : 1);
  MemoryMove move;
  move.register_bytes = move.bytes = opcode & 1 ? wide : 1;
  switch (opcode) {
    case 0x88:
    case 0x89:
    case 0xc6:
    case 0xc7: move.write = true; break;
    case 0x8a:
    case 0x8b: break;
    case 0x0fb6:
    case 0x0fb7:
    case 0x0fbe:
    case 0x0fbf:
      move.bytes = opcode & 1 ? 2 : 1;
      move.register_bytes = wide;
      move.sign = opcode >= 0x0fbe;
      break;
    default: return move;
  }
  if (*modrm >> 6 == 3) return move;  // a register, and no memory
  const u8 reg = *modrm >> 3 & 7;
  move.register_number = static_cast<u8>(reg | (p.rex & 4 ? 8 : 0));
  const u8* end = modrm + address_length(modrm, (mode == 16) != p.address_size && mode != 64);
  if (opcode == 0xc6 || opcode == 0xc7) {
    const u8 immediate_bytes = smaller<u8>(move.bytes, 4);
    move.has_immediate = true;
    move.immediate = number_in(end, immediate_bytes);
    if (move.bytes == 8)
      move.immediate = static_cast<u64>(static_cast<i64>(static_cast<int>(move.immediate)));
    end += immediate_bytes;
  }
  // Without REX the numbers 4 to 7 of a byte register are the second bytes of the first four.
  move.high_byte = move.register_bytes == 1 && !p.rex && reg >= 4 && !move.has_immediate;
  if (move.high_byte) move.register_number &= 3;
  move.length = static_cast<u8>(end - code);
  move.known = move.length <= 15;
  return move;
}

u64 register_after(const MemoryMove& move, u64 before, u64 value) {
  value = masked(value, move.bytes);
  const bool negative = value >> (8 * move.bytes - 1) & 1;
  if (move.sign && negative) value |= ~0ul << 8 * move.bytes;
  value = masked(value, move.register_bytes);
  if (move.high_byte) return (before & ~0xff00ul) | value << 8;
  // A 32-bit result clears the upper half, a smaller one leaves the rest.
  if (move.register_bytes >= 4) return value;
  return (before & (~0ul << 8 * move.register_bytes)) | value;
}

u64 value_of(const MemoryMove& move, u64 register_value) {
  if (move.has_immediate) return masked(move.immediate, move.bytes);
  return masked(move.high_byte ? register_value >> 8 : register_value, move.bytes);
}

}  // namespace kit
