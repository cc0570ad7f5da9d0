// Owns the store of MASKMOVQ and MASKMOVDQU.
#include "cpu/exec/sse/shuffle.h"

namespace ringside {

// A byte with a clear mask bit is not looked at: it causes no fault.
bool store_masked(Cpu& cpu, const Op& op, const u8* bytes, const u8* mask, unsigned count) {
  const SegReg seg = static_cast<SegReg>(op.seg);
  std::array<u64, 16> linear;
  const auto chosen = [&](unsigned i) { return (mask[i] & 0x80) != 0; };
  // As of any operand, the first byte's offset has the address size; those behind it do not wrap.
  u64 to = cpu.gpr[RDI];
  if (op.attrs & OpAttr::address16) to &= 0xffff;
  if (op.attrs & OpAttr::address32) to &= 0xffffffff;
  for (unsigned i = 0; i < count; ++i) {
    if (!chosen(i)) continue;
    if (!linearize(cpu, seg, to + i, 1, AccessKind::write, linear[i]) || !probe_write(cpu, linear[i], 1, seg))
      return false;
  }
  for (unsigned i = 0; i < count; ++i) {
    if (chosen(i) && !store(cpu, linear[i], bytes[i], seg)) return false;
  }
  return true;
}

}  // namespace ringside
