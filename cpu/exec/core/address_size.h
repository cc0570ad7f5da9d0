// Owns what the address size means for registers that an instruction uses implicitly: rCX, rSI, rDI.
#pragma once

#include "cpu/state/cpu.h"

namespace ringside {

inline u64 address_mask(const Op& op) {
  return op.attrs & OpAttr::address16 ? 0xffff : op.attrs & OpAttr::address32 ? 0xffffffff : ~u64{0};
}
// Writes the register at the size of `mask`, an address_mask: 16 bits keep the rest, 32 bits clear it.
inline void set_by_address_size(Cpu& cpu, GprNumber number, u64 mask, u64 value) {
  if (mask == 0xffff)
    cpu.reg<u16>(reg::of(number)) = static_cast<u16>(value);
  else
    cpu.gpr[number] = value & mask;
}

}  // namespace ringside
