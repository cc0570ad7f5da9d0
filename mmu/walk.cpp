// Owns the page walk: one function a paging mode, one statement a clause of the manual's chapter "Paging".
#include "mmu/walk.h"

#include <algorithm>

#include "mmu/stage_access.h"

namespace ringside {

u64 reserved_in_every_entry(const WalkState& state) {
  const unsigned top = state.rights.mode.four_or_five_levels() ? 51 : 62;
  u64 reserved = state.physical_bits <= top ? bit_range(state.physical_bits, top) : 0;
  if (!state.rights.mode.on(Efer::NXE)) reserved |= PageEntry::XD;
  return reserved;
}

namespace {

// Those that depend on the level and on PS; `level` as in WalkStep.
u64 level_reserved_bits(const WalkState& state, unsigned level, u64 entry) {
  if (level >= 4) return PageEntry::PS;
  if (!(entry & PageEntry::PS)) return 0;
  if (level == 3) return state.gigabyte_pages ? bit_range(13, 29) : PageEntry::PS;
  if (level == 2) return bit_range(13, 20);
  return 0;
}

// One walk. `acting`: sets A and D bits; else it only looks, and may leave a trail.
template <bool acting>
class Walker {
 public:
  Walker(PhysicalMemory& memory, const WalkState& state, LinAddr address, Access access, Translation& result,
         Fault& fault, WalkTrace* trace)
      : memory_(memory),
        s_(state),
        linear_(address),
        access_(access),
        out_(result),
        fault_(fault),
        trace_(trace) {}

  bool run() {
    out_ = Translation{};
    const PagingMode mode = s_.rights.mode;
    if (!mode.paging()) return no_paging();
    if (mode.thirty_two_bit()) return thirty_two_bit();
    if (mode.pae()) return pae();
    return four_or_five_levels();
  }

 private:
  // An entry that was read, and where, so that its A and D bits can be set.
  struct Entry {
    u64 value = 0;
    GuestPhys at;
    HostPhys host;
    unsigned size = 8;
    bool host_writable = true;  // no question to the second stage is needed before a write
  };

  // Linear addresses are physical addresses.
  bool no_paging() {
    out_.dirty = true;
    return finish(GuestPhys(linear_.value & 0xffffffff));
  }

  // "32-Bit Paging".
  bool thirty_two_bit() {
    const u64 a = linear_.value & 0xffffffff;
    Entry pde;
    if (!read_entry(2, GuestPhys((s_.cr3 & 0xfffff000) | (a >> 22 << 2)), 4, pde)) return false;
    if (!(pde.value & PageEntry::P)) return page_fault(PageFaultCause::not_present, "the PDE is not present");
    if ((pde.value & PageEntry::PS) && s_.rights.mode.on(Cr4::PSE)) {
      // PSE-36: bits 20:13 are bits 39:32 of the address; those beyond MAXPHYADDR, and bit 21, are reserved.
      const unsigned m = std::min(s_.physical_bits, 40u);
      if (pde.value & bit_range(m - 19, 21)) {
        return page_fault(PageFaultCause::reserved_bit, "the PDE of a 4-MByte page has a reserved bit set");
      }
      take_rights(pde.value);
      out_.page_size = bit(22);
      const u64 high = (pde.value >> 13 & 0xff) << 32;
      return leaf(pde, GuestPhys(high | (pde.value & 0xffc00000) | (a & bit_range(0, 21))));
    }
    take_rights(pde.value);
    if (!set_bits(pde, PageEntry::A)) return false;

    Entry pte;
    if (!read_entry(1, GuestPhys((pde.value & 0xfffff000) | (a >> 12 & 0x3ff) << 2), 4, pte)) return false;
    if (!(pte.value & PageEntry::P)) return page_fault(PageFaultCause::not_present, "the PTE is not present");
    take_rights(pte.value);
    return leaf(pte, GuestPhys((pte.value & 0xfffff000) | (a & 0xfff)));
  }

