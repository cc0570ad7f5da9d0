// Owns what is written over a block that stays as it is: snapshot=on.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "devices/block/block_device.h"

namespace ringside {

// Written sectors are kept in memory, 4 KiB at a time, and are gone with it.
class OverlayBlock final : public BlockDevice {
 public:
  explicit OverlayBlock(std::unique_ptr<BlockDevice> under) : under_(std::move(under)) {}

  u64 sectors() const override { return under_->sectors(); }
  bool read_only() const override { return false; }
  bool read(u64 sector, std::span<u8> to) override;
  bool write(u64 sector, std::span<const u8> from) override;
  u64 next_data(u64 sector) const override;
  bool flush() override { return true; }

 private:
  static constexpr u64 piece_sectors = 8;
  using Piece = std::vector<u8>;
  Piece* piece_to_write(u64 number, bool whole);

  std::unique_ptr<BlockDevice> under_;
  std::map<u64, Piece> pieces_;  // by their first sector / piece_sectors
};

}  // namespace ringside
