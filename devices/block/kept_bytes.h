// Owns bytes that are kept for later: in memory while they are few, in a nameless file of the host when they
// are many.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

class KeptBytes {
 public:
  static constexpr u64 most_in_memory = 64u << 20;

  explicit KeptBytes(u64 in_memory = most_in_memory) : in_memory_(in_memory) {}
  ~KeptBytes();
  KeptBytes(const KeptBytes&) = delete;
  KeptBytes& operator=(const KeptBytes&) = delete;

  // Where they are now. nullopt: the host has no room for them.
  std::optional<u64> add(std::span<const u8> bytes);
  bool read(u64 at, std::span<u8> to) const;  // of what one add() was given; false: the host failed
  void clear();

 private:
  bool open();

  u64 in_memory_;
  std::vector<u8> memory_;
  int file_ = -1;  // of what did not go into memory: its byte n is at in_memory_ + n
  u64 file_bytes_ = 0;
};

}  // namespace ringside
