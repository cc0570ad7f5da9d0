// Owns the short way of a page walk whose upper levels are known.
#include "mmu/upper_levels.h"

#include <algorithm>
#include <cstring>

#include "mmu/stage_access.h"

namespace ringside {

namespace {

u64 word_at(const u8* at) {
  u64 word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

u64 frame_mask(const WalkState& state) { return bit_range(12, state.physical_bits - 1); }

void take_rights(PageRights& rights, u64 entry) {
  if (!(entry & PageEntry::US)) rights.user = false;
  if (!(entry & PageEntry::RW)) rights.writable = false;
  if (entry & PageEntry::XD) rights.executable = false;
}

constexpr u64 entry_offset(u64 address, unsigned level) {
  return (address >> (12 + 9 * (level - 1)) & 0x1ff) * 8;
}

}  // namespace

bool UpperLevels::find(const WalkState& state, u64 address, Access access, const PhysicalMemory& memory,
                       Translation& result) const {
  const u64 region = address >> 21, root = state.cr3 & frame_mask(state);
  const Entry& known = entries_[index(region, root)];
  if (known.region != region || known.root != root) return false;
  for (unsigned i = 0; i < known.count; ++i) {
    if (word_at(known.upper[i].at) != known.upper[i].value) return false;
  }
  const u64 entry = word_at(known.table + entry_offset(address, known.large ? 2 : 1));
  u64 needed = PageEntry::P | PageEntry::A;
  if (access.kind == AccessKind::write) needed |= PageEntry::D;
  if (known.large) needed |= PageEntry::PS;
  if ((entry & needed) != needed || (entry & known.reserved)) return false;
  result.rights = known.rights;
  take_rights(result.rights, entry);
  result.rights.key = static_cast<u8>((entry & PageEntry::key) >> 59);
  if (!refusal(state.rights, result.rights, access).empty()) return false;
  const u64 size = known.large ? bit(21) : page_bytes;
  result.page_size = size;
  result.global = entry & PageEntry::G;
  result.dirty = entry & PageEntry::D;
  result.guest = GuestPhys((entry & frame_mask(state) & ~(size - 1)) | (address & (size - 1)));
  if (state.stage == nullptr) {
    result.address = memory.gated(HostPhys(result.guest.value));
    return true;
  }
  SecondStage::Result stage;
  SecondStageFault refused;
  const StageAccess final_access = translation_access(access.kind, result.rights);
  if (!state.stage->translate(result.guest, final_access, stage, refused)) return false;
  result.address = memory.gated(stage.address);
  result.stage_reads = stage.readable;
  result.stage_writes = stage.writable;
  result.stage_executes = stage.executable;
  return true;
}

void UpperLevels::learn(const WalkState& state, u64 address, PhysicalMemory& memory) {
  Entry known;
  known.region = address >> 21;
  known.root = state.cr3 & frame_mask(state);
  u64 above = state.cr3;
  for (unsigned level = state.rights.mode.on(Cr4::LA57) ? 5 : 4;; --level) {
    HostPhys place(above & frame_mask(state));
    if (state.stage != nullptr) {
      const StructurePages::Entry* const known_page =
          state.structure_pages != nullptr ? state.structure_pages->find(GuestPhys(place.value)) : nullptr;
      if (known_page == nullptr) return;
      place = known_page->host;
    }
    const u8* const table = memory.pointer(place, false);
    if (table == nullptr) return;
    const u8* const at = table + entry_offset(address, level);
    const u64 entry = word_at(at);
    if (level == 1 || (level == 2 && (entry & PageEntry::PS))) {
      known.large = level == 2;
      known.table = table;
      known.table_place = place;
      break;
    }
    if (entry & PageEntry::PS) return;
    take_rights(known.rights, entry);
    known.upper[known.count++] = {at, entry, place + entry_offset(address, level)};
    above = entry;
  }
  known.reserved = reserved_in_every_entry(state) | (known.large ? bit_range(13, 20) : 0);
  const unsigned slot = index(known.region, known.root);
  if (entries_[slot].table == nullptr) used_.note(slot);
  entries_[slot] = known;
}

void UpperLevels::visit_entry(Fields& visit, Entry& entry) {
  visit("region", entry.region);
  visit("root", entry.root);
  visit("count", entry.count);
  entry.count = std::min<unsigned>(entry.count, static_cast<unsigned>(entry.upper.size()));
  for (unsigned n = 0; n < entry.count; ++n) {
    visit("place", entry.upper[n].place);
    visit("value", entry.upper[n].value);
  }
  visit("large", entry.large);
  visit("user", entry.rights.user);
  visit("writable", entry.rights.writable);
  visit("executable", entry.rights.executable);
  visit("reserved", entry.reserved);
  visit("table", entry.table_place);
}

void UpperLevels::fields(Fields& visit, PhysicalMemory& memory) {
  u64 count = 0;
  for (const Entry& entry : entries_) count += entry.table != nullptr ? 1 : 0;
  visit("upper_levels", count);
  if (!visit.restoring()) {
    for (Entry& entry : entries_) {
      if (entry.table != nullptr) visit_entry(visit, entry);
    }
    return;
  }
  clear();
  for (u64 n = std::min<u64>(count, slots); n > 0; --n) {
    Entry entry;
    visit_entry(visit, entry);
    entry.table_place = entry.table_place.page();
    entry.table = memory.pointer(entry.table_place, false);
    bool good = entry.table != nullptr;
    for (unsigned i = 0; i < entry.count; ++i) {
      Upper& upper = entry.upper[i];
      upper.place = HostPhys(upper.place.value & ~u64{7});
      upper.at = memory.pointer(upper.place, false);
      good &= upper.at != nullptr;
    }
    const unsigned slot = index(entry.region, entry.root);
    if (!good || entries_[slot].table != nullptr) continue;
    used_.note(slot);
    entries_[slot] = entry;
  }
}

void StructurePages::fields(Fields& visit) {
  for (Entry& entry : entries_) {
    bool there = entry.guest != ~u64{0};
    visit("there", there);
    if (!there) {
      entry = {};
      continue;
    }
    visit("guest", entry.guest);
    visit("host", entry.host);
    visit("writable", entry.writable);
  }
}

}  // namespace ringside
