// Owns building a table byte by byte, little-endian, with its checksums and its pointers to other tables.
#pragma once

#include <string_view>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

class TableBytes {
 public:
  template <class T>
  TableBytes& add(T value) {
    for (unsigned i = 0; i < sizeof(T); ++i) bytes_.push_back(static_cast<u8>(value >> (8 * i)));
    return *this;
  }
  TableBytes& text(std::string_view s) {
    bytes_.insert(bytes_.end(), s.begin(), s.end());
    return *this;
  }
  TableBytes& zeros(std::size_t count) {
    bytes_.resize(bytes_.size() + count);
    return *this;
  }
  template <class T>
  void set(std::size_t offset, T value) {
    for (unsigned i = 0; i < sizeof(T); ++i) bytes_[offset + i] = static_cast<u8>(value >> (8 * i));
  }
  // Sets the byte at `offset` so that the first `count` bytes add up to 0.
  void checksum(std::size_t offset, std::size_t count) {
    bytes_[offset] = 0;
    u8 sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum = static_cast<u8>(sum + bytes_[i]);
    bytes_[offset] = static_cast<u8>(0 - sum);
  }
  std::size_t size() const { return bytes_.size(); }
  const std::vector<u8>& bytes() const { return bytes_; }
  std::vector<u8>& bytes() { return bytes_; }

 private:
  std::vector<u8> bytes_;
};

// A table that is not in memory yet. Whoever puts it there makes its pointers good, and then its sums.
struct LooseTable {
  struct Pointer {
    u32 at;
    u8 bytes;
    unsigned to;  // which of the tables
  };
  struct Sum {
    u32 at, count;  // the byte that makes the first `count` add up to 0
  };
  TableBytes bytes;
  std::vector<Pointer> pointers;
  std::vector<Sum> sums;
};

}  // namespace ringside
