// Owns the registers of the host bridge.
#include "devices/pci/i440fx.h"

#include <algorithm>

namespace ringside {

namespace {
constexpr u8 pam0 = 0x59, pam6 = 0x5f;
}

I440fx::I440fx(ShadowSink* shadow)
    : PciFunction("i440fx", {0x8086, 0x1237, 0x02, 0x060000}), shadow_(shadow) {
  define(0x04, 2, 0x0006, 0x0100);  // memory and bus mastering are always on
  define(0x06, 2, 0x0280, 0, 0xf900);
  define(0x50, 2, 0x0000, 0xffff);  // PMCCFG
  define(0x57, 2, 0x0001, 0xffff);  // DRAM control and timing
  define(pam0, 1, 0x00, 0x33);
  define(pam0 + 1, 2, 0x0000, 0x3333);
  define(pam0 + 3, 4, 0x00000000, 0x33333333);
  for (u8 row = 0x60; row < 0x68; ++row) define(row, 1, 0x01, 0xff);  // DRAM row boundaries
  define(0x68, 1, 0x00, 0xc0);                                        // fixed DRAM hole
  define(0x70, 2, 0x0000, 0xffff);                                    // multi-transaction and latency timers
  define(0x72, 1, 0x02, 0x78);                                        // SMRAM
  define(0x90, 1, 0x00, 0xff);
  define(0x91, 1, 0x00, 0, 0x11);
}

void I440fx::config_written(u8 first, u8 last) {
  if (!shadow_ || last < pam0 || first > pam6) return;
  const auto announce = [this](u64 start, u64 bytes, u8 bits) {
    shadow_->set_shadow(HostPhys(start), bytes, (bits & 1) != 0, (bits & 2) != 0);
  };
  for (u8 reg = std::max(first, pam0); reg <= std::min(last, pam6); ++reg) {
    const u8 value = config(reg);
    if (reg == pam0) {
      announce(0xf0000, 0x10000, value >> 4);
      continue;
    }
    const u64 start = 0xc0000 + u64{0x8000} * (reg - pam0 - 1u);
    announce(start, 0x4000, value & 15);
    announce(start + 0x4000, 0x4000, value >> 4);
  }
}

}  // namespace ringside
