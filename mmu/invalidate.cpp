// Owns the invalidations of cached translations: INVLPG, INVPCID, INVVPID, INVEPT, and those the emulator
// itself needs.
#include <algorithm>

#include "mmu/context.h"
#include "mmu/mmu.h"

namespace ringside {

// "INVLPG": the current PCID's entries for the page, and global ones of every PCID, in the current VPID.
void Mmu::invlpg(LinAddr address) {
  const u16 tag = pcid();
  for (auto& context : contexts_) {
    if (context->key.vpid != registers_.vpid) continue;
    if (context->key.pcid == tag) {
      context->drop_page(address.value, false, epochs_);
    } else if (context->may_hold_global(address.value)) {
      context->drop_page(address.value, true, epochs_);
    }
  }
  after_invalidation();
}

void Mmu::invpcid(unsigned type, u16 pcid, LinAddr address) {
  ++statistics_.flushes;
  for (auto& context : contexts_) {
    if (context->key.vpid != registers_.vpid) continue;
    const bool same = context->key.pcid == pcid;
    switch (type) {
      // The manual lets global translations go, too, and one page is no great loss.
      case 0:
        if (same) context->drop_page(address.value, false, epochs_);
        break;
      case 1:
        if (same) context->flush_non_global();
        break;
      case 2: context->flush(epochs_); break;
      default: context->flush_non_global(); break;
    }
  }
  after_invalidation();
}

void Mmu::flush_all() {
  ++statistics_.flushes;
  for (auto& context : contexts_) context->flush(epochs_);
  after_invalidation();
}

void Mmu::map_changed() {
  flush_all();
  for (auto& context : contexts_) context->upper_levels.clear();
}

void Mmu::write_pointers_expired() {
  for (auto& context : contexts_) {
    for (auto& side : context->data) {
      if (!side) continue;
      side->write.flush();
      side->clear_beside();
    }
  }
}

void Mmu::flush_vpid_contexts(u16 vpid) {
  ++statistics_.flushes;
  for (auto& context : contexts_) {
    if (context->key.vpid == vpid) context->flush(epochs_);
  }
}

void Mmu::flush_second_stage(u64 key, bool all) {
  ++statistics_.flushes;
  for (auto& context : contexts_) {
    const u64 stage = context->key.stage;
    if (stage != 0 && (all || ((stage ^ key) & SecondStage::root_bits) == 0)) context->flush(epochs_);
  }
  after_invalidation();
}

// "INVVPID": types 0 individual address, 1 single context, 2 all contexts but VPID 0, 3 single context,
// retaining globals.
void Mmu::flush_vpid(u16 vpid, unsigned type, LinAddr address) {
  ++statistics_.flushes;
  for (auto& context : contexts_) {
    const bool same = context->key.vpid == vpid;
    switch (type) {
      case 0:
        if (same) context->drop_page(address.value, false, epochs_);
        break;
      case 1:
        if (same) context->flush(epochs_);
        break;
      case 2:
        if (context->key.vpid != 0) context->flush(epochs_);
        break;
      default:
        if (same) context->flush_non_global();
        break;
    }
  }
  after_invalidation();
}

void Mmu::drop_write_tags(HostPhys page) {
  PhysicalMemory::Page info;
  if (!memory_.page(page, info) || !info.ram) return;
  const u64 word = info.number / 64;
  if (word >= write_tagged_.size() || !(write_tagged_[word] >> (info.number % 64) & 1)) return;
  write_tagged_[word] &= ~bit(info.number % 64);
  const u64 host = reinterpret_cast<u64>(info.bytes);
  for (auto& context : contexts_) {
    for (auto& side : context->data) {
      if (!side || side->write.empty()) continue;
      side->write.drop_if([=](const TlbEntry& entry) { return entry.tag + entry.addend == host; });
    }
  }
}

bool Mmu::watched(u64 page) const {
  return std::any_of(watched_.begin(), watched_.end(), [=](LinAddr w) { return w.page().value == page; });
}

bool Mmu::watched(HostPhys frame, GuestPhys guest) const {
  const auto is = [](auto page) { return [=](auto w) { return w.page() == page.page(); }; };
  return std::any_of(watched_frames_.begin(), watched_frames_.end(), is(frame)) ||
         (walk_state_.stage != nullptr &&
          std::any_of(watched_guest_frames_.begin(), watched_guest_frames_.end(), is(guest)));
}

void Mmu::set_watched_pages(std::span<const LinAddr> pages) {
  watched_.assign(pages.begin(), pages.end());
  for (const LinAddr page : watched_) {
    for (auto& context : contexts_) context->drop_data_page(page.page().value);
  }
}

void Mmu::set_watched_frames(std::span<const HostPhys> frames, std::span<const GuestPhys> guest_frames) {
  watched_frames_.assign(frames.begin(), frames.end());
  for (const HostPhys frame : watched_frames_) {
    PhysicalMemory::Page page;
    if (!memory_.page(frame, page)) continue;  // a device's has no tags
    for (auto& context : contexts_) context->drop_data_frame(reinterpret_cast<u64>(page.bytes));
  }
  const bool new_ones = std::any_of(guest_frames.begin(), guest_frames.end(), [&](GuestPhys frame) {
    return std::find(watched_guest_frames_.begin(), watched_guest_frames_.end(), frame) ==
           watched_guest_frames_.end();
  });
  watched_guest_frames_.assign(guest_frames.begin(), guest_frames.end());
  if (!new_ones) return;
  // A tag does not say what it was before the second stage.
  for (auto& context : contexts_) {
    if (context->key.stage != 0) context->drop_all_data();
  }
}

}  // namespace ringside
