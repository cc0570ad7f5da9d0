// Owns the store of MASKMOVQ and MASKMOVDQU.
#include "cpu/exec/sse/shuffle.h"

namespace ringside {

// A byte with a clear mask bit is not looked at: it causes no fault.
bool store_masked(Cpu& cpu, const Op& op, const u8* bytes, const u8* mask, unsigned count) {
  const SegReg seg = static_cast<SegReg>(op.seg);
  std::array<u64, 16> linear;
  const auto chosen = [&](unsigned i) { return (mask[i] & 0x80) != 0; };
  for (unsigned i = 0; i < count; ++i) {
    if (!chosen(i)) continue;
    u64 offset = cpu.gpr[RDI] + i;
    if (op.attrs & OpAttr::address16) offset &= 0xffff;
    if (op.attrs & OpAttr::address32) offset &= 0xffffffff;
    if (!linearize(cpu, seg, offset, 1, AccessKind::write, linear[i]) || !probe_write(cpu, linear[i], 1, seg))
      return false;
  }
  for (unsigned i = 0; i < count; ++i) {
    if (chosen(i) && !store(cpu, linear[i], bytes[i], seg)) return false;
  }
  return true;
}

}  // namespace ringside
