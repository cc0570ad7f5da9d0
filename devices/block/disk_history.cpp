// Owns the numbers of a drive's contents, and the ways from one to another.
#include "devices/block/disk_history.h"

#include <xxhash.h>

#include <algorithm>
#include <iterator>

namespace ringside {

void DiskHistory::keep() {
  if (kept_ || read_only()) return;
  kept_ = true;
  first_ = version_;
}

bool DiskHistory::write(u64 sector, std::span<const u8> from) {
  if (read_only()) return false;
  const u64 next = XXH3_64bits_withSeed(from.data(), from.size(), version_ ^ sector * 0x9e3779b97f4a7c15);
  if (kept_ && !steps_.contains(next) && next != first_ && !note_step(next, sector, from)) return false;
  // Also where the host fails: nobody knows then how much of it has come.
  version_ = next;
  note_written(sector, sector + from.size() / sector_bytes);
  return block_->write(sector, from);
}

// False: the block cannot be read. A host that has no room for the past ends it.
bool DiskHistory::note_step(u64 next, u64 sector, std::span<const u8> from) {
  std::vector<u8> before(from.size());
  if (!block_->read(sector, before)) return false;
  const auto old = contents_.add(before), written = contents_.add(from);
  if (old && written)
    steps_.emplace(next, Step{version_, sector, from.size(), *old, *written});
  else
    forget();
  return true;
}

bool DiskHistory::put(u64 sector, u64 kept_at, u64 bytes) {
  std::vector<u8> contents(bytes);
  return bytes == 0 || (contents_.read(kept_at, contents) && block_->write(sector, contents));
}

void DiskHistory::note_written(u64 sector, u64 end) {
  auto next = written_.upper_bound(sector);
  if (next != written_.begin() && std::prev(next)->second >= sector) {
    --next;
    sector = next->first;
  }
  while (next != written_.end() && next->first <= end) {
    end = std::max(end, next->second);
    next = written_.erase(next);
  }
  written_.emplace(sector, end);
}

bool DiskHistory::way_to(u64 version, std::vector<u64>& way) const {
  while (version != first_) {
    const auto step = steps_.find(version);
    if (step == steps_.end()) return false;
    way.push_back(version);
    version = step->second.from;
  }
  std::reverse(way.begin(), way.end());
  return true;
}

bool DiskHistory::go_to(u64 version) {
  if (version == version_) return true;
  std::vector<u64> here, there;
  if (!kept_ || !way_to(version_, here) || !way_to(version, there)) return false;
  std::size_t common = 0;
  while (common < here.size() && common < there.size() && here[common] == there[common]) ++common;
  for (std::size_t n = here.size(); n > common; --n) {
    const Step& step = steps_.at(here[n - 1]);
    if (!put(step.sector, step.before, step.bytes)) return false;
    version_ = step.from;
  }
  for (std::size_t n = common; n < there.size(); ++n) {
    const Step& step = steps_.at(there[n]);
    if (!put(step.sector, step.after, step.bytes)) return false;
    version_ = there[n];
  }
  return true;
}

void DiskHistory::forget() {
  kept_ = false;
  steps_.clear();
  contents_.clear();
}

void DiskHistory::name_contents(u64 version) {
  if (version == version_) return;
  if (kept_ && version != first_) steps_.try_emplace(version, Step{version_});
  version_ = version;
}

}  // namespace ringside