  // "PAE Paging": the PDPTEs are registers; they have no rights and no A bit, and were checked when loaded.
  bool pae() {
    const u64 a = linear_.value & 0xffffffff;
    const u64 pdpte = s_.pdptes[a >> 30];
    if (trace_ != nullptr)
      trace_->add({3, false, GuestPhys((s_.cr3 & 0xffffffe0) + (a >> 30) * 8), pdpte, {}});
    if (!(pdpte & PageEntry::P)) return page_fault(PageFaultCause::not_present, "the PDPTE is not present");
    return levels(a, 2, pdpte);
  }

  // "4-Level Paging and 5-Level Paging".
  bool four_or_five_levels() { return levels(linear_.value, s_.rights.mode.on(Cr4::LA57) ? 5 : 4, s_.cr3); }

  // The levels of 64-bit entries from `level` down; `above` holds the first table's address.
  bool levels(u64 a, unsigned level, u64 above) {
    const u64 always_reserved = reserved_in_every_entry(s_);
    for (;; --level) {
      const unsigned shift = 12 + 9 * (level - 1);
      Entry entry;
      if (!read_entry(level, GuestPhys((above & frame_mask()) | (a >> shift & 0x1ff) << 3), 8, entry))
        return false;
      if (!(entry.value & PageEntry::P))
        return page_fault(PageFaultCause::not_present, "the entry is not present");
      if (entry.value & (always_reserved | level_reserved_bits(s_, level, entry.value))) {
        return page_fault(PageFaultCause::reserved_bit, "the entry has a reserved bit set");
      }
      take_rights(entry.value);
      if (level == 1 || (entry.value & PageEntry::PS)) {
        const u64 inside = bit(shift) - 1;
        out_.page_size = bit(shift);
        if (s_.rights.mode.four_or_five_levels()) {
          out_.rights.key = static_cast<u8>((entry.value & PageEntry::key) >> 59);
        }
        return leaf(entry, GuestPhys((entry.value & frame_mask() & ~inside) | (a & inside)));
      }
      if (!set_bits(entry, PageEntry::A)) return false;
      above = entry.value;
    }
  }

  // The entry that maps the page: rights, then the second stage, and only then its A and D bits, so that a
  // fault leaves them alone.
  bool leaf(Entry& entry, GuestPhys address) {
    out_.global = entry.value & PageEntry::G;
    const std::string_view why = refusal(s_.rights, out_.rights, access_);
    if (!why.empty()) return page_fault(PageFaultCause::rights, why);
    if (!finish(address)) return false;
    u64 bits = PageEntry::A;
    if (access_.kind == AccessKind::write) bits |= PageEntry::D;
    if (!set_bits(entry, bits)) return false;
    out_.dirty = entry.value & PageEntry::D;
    return true;
  }

  // The address as the second stage, if there is one, and the A20 gate see it.
  bool finish(GuestPhys address) {
    out_.guest = address;
    SecondStage::Result r{
        .address = HostPhys(address.value), .writable = true, .readable = true, .executable = true};
    if (s_.stage != nullptr) {
      const StageAccess a = s_.rights.mode.paging() ? translation_access(access_.kind, out_.rights)
                                                    : StageAccess{.kind = access_.kind};
      if (!second_stage(address, a, r)) return false;
    }
    out_.address = memory_.gated(r.address);
    out_.stage_reads = r.readable;
    out_.stage_writes = r.writable;
    out_.stage_executes = r.executable;
    return true;
  }

  // "Access rights ... R/W is 1 in every paging-structure entry", and so on.
  void take_rights(u64 entry) {
    if (!(entry & PageEntry::US)) out_.rights.user = false;
    if (!(entry & PageEntry::RW)) out_.rights.writable = false;
    if (entry & PageEntry::XD)
      out_.rights.executable = false;  // with EFER.NXE = 0 it is reserved, and faulted
  }

  bool read_entry(unsigned level, GuestPhys at, unsigned size, Entry& entry) {
    entry.at = at;
    entry.host = HostPhys(at.value);
    entry.size = size;
    if (s_.stage != nullptr && !place_entry(entry)) return false;
    if (entry.host.page() == s_.apic_access_page) [[unlikely]]
      return on_apic_access_page(level, entry);
    if (!acting && memory_.is_mmio(entry.host)) {
      // Looking must not disturb a device: its registers are shown as a hole.
      entry.value = size == 8 ? ~u64{0} : 0xffffffff;
    } else {
      entry.value = size == 8 ? memory_.read_word<u64>(entry.host) : memory_.read_word<u32>(entry.host);
    }
    if (trace_ != nullptr) trace_->add({static_cast<u8>(level), false, at, entry.value, {}});
    return true;
  }

