// Owns the decoding of MOV from and to memory: an EPT violation at a device's address says where the guest
// reads or writes, but not how much, nor which register is meant. That stands in the instruction only. MOV,
// MOVZX and MOVSX are what drivers use for a device's registers.
#pragma once

#include "roms/kit/types.h"

namespace kit {

struct MemoryMove {
  bool known = false;  // else nothing below is of use
  bool write = false;  // to memory
  u8 bytes = 0;        // in memory: 1, 2, 4, 8
  u8 register_bytes = 0;
  bool sign = false;  // MOVSX
  bool has_immediate = false;
  u64 immediate = 0;
  u8 register_number = 0;  // as in ModR/M with REX: 0 RAX, 1 RCX, 2 RDX, 3 RBX, 4 RSP, ...
  bool high_byte = false;  // AH, CH, DH, BH
  u8 length = 0;           // of the instruction
};

// `code` holds 15 bytes; `mode` is 64, 32 or 16, as CS says.
MemoryMove decode_move(const u8* code, unsigned mode);

// A register of the guest after a read of `value` from memory, of which `before` was the content; and the
// value that a write sends.
u64 register_after(const MemoryMove& move, u64 before, u64 value);
u64 value_of(const MemoryMove& move, u64 register_value);

}  // namespace kit
