// Owns the bookkeeping of a boot's plan, and carrying it out.
#include "frontend/machine/load_plan.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace ringside {
namespace {

constexpr u64 first_boot_data = 0x9000;  // above what real-mode code and AP start-up code like to use
constexpr u64 boot_data_end = 0xa0000;

bool overlap(u64 base, u64 end, u64 other_base, u64 other_end) {
  return base < other_end && other_base < end;
}
u64 align_down(u64 value, u64 alignment) { return value & ~(alignment - 1); }
std::optional<u64> align_up(u64 value, u64 alignment) {
  if (value > ~u64{0} - (alignment - 1)) return std::nullopt;
  return align_down(value + alignment - 1, alignment);
}

}  // namespace

std::string size_in_words(u64 bytes) {
  if (bytes >= 1 << 20) return fmt::format("{} MiB", (bytes + (1 << 20) - 1) >> 20);
  if (bytes >= 1 << 10) return fmt::format("{} KiB", (bytes + (1 << 10) - 1) >> 10);
  return fmt::format("{} bytes", bytes);
}

bool LoadPlan::is_ram(u64 base, u64 bytes) const {
  if (bytes > ~u64{0} - base) return false;
  u64 at = base;
  const u64 end = base + bytes;
  for (const MemoryRange& range : platform_.memory_map) {
    if (range.type == 1 && at >= range.base && at - range.base < range.bytes) at = range.base + range.bytes;
    if (at >= end) return true;
  }
  return bytes == 0;
}

u64 LoadPlan::ram_end() const {
  u64 end = 0;
  for (const MemoryRange& range : platform_.memory_map)
    if (range.type == 1) end = std::max(end, range.base + range.bytes);
  return end;
}

u64 LoadPlan::ram_bytes() const {
  u64 sum = 0;
  for (const MemoryRange& range : platform_.memory_map)
    if (range.type == 1) sum += range.bytes;
  return sum;
}

bool LoadPlan::claim(u64 base, u64 bytes, std::string what, std::string& problem) {
  if (bytes == 0) return true;
  if (!is_ram(base, bytes)) {
    problem = bytes - 1 > ~u64{0} - base
                  ? fmt::format("{} at {:#x} runs over the end of the address space", what, base)
              : base >= ram_end()
                  ? fmt::format("{} wants {:#x}..{:#x}, which is outside memory (RAM ends at {:#x})", what,
                                base, base + bytes - 1, ram_end())
                  : fmt::format("{} wants {:#x}..{:#x}, which is not all RAM (RAM ends at {:#x})", what, base,
                                base + bytes - 1, ram_end());
    return false;
  }
  for (const Claim& other : claims_) {
    if (overlap(base, base + bytes, other.base, other.end)) {
      problem = fmt::format("{} at {:#x}..{:#x} overlaps {} at {:#x}..{:#x}", what, base, base + bytes - 1,
                            other.what, other.base, other.end - 1);
      return false;
    }
  }
  claims_.push_back({base, base + bytes, std::move(what)});
  return true;
}

std::optional<u64> LoadPlan::lowest(u64 bytes, u64 alignment, u64 from, u64 end) const {
  for (const MemoryRange& range : platform_.memory_map) {
    if (range.type != 1) continue;
    const u64 range_end = std::min(end, range.base + range.bytes);
    std::optional<u64> at = align_up(std::max(from, range.base), alignment);
    while (at && *at < range_end && range_end - *at >= bytes) {
      u64 next = *at;
      for (const Claim& claim : claims_)
        if (overlap(*at, *at + bytes, claim.base, claim.end)) next = std::max(next, claim.end);
      if (next == *at) return at;
      at = align_up(next, alignment);
    }
  }
  return std::nullopt;
}

std::optional<u64> LoadPlan::highest(u64 bytes, u64 alignment, u64 from, u64 end) const {
  std::optional<u64> best;
  for (const MemoryRange& range : platform_.memory_map) {
    if (range.type != 1) continue;
    const u64 bottom = std::max(from, range.base);
    u64 top = std::min(end, range.base + range.bytes);
    while (top > bottom && top - bottom >= bytes) {
      const u64 at = align_down(top - bytes, alignment);
      if (at < bottom) break;
      u64 next = top;
      for (const Claim& claim : claims_)
        if (overlap(at, at + bytes, claim.base, claim.end)) next = std::min(next, claim.base);
      if (next == top) {
        if (!best || at > *best) best = at;
        break;
      }
      top = next;
    }
  }
  return best;
}

void LoadPlan::put_view(u64 base, const u8* bytes, u64 count) {
  if (count != 0) chunks_.push_back({base, count, bytes, {}});
}
void LoadPlan::put(u64 base, std::vector<u8> bytes) {
  const u64 count = bytes.size();
  if (count != 0) chunks_.push_back({base, count, nullptr, std::move(bytes)});
}
void LoadPlan::zero(u64 base, u64 bytes) {
  if (bytes != 0) chunks_.push_back({base, bytes, nullptr, {}});
}

std::optional<u64> LoadPlan::place(std::vector<u8> bytes, u64 alignment, std::string what) {
  const u64 count = std::max<u64>(bytes.size(), 1);
  std::optional<u64> at = lowest(count, alignment, first_boot_data, boot_data_end);
  if (!at) at = highest(count, alignment, 0x100000, platform_.low_ram_end);
  std::string problem;
  if (!at || !claim(*at, count, std::move(what), problem)) return std::nullopt;
  put(*at, std::move(bytes));
  return at;
}

std::optional<u64> LoadPlan::place_string(std::string_view text, std::string what) {
  std::vector<u8> bytes(text.begin(), text.end());
  bytes.push_back(0);
  return place(std::move(bytes), 16, std::move(what));
}

// Pages that hold zeros already are only looked at: writing would make the host find memory for them.
void LoadPlan::clear_ram(u64 base, u64 bytes) {
  static constexpr u8 zeros[page_bytes] = {};
  u8 old[page_bytes];
  for (u64 done = 0; done < bytes;) {
    const u64 at = base + done;
    const u64 step = std::min(bytes - done, page_bytes - at % page_bytes);
    platform_.memory->read_block(HostPhys(at), old, step);
    if (std::memcmp(old, zeros, step) != 0) platform_.memory->write_block(HostPhys(at), zeros, step);
    done += step;
  }
}

void LoadPlan::commit() {
  for (const Chunk& chunk : chunks_) {
    if (chunk.view != nullptr)
      platform_.memory->write_block(HostPhys(chunk.base), chunk.view, chunk.count);
    else if (!chunk.own.empty())
      platform_.memory->write_block(HostPhys(chunk.base), chunk.own.data(), chunk.count);
    else
      clear_ram(chunk.base, chunk.count);
  }
}

}  // namespace ringside
