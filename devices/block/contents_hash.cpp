// Owns the sum over a block's pieces.
#include "devices/block/contents_hash.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace ringside {

std::optional<u64> contents_hash(BlockDevice& block) {
  // Pieces of zeros count for nothing, so that a hole in an image is as good as zeros in it.
  constexpr u64 piece = 128;
  std::vector<u8> bytes;
  u64 sum = 0;
  for (u64 at = block.next_data(0); at < block.sectors(); at = block.next_data(at)) {
    at -= at % piece;
    bytes.resize(std::min(piece, block.sectors() - at) * sector_bytes);
    if (!block.read(at, bytes)) return std::nullopt;
    const bool zeros = bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
    if (!zeros) sum += XXH3_64bits_withSeed(bytes.data(), bytes.size(), at);
    at += bytes.size() / sector_bytes;
  }
  return sum;
}

}  // namespace ringside
