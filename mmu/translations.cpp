// Owns the visit of what a CPU's TLB holds, for saving and restoring it.
#include <algorithm>

#include "mmu/context.h"
#include "mmu/mmu.h"

namespace ringside {

namespace {

void visit_key(Fields& visit, ContextKey& key) {
  visit("vpid", key.vpid);
  visit("pcid", key.pcid);
  visit("stage", key.stage);
  visit("mode", key.mode.bits);
}

void visit_page(Fields& visit, u64& page, PagePlace& place, PageTraits& traits) {
  visit("page", page);
  visit("host", place.host);
  visit("guest", place.guest);
  visit("global", traits.global);
  visit("fragment", traits.fragment);
}

}  // namespace

void Mmu::Context::visit_pages(Fields& visit, PageTable<KnownDataPages>& pages) {
  u64 count = 0;
  for (unsigned slot = 0; slot < tlb_entries; ++slot) count += pages.page(slot) != TlbEntry::none ? 1 : 0;
  visit("pages", count);
  u64 page = 0;
  PagePlace place;
  PageTraits traits;
  if (visit.restoring()) {
    for (u64 n = std::min<u64>(count, tlb_entries); n > 0; --n) {
      visit_page(visit, page, place, traits);
      pages.fill(page & ~u64{0xfff}, PagePlace{place.host.page(), place.guest.page()}, traits);
    }
    return;
  }
  for (unsigned slot = 0; count > 0 && slot < tlb_entries; ++slot) {
    if (pages.page(slot) == TlbEntry::none) continue;
    --count;
    page = pages.page(slot);
    place = pages.place(slot);
    traits = pages.traits(slot);
    visit_page(visit, page, place, traits);
  }
}

// Which pages of a context's own are in the table and which gave way is no matter: in the order of addresses.
void Mmu::Context::visit_fetches(Fields& visit, FetchSide& side) {
  std::map<u64, FetchSide::Evicted> own;
  if (!visit.restoring()) {
    own = side.evicted;
    side.table.for_each([&](unsigned slot) {
      if (!side.table.is_global(slot))
        own[side.table.page(slot)] = {side.table.place(slot), side.table.traits(slot).fragment};
    });
  }
  u64 count = own.size();
  visit("fetches", count);
  visit("all_global", side.all_global);
  const auto visit_one = [&](u64& page, FetchSide::Evicted& known) {
    visit("page", page);
    visit("host", known.host);
    visit("fragment", known.fragment);
  };
  if (visit.restoring()) {
    for (u64 n = std::min<u64>(count, FetchSide::most); n > 0; --n) {
      u64 page = 0;
      FetchSide::Evicted known;
      visit_one(page, known);
      page &= ~u64{0xfff};
      side.drop_own(page);
      ++side.known;
      side.insert(page, known.host.page(), {false, known.fragment});
    }
    return;
  }
  for (auto& [at, known] : own) {
    u64 page = at;
    visit_one(page, known);
  }
}

// Restoring begins with a context that was flushed and has its key.
void Mmu::Context::fields(Fields& visit, u64& epochs) {
  visit("last_used", last_used);
  visit("pkru", pkru);
  visit("pkrs", pkrs);
  visit("user_keys", user_keys);
  visit("supervisor_keys", supervisor_keys);
  visit("fruitless", fruitless);
  global_slots.for_each_word([&](u64& word) { visit("global_slots", word); });
  large.fields(visit);
  huge.fields(visit);
  for (auto& side : data) {
    if (!side) continue;
    visit_pages(visit, side->read);
    visit_pages(visit, side->write);
  }
  for (FetchSide& side : fetch) {
    visit_fetches(visit, side);
    if (visit.restoring()) side.private_epoch = ++epochs;
  }
  if (visit.restoring()) walked = true;
  if (key.stage != 0) structure_pages.fields(visit);
}

void Mmu::translations(Fields& visit) {
  visit.group("tlb");
  visit("apic_access_page", last_apic_access_page_);
  visit("uses", uses_);
  u64 count = contexts_.size();
  visit("contexts", count);
  if (visit.restoring()) {
    for (auto& context : contexts_) flush_with_globals(*context);
    contexts_.resize(std::clamp<u64>(count, 1, max_contexts));
    context_ = nullptr;
  }
  for (std::size_t n = 0; n < contexts_.size(); ++n) {
    ContextKey key = contexts_[n] ? contexts_[n]->key : ContextKey{};
    visit_key(visit, key);
    if (visit.restoring()) {
      if (!contexts_[n]) contexts_[n] = std::make_unique<Context>(key);
      contexts_[n]->adopt(key);
      contexts_[n]->share_globals(std::span(contexts_).first(n), epochs_);
    }
    Context& context = *contexts_[n];
    context.fields(visit, epochs_);
    if (key.stage != 0) context.upper_levels.fields(visit, memory_);
    const auto first = std::find_if(contexts_.begin(), contexts_.end(),
                                    [&](auto& c) { return c->globals == context.globals; });
    if (first->get() == &context) context.globals->fields(visit);
  }
  visit.end();
  if (!visit.restoring()) return;
  // The choice of the present context was the last one that was made.
  const u64 uses = uses_;
  select_context();
  context_->last_used = uses_ = uses;
}

}  // namespace ringside
