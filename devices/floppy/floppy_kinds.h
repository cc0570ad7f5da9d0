// Owns the kinds of floppy disks.
#pragma once

#include <array>
#include <optional>

#include "devices/block/block_device.h"

namespace ringside {

struct FloppyKind {
  u8 cylinders, heads, track_sectors;
  u8 cmos;  // as the CMOS RAM names it
  u64 sectors() const { return u64{cylinders} * heads * track_sectors; }
};

constexpr std::array<FloppyKind, 5> floppy_kinds{FloppyKind{40, 2, 9, 1}, FloppyKind{80, 2, 9, 3},
                                                 FloppyKind{80, 2, 15, 2}, FloppyKind{80, 2, 18, 4},
                                                 FloppyKind{80, 2, 36, 5}};

// The smallest that has room for so many sectors; nullopt: none has.
inline std::optional<FloppyKind> floppy_kind_of(u64 sectors) {
  for (const FloppyKind& kind : floppy_kinds)
    if (sectors <= kind.sectors()) return kind;
  return std::nullopt;
}

}  // namespace ringside
