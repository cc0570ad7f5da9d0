// Owns a block whose sectors are in memory: blank drives, and folders made into disks.
#pragma once

#include <algorithm>
#include <vector>

#include "devices/block/block_device.h"

namespace ringside {

class MemoryBlock final : public BlockDevice {
 public:
  explicit MemoryBlock(std::vector<u8> bytes, bool read_only = false)
      : bytes_(std::move(bytes)), read_only_(read_only) {}
  static std::vector<u8> blank(u64 sectors) { return std::vector<u8>(sectors * sector_bytes); }

  u64 sectors() const override { return bytes_.size() / sector_bytes; }
  bool read_only() const override { return read_only_; }
  bool read(u64 sector, std::span<u8> to) override {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(sector * sector_bytes), to.size(), to.begin());
    return true;
  }
  bool write(u64 sector, std::span<const u8> from) override {
    if (read_only_) return false;
    std::copy(from.begin(), from.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(sector * sector_bytes));
    return true;
  }
  bool flush() override { return true; }

  std::span<const u8> bytes() const { return bytes_; }

 private:
  std::vector<u8> bytes_;
  bool read_only_;
};

}  // namespace ringside
