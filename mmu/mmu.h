// Owns address translation of one CPU: paging state, the page walk, TLB contexts and their invalidation.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cpu/arch/fault.h"
#include "cpu/arch/fields.h"
#include "cpu/arch/registers.h"
#include "mmu/physical_memory.h"
#include "mmu/tlb.h"
#include "mmu/walk.h"

namespace ringside {

struct PagePlace;  // mmu/known_pages.h
struct PageTraits;

// The registers that paging depends on. Set as a whole; the Mmu compares and drops what must go.
struct PagingRegisters {
  u64 cr0 = 0, cr3 = 0, cr4 = 0, efer = 0;
  u32 pkru = 0, pkrs = 0;
  u16 vpid = 0;
};

class Mmu : private MapListener {
 public:
  // physical_bits: MAXPHYADDR of the CPU model.
  Mmu(PhysicalMemory& memory, unsigned physical_bits);
  ~Mmu();

  // -- The fast path's side. Pointers change only inside the functions below.
  TlbView* data_view() const { return data_view_; }  // explicit accesses at the present privilege
  // Whoever needs data_view() at hand gets it written to `place`, now and whenever it changes, so that no
  // change of the translation can leave him with the view of another context. `place` has to outlive the
  // Mmu's use.
  void publish_data_view(TlbView*& place) {
    published_ = &place;
    place = data_view_;
  }
  TlbView* supervisor_view() const {
    return supervisor_view_;
  }  // implicit accesses: descriptor tables, TSS, IDT
  const FetchEntry* fetch_view() const { return fetch_view_; }  // tlb_entries entries
  // Where a store of 1 to 8 bytes goes that meets a page with code, but no line with code; nullptr: ask
  // translate(). Explicit accesses at the present privilege.
  u8* store_beside_code(u64 linear, unsigned size) const {
    const BesideEntry& entry = beside_view_[beside_index(linear)];
    if (((linear + size - 1) & ~u64{0xfff}) != entry.tag) return nullptr;
    // Once all code is gone, the page gets a write tag.
    if (*entry.lines == 0 || (*entry.lines & PhysicalMemory::line_mask(linear & 0xfff, size))) return nullptr;
    return reinterpret_cast<u8*>(linear + entry.addend);
  }
  // Differs whenever a cached "linear page -> code" relation may no longer hold for fetch_view().
  u64 fetch_epoch() const { return fetch_epoch_; }

  // -- Control. `registers` after a MOV to CR0/CR4/EFER, WRPKRU, VM entry or exit. Changes of paging mode
  // bits select or flush contexts as the manual's "Operations that Invalidate TLBs and Paging-Structure
  // Caches" says.
  void set_registers(const PagingRegisters& registers);
  // VM entry and exit: the second stage (nullptr: none) at once with the registers, so that no context is
  // chosen between.
  void set_registers(const PagingRegisters& registers, SecondStage* stage,
                     const SecondStageProbe* probe = nullptr);
  // MOV to CR3: flushes the PCID's non-global entries unless `keep` (bit 63 with CR4.PCIDE).
  void load_cr3(u64 cr3, bool keep);
  // PAE paging: reads the four PDPTEs of `cr3`; false if a present one has reserved bits set (the caller
  // raises #GP(0) and nothing changed). Succeeds and does nothing in other modes of `cr0/cr4/efer`. `fault`,
  // if asked for, is the #GP(0), or the second stage's refusal of the table.
  bool load_pdptes(u64 cr3, u64 cr0, u64 cr4, u64 efer, Fault* fault = nullptr);
  std::array<u64, 4>& pdptes() { return walk_state_.pdptes; }
  // The present privilege: CPL 3 or not, EFLAGS.AC; `check_alignment` (CR0.AM, EFLAGS.AC, CPL 3) takes the
  // fast path away.
  void set_privilege(bool user, bool ac, bool check_alignment);
  // nullptr: none. `probe` serves Mmu::probe(); without it a look asks `stage` itself, which may set its A/D
  // bits.
  void set_second_stage(SecondStage* stage, const SecondStageProbe* probe = nullptr);
  // In VMX operation A20M# has no effect ("Support for VMX": assertions of A20M are blocked).
  void block_a20m(bool blocked) {
    if (blocked != a20m_blocked_) memory_.block_a20m(blocked);
    a20m_blocked_ = blocked;
  }
  void set_gigabyte_pages(bool supported) {
    walk_state_.gigabyte_pages = supported;
  }  // of the CPU model; true at first
  // Data breakpoints: these linear pages get no fast tags. Every miss looks through them all: let them be
  // few.
  void set_watched_pages(std::span<const LinAddr> pages);
  // The same for whoever looks: pages by their bus address, and by the address before the second stage, which
  // counts only while there is one.
  void set_watched_frames(std::span<const HostPhys> frames, std::span<const GuestPhys> guest_frames);
  bool watches_frames() const { return !watched_frames_.empty() || !watched_guest_frames_.empty(); }

