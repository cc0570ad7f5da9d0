// Owns the plan of a boot: which bytes go where in RAM, checked before anything is written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/machine/boot.h"
#include "frontend/machine/load_image.h"

namespace ringside {

class LoadPlan {
 public:
  explicit LoadPlan(const BootPlatform& platform) : platform_(platform) {}

  // Takes [base, base + bytes) for `what`. False: it is not all RAM, or something else lies there; then
  // `problem` says so without naming the file.
  bool claim(u64 base, u64 bytes, std::string what, std::string& problem);
  // Free RAM inside [from, end) at a multiple of `alignment` (a power of two): the lowest, the highest place.
  std::optional<u64> lowest(u64 bytes, u64 alignment, u64 from, u64 end) const;
  std::optional<u64> highest(u64 bytes, u64 alignment, u64 from, u64 end) const;
  bool is_ram(u64 base, u64 bytes) const;
  u64 ram_end() const;  // of the highest range
  u64 ram_bytes() const;

  // What commit() writes. `view` must live until then; the other is kept here.
  void put_view(u64 base, const u8* bytes, u64 count);
  void put(u64 base, std::vector<u8> bytes);
  void zero(u64 base, u64 bytes);
  // A block of boot data (command line, tables) below 640 KiB if there is room, else anywhere below 4 GiB.
  // No answer: no room.
  std::optional<u64> place(std::vector<u8> bytes, u64 alignment, std::string what);
  std::optional<u64> place_string(std::string_view text, std::string what);

  void commit();
  const BootPlatform& platform() const { return platform_; }

 private:
  struct Claim {
    u64 base, end;
    std::string what;
  };
  struct Chunk {
    u64 base, count;
    const u8* view;  // null: own, or zeros if that is empty
    std::vector<u8> own;
  };
  void clear_ram(u64 base, u64 bytes);

  const BootPlatform& platform_;
  std::vector<Claim> claims_;
  std::vector<Chunk> chunks_;
};

// "128 MiB", "640 KiB", "17 bytes": for messages.
std::string size_in_words(u64 bytes);

}  // namespace ringside
