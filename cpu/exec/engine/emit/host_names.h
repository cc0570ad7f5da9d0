// Owns the names of host registers and conditions as numbers, and how the assembler wants immediates.
#pragma once

#include "cpu/state/cpu.h"

namespace ringside::host_names {

constexpr int n_ax = 0, n_cx = 1, n_dx = 2, n_si = 6, n_di = 7;
// Host condition codes, as the guest's.
constexpr unsigned host_b = 2, host_z = 4, host_nz = 5, host_a = 7, host_s = 8, host_p = 10;
constexpr u8 rsp_offset = reg::of(RSP), rbp_offset = reg::of(RBP), rax_offset = reg::of(RAX),
             rdx_offset = reg::of(RDX);

inline u32 masked(s32 immediate, unsigned size) {
  const u32 value = static_cast<u32>(immediate);
  return size == 1 ? value & 0xff : size == 2 ? value & 0xffff : value;
}
// As the assembler wants immediates of arithmetic.
inline u32 signed_immediate(s32 immediate, unsigned size) {
  return size == 1   ? static_cast<u8>(immediate)
         : size == 2 ? static_cast<u32>(static_cast<s16>(immediate))
                     : static_cast<u32>(immediate);
}

}  // namespace ringside::host_names