  // The page whose accesses VMX virtualizes: it gets no fast tags, so that each access asks translate(), and
  // a walk or a load of PDPTEs that meets it fails with SecondStageFault::apic_access.
  static constexpr HostPhys no_apic_access_page{~u64{0}};
  void set_apic_access_page(HostPhys page);
  HostPhys apic_access_page() const { return apic_access_page_; }

  void invlpg(LinAddr address);
  // Types of INVPCID: 0 address, 1 single context, 2 all including global, 3 all but global.
  void invpcid(unsigned type, u16 pcid, LinAddr address);
  void flush_all();                            // every context, globals included
  void flush_second_stage(u64 key, bool all);  // INVEPT: the contexts whose keys have the root of `key`
  void flush_vpid(u16 vpid, unsigned type, LinAddr address);  // INVVPID
  // A page became code: no context may hold a write tag for it.
  void drop_write_tags(HostPhys page);

  // -- Slow path. Walks (or finds) the translation of one byte's page, sets A/D bits, and fills the view that
  // the access belongs to. False: `fault` is a #PF or a second-stage fault, nothing was changed but A bits on
  // the way; or the #GP(0) of an address that is not canonical, which the caller should have met before.
  bool translate(LinAddr address, Access access, HostPhys& result, Fault& fault);
  // As translate, for looking only: sets no bits, fills no TLB, raises nothing; leaves the trail if asked.
  bool probe(LinAddr address, Access access, HostPhys& result, Fault& fault,
             WalkTrace* trace = nullptr) const;
  // As probe: where paging leads, before the second stage. nullopt: it would fault.
  std::optional<GuestPhys> probe_guest(LinAddr address, Access access) const;

  const PagingRegisters& registers() const { return registers_; }
  PhysicalMemory& memory() { return memory_; }
  unsigned physical_bits() const { return walk_state_.physical_bits; }
  bool canonical(u64 address) const {
    const unsigned shift = (registers_.cr4 & Cr4::LA57) && (registers_.efer & Efer::LMA) ? 7 : 16;
    return static_cast<u64>(static_cast<s64>(address << shift) >> shift) == address;
  }
  // What this CPU's TLB holds, as far as the guest may come to notice: a guest that forgets an invalidation
  // goes on with what was cached, and no walk sets flags for what is known. For saving, and for restoring
  // behind everything else. Not visited: what follows from memory, and fast tags.
  void translations(Fields& visit);
  struct Statistics {
    u64 walks = 0, context_switches = 0, flushes = 0;
  };
  static constexpr unsigned max_contexts = 24;
  const Statistics& statistics() const { return statistics_; }

 private:
  struct Context;
  struct DataSide;
  void map_changed() override;
  void write_pointers_expired() override;
  void select_context();  // by registers_ and the second stage
  void select_views();    // by context_ and the privilege
  void drop_stale_key_rights();
  void flush_vpid_contexts(u16 vpid);
  u16 pcid() const { return registers_.cr4 & Cr4::PCIDE ? registers_.cr3 & Cr3::pcid : 0; }
  bool watched(u64 page, const PagePlace& place) const;
  bool find_cached(u64 address, Access access, HostPhys& result);
  void fill(u64 address, Access access, const Translation& translation);
  void fill_fetch(bool user, u64 page, HostPhys host, PageTraits traits, u64 page_size);
  void give_read_tag(DataSide& side, unsigned slot, const PhysicalMemory::Page& page);
  void give_write_tag(DataSide& side, unsigned slot, const PhysicalMemory::Page& page, bool writes);
  void after_invalidation();  // takes over the current context's fetch epoch
  // Global pages that instructions were fetched from, of the contexts that share them with this one: the
  // page, or with `fragments` the large page, of an address; all.
  void drop_global_fetch(Context& context, u64 address, bool fragments);
  void forget_globals(Context& context, unsigned side);
  void flush_with_globals(Context& context);

  PhysicalMemory& memory_;
  PagingRegisters registers_;
  WalkState walk_state_;  // kept in step with registers_, ac_, the context and the second stage
  std::vector<std::unique_ptr<Context>> contexts_;
  Context* context_ = nullptr;
  std::unique_ptr<TlbView> empty_view_;
  TlbView* data_view_ = nullptr;
  TlbView** published_ = nullptr;
  TlbView* supervisor_view_ = nullptr;
  const FetchEntry* fetch_view_ = nullptr;
  std::array<BesideEntry, beside_entries> no_beside_;
  const BesideEntry* beside_view_ = nullptr;
  u64 fetch_epoch_ = 1;
  bool a20m_blocked_ = false;
  bool user_ = false, ac_ = false, check_alignment_ = false;
  u64 epochs_ = 1;  // the last fetch epoch given out
  u64 uses_ = 0;    // a clock for the replacement of contexts
  std::vector<u64>
      write_tagged_;  // a bit for each RAM page, by its dense number: some context may hold a write tag
  std::vector<LinAddr> watched_;
  std::vector<HostPhys> watched_frames_;
  std::vector<GuestPhys> watched_guest_frames_;
  bool any_watched_ = false;  // one of the three has members
  HostPhys apic_access_page_ = no_apic_access_page;
  HostPhys last_apic_access_page_ = no_apic_access_page;
  Statistics statistics_;
};

}  // namespace ringside
