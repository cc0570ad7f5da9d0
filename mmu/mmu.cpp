// Owns the present state of paging: its registers, the choice of a TLB context and of its views, and
// translation.
#include "mmu/mmu.h"

#include <algorithm>

#include "mmu/context.h"

namespace ringside {
namespace {

// With 5-level paging LAM_U48 turns a pointer to another page into one with metadata, although the pointer is
// canonical and its page may have a fast tag. Everywhere else what is masked never had one.
bool masks_canonical(const PagingRegisters& r) {
  return (r.cr4 & Cr4::LA57) && (r.cr3 & (Cr3::LAM_U57 | Cr3::LAM_U48)) == Cr3::LAM_U48;
}

}  // namespace

Mmu::Mmu(PhysicalMemory& memory, unsigned physical_bits)
    : memory_(memory), empty_view_(std::make_unique<TlbView>()) {
  walk_state_.physical_bits = std::clamp(physical_bits, 32u, 52u);
  memory_.add_listener(*this);
  select_context();
}

Mmu::~Mmu() {
  block_a20m(false);
  memory_.remove_listener(*this);
}

// "Operations that Invalidate TLBs and Paging-Structure Caches". Within one VPID a change of these bits is a
// MOV to a control register; between VPIDs it is a VM entry or exit, which keeps the other side's
// translations.
void Mmu::set_registers(const PagingRegisters& registers) {
  const PagingRegisters old = registers_;
  registers_ = registers;
  if (masks_canonical(old) != masks_canonical(registers)) flush_all();
  if (old.vpid == registers.vpid) {
    constexpr u64 flushing_cr4 = Cr4::PSE | Cr4::PAE | Cr4::PGE | Cr4::LA57;
    const bool smep_set = !(old.cr4 & Cr4::SMEP) && (registers.cr4 & Cr4::SMEP);
    const bool pcide_cleared = (old.cr4 & Cr4::PCIDE) && !(registers.cr4 & Cr4::PCIDE);
    if (((old.cr0 ^ registers.cr0) & Cr0::PG) || ((old.cr4 ^ registers.cr4) & flushing_cr4) ||
        ((old.efer ^ registers.efer) & Efer::LMA) || smep_set || pcide_cleared) {
      flush_vpid_contexts(registers.vpid);
    } else if (old.cr3 != registers.cr3) {
      for (auto& context : contexts_) {
        if (context->key.vpid == registers.vpid && context->key.pcid == pcid()) context->flush_non_global();
      }
    }
  }
  select_context();
}

void Mmu::set_registers(const PagingRegisters& registers, SecondStage* stage, const SecondStageProbe* probe) {
  walk_state_.stage = stage;
  walk_state_.stage_probe = probe;
  set_registers(registers);
}

void Mmu::load_cr3(u64 cr3, bool keep) {
  const bool masked = masks_canonical(registers_);
  // Bit 63 is a command, not a part of the register.
  registers_.cr3 = registers_.cr4 & Cr4::PCIDE ? cr3 & ~Cr3::no_flush : cr3;
  if (masks_canonical(registers_) != masked) flush_all();
  if (!keep) {
    ++statistics_.flushes;
    const u16 tag = pcid();
    for (auto& context : contexts_) {
      if (context->key.vpid == registers_.vpid && context->key.pcid == tag) context->flush_non_global();
    }
  }
  select_context();
}

bool Mmu::load_pdptes(u64 cr3, u64 cr0, u64 cr4, u64 efer, Fault* fault) {
  if (!PagingMode::of(cr0, cr4, efer).pae()) return true;
  std::array<u64, 4> loaded{};
  for (unsigned i = 0; i < 4; ++i) {
    const GuestPhys at((cr3 & 0xffffffe0) + i * 8);
    SecondStage::Result r{.address = HostPhys(at.value)};
    SecondStageFault refused;
    const StageAccess load{.purpose = StageAccess::Purpose::pdpte_load};
    if (walk_state_.stage != nullptr && !walk_state_.stage->translate(at, load, r, refused)) {
      if (fault == nullptr) return false;
      *fault = Fault{};
      fault->kind = Fault::Kind::second_stage;
      fault->stage = refused;
      fault->stage.address = at;
      return false;
    }
    if (r.address.page() == apic_access_page_) [[unlikely]] {
      if (fault == nullptr) return false;
      *fault = Fault{};
      fault->kind = Fault::Kind::second_stage;
      fault->stage.apic_access = true;
      fault->stage.address = at;
      return false;
    }
    loaded[i] = memory_.read(r.address, 8);
    if ((loaded[i] & PageEntry::P) && (loaded[i] & reserved_pdpte_bits(physical_bits()))) {
      if (fault != nullptr) *fault = Fault::exception(Vector::GP);
      return false;
    }
  }
  walk_state_.pdptes = loaded;
  return true;
}

void Mmu::set_privilege(bool user, bool ac, bool check_alignment) {
  if (user == user_ && ac == ac_ && check_alignment == check_alignment_) return;
  user_ = user;
  ac_ = ac;
  check_alignment_ = check_alignment;
  select_views();
}

// Where the page moves without an INVVPID or INVEPT, the manual lets software rely on little. Here everything
// that was cached goes, so that it may rely on all.
void Mmu::set_apic_access_page(HostPhys page) {
  apic_access_page_ = walk_state_.apic_access_page = page;
  if (page == no_apic_access_page || page == last_apic_access_page_) return;
  last_apic_access_page_ = page;
  flush_all();
}

void Mmu::set_second_stage(SecondStage* stage, const SecondStageProbe* probe) {
  walk_state_.stage = stage;
  walk_state_.stage_probe = probe;
  select_context();
}

void Mmu::select_context() {
  const ContextKey key{registers_.vpid, pcid(), walk_state_.stage != nullptr ? walk_state_.stage->key() : 0,
                       PagingMode::of(registers_.cr0, registers_.cr4, registers_.efer)};
  if (context_ == nullptr || !(context_->key == key)) {
    ++statistics_.context_switches;
    const auto found =
        std::find_if(contexts_.begin(), contexts_.end(), [&](auto& c) { return c->key == key; });
    if (found != contexts_.end()) {
      context_ = found->get();
    } else if (contexts_.size() < max_contexts) {
      contexts_.push_back(std::make_unique<Context>(key));
      context_ = contexts_.back().get();
      context_->share_globals(contexts_, epochs_);
    } else {
      const auto oldest = std::min_element(contexts_.begin(), contexts_.end(),
                                           [](auto& a, auto& b) { return a->last_used < b->last_used; });
      context_ = oldest->get();
      context_->flush(epochs_);
      context_->adopt(key);
      context_->share_globals(contexts_, epochs_);
    }
    context_->last_used = ++uses_;
  }
  drop_stale_key_rights();
  walk_state_.rights.mode = key.mode;
  walk_state_.rights.pkru = registers_.pkru;
  walk_state_.rights.pkrs = registers_.pkrs;
  walk_state_.cr3 = registers_.cr3;
  walk_state_.structure_pages = &context_->structure_pages;
  select_views();
}

// A context's entries were judged with the PKRU and IA32_PKRS of their time. Only rights that a key has lost
// matter: what was refused has no entry.
void Mmu::drop_stale_key_rights() {
  const auto lost = [](u32 old, u32 now, u16 keys) {
    const u32 taken = now & ~old;
    for (unsigned key = 0; key < 16; ++key) {
      if ((keys >> key & 1) && (taken >> (2 * key) & 3)) return true;
    }
    return false;
  };
  Context& c = *context_;
  if (c.pkru == registers_.pkru && c.pkrs == registers_.pkrs) return;
  if (lost(c.pkru, registers_.pkru, c.user_keys) || lost(c.pkrs, registers_.pkrs, c.supervisor_keys)) {
    c.flush(epochs_);
  }
  c.pkru = registers_.pkru;
  c.pkrs = registers_.pkrs;
}

void Mmu::select_views() {
  walk_state_.rights.ac = ac_;
  supervisor_view_ = &context_->data[Context::supervisor]->view;
  DataSide& side = context_->side(Access{AccessKind::read, user_}, ac_);
  data_view_ = check_alignment_ ? empty_view_.get() : &side.view;
  if (published_ != nullptr) *published_ = data_view_;
  beside_view_ = check_alignment_ ? no_beside_.data() : side.beside.data();
  fetch_view_ = context_->fetch[user_ ? 0 : 1].table.entries();
  after_invalidation();
}

void Mmu::after_invalidation() { fetch_epoch_ = context_->fetch_epoch(user_); }

// In line at the top of its one caller: most of translate()'s calls miss here.
[[gnu::always_inline]] inline bool Mmu::find_cached(u64 address, Access access, HostPhys& result) {
  const u64 page = address & ~u64{0xfff};
  const unsigned slot = tlb_index(page);
  if (access.kind == AccessKind::execute) {
    if (!context_->find_fetch(access.user, page, result)) return false;
    result = result + (address & 0xfff);
    return true;
  }
  DataSide& side = context_->side(access, ac_);
  const bool writes = access.kind == AccessKind::write;
  auto& known = writes ? side.write : side.read;
  if (known.page(slot) != page) return false;
  result = known.place(slot).host + (address & 0xfff);
  if (known.fast(slot).tag == page || (writes && side.lies_beside(page))) return true;
  PhysicalMemory::Page info;
  if (!memory_.page(result, info)) return true;
  if (writes)
    give_write_tag(side, slot, info, true);
  else
    give_read_tag(side, slot, info);
  return true;
}

bool Mmu::translate(LinAddr address, Access access, HostPhys& result, Fault& fault) {
  if (find_cached(address.value, access, result)) return true;
  if (walk_state_.rights.mode.four_or_five_levels() && !canonical(address.value)) {
    fault = Fault::exception(Vector::GP);
    return false;
  }
  ++statistics_.walks;
  context_->walked = true;
  Translation translation;
  // Without a second stage the upper levels outlive flushes; but a walk must meet the APIC-access page.
  const bool shortcut = walk_state_.stage != nullptr || apic_access_page_ == no_apic_access_page;
  const bool has_upper_levels = shortcut && walk_state_.rights.mode.four_or_five_levels();
  if (!has_upper_levels ||
      !context_->upper_levels.find(walk_state_, address.value, access, memory_, translation)) {
    if (!walk(memory_, walk_state_, address, access, translation, fault)) {
      // A page fault, and an EPT violation, invalidate what is cached for the address; the latter the
      // guest-physical one, too.
      context_->drop_small_page(address.page().value, false, epochs_);
      drop_global_fetch(*context_, address.value, false);
      if (fault.kind == Fault::Kind::second_stage) {
        context_->structure_pages.drop(fault.stage.address);
        context_->upper_levels.clear();
      }
      after_invalidation();
      return false;
    }
    if (has_upper_levels) context_->upper_levels.learn(walk_state_, address.value, memory_);
  }
  result = translation.address;
  fill(address.value, access, translation);
  return true;
}

void Mmu::fill(u64 address, Access access, const Translation& t) {
  PhysicalMemory::Page page;
  if (!memory_.page(t.address, page)) return;
  const u64 tag = address & ~u64{0xfff};
  const PagePlace place{t.address.page(), t.guest.page()};
  if (place.host == apic_access_page_) return;
  Context& c = *context_;
  const PageTraits traits{t.global && walk_state_.rights.mode.on(Cr4::PGE), t.page_size != page_bytes};
  if (traits.global) c.note_global(tag);
  if (traits.fragment) c.note_large(address, t.page_size);
  if (access.kind == AccessKind::execute) {
    fill_fetch(access.user, tag, place.host, traits, t.page_size);
    return;
  }
  if (walk_state_.rights.mode.on(Cr4::PKE | Cr4::PKS)) {
    (t.rights.user ? c.user_keys : c.supervisor_keys) |= static_cast<u16>(1u << t.rights.key);
  }
  DataSide& side = c.side(access, ac_);
  const unsigned slot = tlb_index(tag);
  // What was not asked for comes along only where it evicts nothing: loads from one page and stores to
  // another on the same slot would take turns to miss.
  const bool writes = access.kind == AccessKind::write;
  if (t.stage_reads && (!writes || side.read.has_room(tag))) {
    side.read.fill(tag, place, traits);
    give_read_tag(side, slot, page);
  }
  // A page is known for writing once its dirty flags are set in both stages, so that no later write has a
  // flag to set. A read that finds them set makes the page known for writing, too.
  if (!t.dirty || !t.stage_writes) return;
  if (!writes) {
    if (!side.write.has_room(tag)) return;
    Access later = access;
    later.kind = AccessKind::write;
    if (!refusal(walk_state_.rights, t.rights, later).empty()) return;
  }
  side.fill_write(tag, place, traits);
  give_write_tag(side, slot, page, writes);
}

void Mmu::fill_fetch(bool user, u64 page, HostPhys host, PageTraits traits, u64 page_size) {
  if (traits.global) {
    const unsigned side = user ? 0 : 1;
    if (context_->globals->full(side)) forget_globals(*context_, side);
    context_->globals->put(side, page, host, page_size);
  }
  context_->fill_fetch(user, page, host, traits, epochs_);
  after_invalidation();
}

void Mmu::give_read_tag(DataSide& side, unsigned slot, const PhysicalMemory::Page& page) {
  if (!any_watched_ || !watched(side.read.page(slot), side.read.place(slot)))
    side.read.give_tag(slot, page.bytes);
}

// `writes`: the page is about to be written. Else it gets its tag only if that has nothing to tell to those
// who have a mark on the page.
void Mmu::give_write_tag(DataSide& side, unsigned slot, const PhysicalMemory::Page& page, bool writes) {
  if (!page.ram || (any_watched_ && watched(side.write.page(slot), side.write.place(slot)))) return;
  if (!writes && (page.has_code || !page.marked)) return;
  const HostPhys host = side.write.place(slot).host;
  if (!page.marked) memory_.pointer(host, true);
  if (page.has_code) {
    const u64 linear = side.write.page(slot);
    side.put_beside({linear, reinterpret_cast<u64>(page.bytes) - linear, page.code_lines, host});
    return;
  }
  side.write.give_tag(slot, page.bytes);
  if (page.number / 64 >= write_tagged_.size()) write_tagged_.resize((memory_.ram_pages() + 63) / 64);
  write_tagged_[page.number / 64] |= bit(page.number % 64);
}

std::optional<GuestPhys> Mmu::probe_guest(LinAddr address, Access access) const {
  Translation translation;
  Fault fault;
  if (walk_state_.rights.mode.four_or_five_levels() && !canonical(address.value)) return std::nullopt;
  if (!look(memory_, walk_state_, address, access, translation, fault, nullptr)) return std::nullopt;
  return translation.guest;
}

bool Mmu::probe(LinAddr address, Access access, HostPhys& result, Fault& fault, WalkTrace* trace) const {
  if (walk_state_.rights.mode.four_or_five_levels() && !canonical(address.value)) {
    fault = Fault::exception(Vector::GP);
    return false;
  }
  Translation translation;
  if (!look(memory_, walk_state_, address, access, translation, fault, trace)) return false;
  result = translation.address;
  return true;
}

}  // namespace ringside