  // "Guest-Physical Accesses to the APIC-Access Page", "Physical Accesses to the APIC-Access Page". The entry
  // is not read; that its place may be written needs no check of its own, for nobody writes what he has not
  // read.
  bool on_apic_access_page(unsigned level, const Entry& entry) {
    if (trace_ != nullptr)
      trace_->add({static_cast<u8>(level), false, entry.at, 0, "the entry is on the APIC-access page"});
    fault_ = Fault{};
    fault_.kind = Fault::Kind::second_stage;
    fault_.stage.apic_access = fault_.stage.page_walk = fault_.stage.linear_valid = true;
    fault_.stage.address = entry.at;
    fault_.stage.linear = linear_;
    return false;
  }

  // The host-physical address of an entry, by the second stage or from what it said before.
  bool place_entry(Entry& entry) {
    const bool cached = acting && s_.structure_pages != nullptr;
    if (cached) {
      if (const StructurePages::Entry* known = s_.structure_pages->find(entry.at)) {
        entry.host = known->host + entry.at.page_offset();
        entry.host_writable = known->writable;
        return true;
      }
    }
    SecondStage::Result r;
    if (!second_stage(entry.at, page_walk(AccessKind::read), r)) return false;
    entry.host = r.address;
    entry.host_writable = r.writable;
    if (cached) s_.structure_pages->put(entry.at, r.address, r.writable);
    return true;
  }

  // "Accessed and Dirty Flags".
  bool set_bits(Entry& entry, u64 bits) {
    if (!acting || (entry.value & bits) == bits) return true;
    if (!entry.host_writable) {
      SecondStage::Result r;
      if (!second_stage(entry.at, page_walk(AccessKind::write), r)) return false;
      entry.host = r.address;
    }
    entry.value |= bits;
    memory_.write(entry.host, entry.size, entry.value);
    return true;
  }

  static StageAccess page_walk(AccessKind kind) {
    return {.kind = kind, .purpose = StageAccess::Purpose::page_walk};
  }

  bool second_stage(GuestPhys address, const StageAccess& access, SecondStage::Result& result) {
    SecondStageFault refused;
    const bool ok = !acting && s_.stage_probe != nullptr
                        ? s_.stage_probe->probe(address, access, result, refused, trace_)
                        : s_.stage->translate(address, access, result, refused);
    if (ok) return true;
    fault_ = Fault{};
    fault_.kind = Fault::Kind::second_stage;
    fault_.stage = refused;
    fault_.stage.address = address;
    fault_.stage.linear = linear_;
    fault_.stage.linear_valid = true;
    fault_.stage.page_walk = access.purpose == StageAccess::Purpose::page_walk;
    return false;
  }

  bool page_fault(PageFaultCause cause, std::string_view why) {
    if (trace_ != nullptr && trace_->count != 0) trace_->steps[trace_->count - 1].failure = why;
    fault_ =
        Fault::exception(Vector::PF, page_fault_error(s_.rights, access_, cause, out_.rights), linear_.value);
    return false;
  }

  u64 frame_mask() const { return bit_range(12, s_.physical_bits - 1); }

  PhysicalMemory& memory_;
  const WalkState& s_;
  LinAddr linear_;
  Access access_;
  Translation& out_;
  Fault& fault_;
  WalkTrace* trace_;
};

}  // namespace

bool walk(PhysicalMemory& memory, const WalkState& state, LinAddr address, Access access, Translation& result,
          Fault& fault) {
  return Walker<true>(memory, state, address, access, result, fault, nullptr).run();
}

bool look(PhysicalMemory& memory, const WalkState& state, LinAddr address, Access access, Translation& result,
          Fault& fault, WalkTrace* trace) {
  return Walker<false>(memory, state, address, access, result, fault, trace).run();
}

}  // namespace ringside
