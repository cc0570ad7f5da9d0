// Owns what a drive wants of the host: numbered sectors that can be read, written, and made to last.
#pragma once

#include <span>

#include "cpu/arch/types.h"

namespace ringside {

constexpr u64 sector_bytes = 512;

// Sectors are numbered from 0; spans are of whole sectors that lie inside the block.
class BlockDevice {
 public:
  virtual ~BlockDevice() = default;
  virtual u64 sectors() const = 0;  // the same for its life
  virtual bool read_only() const = 0;
  // False: the host could not, and `to` holds nothing of worth.
  virtual bool read(u64 sector, std::span<u8> to) = 0;
  // False: the host could not, or it is read-only; some of the sectors may hold what they held before.
  virtual bool write(u64 sector, std::span<const u8> from) = 0;
  // The first sector at or behind this one that may hold something but zeros; sectors(), if none does.
  virtual u64 next_data(u64 sector) const { return sector; }
  // What was written so far outlasts a loss of the host's power. False: nobody knows.
  virtual bool flush() = 0;
};

}  // namespace ringside
