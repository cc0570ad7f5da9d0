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
    } else if (context->may_have_global(address.value)) {
      context->drop_page(address.value, true, epochs_);
    }
    if (context->globals->any()) drop_global_fetch(*context, address.value, true);
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
        if (!same) break;
        context->drop_page(address.value, false, epochs_);
        drop_global_fetch(*context, address.value, true);
        break;
      case 1:
        if (same) context->flush_non_global();
        break;
      case 2: flush_with_globals(*context); break;
      default: context->flush_non_global(); break;
    }
  }
  after_invalidation();
}

void Mmu::flush_all() {
  ++statistics_.flushes;
  for (auto& context : contexts_) flush_with_globals(*context);
  after_invalidation();
}

void Mmu::drop_global_fetch(Context& context, u64 address, bool fragments) {
  GlobalFetches& globals = *context.globals;
  const u64 page = address & ~u64{0xfff};
  for (unsigned side = 0; side < 2; ++side) {
    if (!globals.may_have(side, address)) continue;
    if (!(fragments ? globals.drop_page(side, address, epochs_)
                    : globals.drop_small_page(side, page, epochs_)))
      continue;
    // Its copies go from every context. No page is larger than a GByte.
    for (auto& other : contexts_) {
      if (other->globals != context.globals) continue;
      const u64 bytes = fragments ? bit(30) : page_bytes;
      other->drop_fetch_copies(side, address & ~(bytes - 1), bytes, epochs_);
    }
  }
}

void Mmu::forget_globals(Context& context, unsigned side) {
  if (!context.globals->clear(side, epochs_)) return;
  for (auto& other : contexts_) {
    if (other->globals == context.globals) other->drop_fetch_copies(side, 0, ~u64{0}, epochs_);
  }
}

void Mmu::flush_with_globals(Context& context) {
  context.flush(epochs_);
  for (unsigned side = 0; side < 2; ++side) forget_globals(context, side);
}

void Mmu::map_changed() {
  flush_all();
  for (auto& context : contexts_) context->upper_levels.clear();
}

void Mmu::write_pointers_expired() {
  for (auto& context : contexts_) {
    for (auto& side : context->data) {
      if (!side) continue;
      side->write.for_each([&](unsigned slot) { side->write.fast(slot).tag = TlbEntry::none; });
      side->clear_beside();
    }
  }
}

void Mmu::flush_vpid_contexts(u16 vpid) {
  ++statistics_.flushes;
  for (auto& context : contexts_) {
    if (context->key.vpid == vpid) flush_with_globals(*context);
  }
}

void Mmu::flush_second_stage(u64 key, bool all) {
  ++statistics_.flushes;
  for (auto& context : contexts_) {
    const u64 stage = context->key.stage;
    if (stage != 0 && (all || ((stage ^ key) & SecondStage::root_bits) == 0)) flush_with_globals(*context);
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
        if (!same) break;
        context->drop_page(address.value, false, epochs_);
        drop_global_fetch(*context, address.value, true);
        break;
      case 1:
        if (same) flush_with_globals(*context);
        break;
      case 2:
        if (context->key.vpid != 0) flush_with_globals(*context);
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
      side->write.for_each([&](unsigned slot) {
        TlbEntry& entry = side->write.fast(slot);
        if (entry.tag != TlbEntry::none && entry.tag + entry.addend == host) entry.tag = TlbEntry::none;
      });
    }
  }
}

bool Mmu::watched(u64 page, const PagePlace& place) const {
  const auto is = [](auto of) { return [=](auto w) { return w.page() == of.page(); }; };
  return std::any_of(watched_.begin(), watched_.end(), is(LinAddr(page))) ||
         std::binary_search(watched_frames_.begin(), watched_frames_.end(), place.host.page()) ||
         (walk_state_.stage != nullptr &&
          std::any_of(watched_guest_frames_.begin(), watched_guest_frames_.end(), is(place.guest)));
}

void Mmu::set_watched_pages(std::span<const LinAddr> pages) {
  watched_.assign(pages.begin(), pages.end());
  any_watched_ = watches_frames() || !watched_.empty();
  for (const LinAddr page : watched_) {
    for (auto& context : contexts_) context->drop_fast(page.page().value);
  }
}

void Mmu::set_watched_frames(std::span<const HostPhys> frames, std::span<const GuestPhys> guest_frames) {
  // Who looks at everything names all of memory: frames are looked for, not gone through.
  watched_frames_.clear();
  for (const HostPhys frame : frames) watched_frames_.push_back(frame.page());
  std::sort(watched_frames_.begin(), watched_frames_.end());
  watched_guest_frames_.assign(guest_frames.begin(), guest_frames.end());
  any_watched_ = watches_frames() || !watched_.empty();
  std::vector<u64> hosts;
  for (const HostPhys frame : watched_frames_) {
    PhysicalMemory::Page page;
    if (memory_.page(frame, page))  // a device's has no tags
      hosts.push_back(reinterpret_cast<u64>(page.bytes));
  }
  std::sort(hosts.begin(), hosts.end());
  for (auto& context : contexts_) {
    if (hosts.empty()) break;
    context->drop_fast_if([&](const PagePlace&, const TlbEntry& entry) {
      return std::binary_search(hosts.begin(), hosts.end(), entry.tag + entry.addend);
    });
  }
  for (const GuestPhys frame : watched_guest_frames_) {
    for (auto& context : contexts_) {
      if (context->key.stage == 0) continue;
      context->drop_fast_if(
          [=](const PagePlace& place, const TlbEntry&) { return place.guest == frame.page(); });
    }
  }
}

}  // namespace ringside
