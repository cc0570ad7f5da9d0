// Owns the second stage of a VMX guest: extended page tables, their accessed and dirty flags, and the
// page-modification log. The manual's "The Extended Page-Table Mechanism (EPT)".
#pragma once

#include <string_view>

#include "mmu/walk.h"
#include "vmx/capabilities.h"

namespace ringside {

class Vmcs;
struct Cpu;

// The EPT pointer: the manual's "Extended-Page-Table Pointer (EPTP)".
struct Eptp {
  static constexpr u64 memory_type = bit_range(0, 2), walk_length = bit_range(3, 5), accessed_dirty = bit(6),
                       reserved = bit_range(7, 11);
  static constexpr unsigned levels(u64 eptp) { return static_cast<unsigned>(eptp >> 3 & 7) + 1; }
};
// Why VM entry refuses the value as an EPT pointer, in words; empty if it does not.
std::string_view eptp_refusal(const Capabilities& capability, u64 eptp);

// "UC", "WC", "WT", "WP", "WB"; "reserved" for the others. Of EPT entries, EPT pointers and MTRRs.
std::string_view memory_type_name(u64 type);

// Bits of EPT paging-structure entries.
struct EptEntry {
  static constexpr u64 R = bit(0), W = bit(1), X = bit(2),  // X: of supervisor-mode addresses with XU
      memory_type = bit_range(3, 5), ignore_pat = bit(6), page = bit(7), A = bit(8), D = bit(9),
                       XU = bit(10),  // with mode-based execute control: execute for user-mode addresses
      suppress_ve = bit(63);
};

// The exit qualification of EPT violations: the manual's "Exit Qualification for EPT Violations".
struct EptQualification {
  static constexpr u64 read = bit(0), write = bit(1), fetch = bit(2), readable = bit(3), writable = bit(4),
                       executable = bit(5), user_executable = bit(6), linear_valid = bit(7),
                       translation = bit(8), user_address = bit(9), writable_page = bit(10),
                       execute_disable_page = bit(11), nmi_unblocking = bit(12);
};

// What SecondStageFault::bits holds for EPT: the exit qualification of an EPT violation but for NMI
// unblocking in the low half (0 for misconfigurations and a full log), and these.
struct EptFault {
  static constexpr u64 convertible = bit(32);  // may become a #VE as far as the EPT entry says
  static constexpr u64 log_full = bit(33);     // a page-modification log-full event, no violation
};

class Ept final : public SecondStage, public SecondStageProbe {
 public:
  Ept(PhysicalMemory& memory, const Capabilities& capability) : memory_(memory), capability_(capability) {}

  // At VM entry and EPTP switching, which may keep what is cached. `eptp`: one that eptp_refusal has nothing
  // against, or no walk may follow. `mode_based`: execute rights differ for user-mode and supervisor-mode
  // addresses. `log`: the VMCS whose page-modification log is in use; nullptr: none
  // is.
  void set_pointer(u64 eptp, bool mode_based, Vmcs* log = nullptr);
  u64 pointer() const { return eptp_; }
  bool sets_accessed_dirty() const { return eptp_ & Eptp::accessed_dirty; }
  void flush();                // INVEPT: forgets what is cached, of all EPT pointers
  void fields(Fields& visit);  // the pointer and what is cached: a guest that forgets INVEPT goes on with it

  u64 key() const override { return eptp_ | (mode_based_ ? bit(63) : 0); }
  bool translate(GuestPhys address, const StageAccess& access, Result& result,
                 SecondStageFault& fault) override;
  bool probe(GuestPhys address, const StageAccess& access, Result& result, SecondStageFault& fault,
             WalkTrace* trace) const override;

 private:
  // Where the walk for 2 MBytes of guest-physical addresses ends: in an EPT page table, or in the entry of a
  // large page. The entries above are as they were when it was filled, with their A flags set; the last one
  // is read every time.
  struct Region {
    u64 number = ~u64{0};  // guest-physical address / 2 MBytes; the initial value is none
    u64 at = 0;            // host-physical: of the table or of the entry
    u16 rights = 0;        // bits of EptEntry, of all entries above
    u8 level = 1;          // of the last entry
  };
  static constexpr unsigned regions = 256;
  struct Path;

  unsigned levels() const;
  bool find_cached(GuestPhys address, const StageAccess& access, Result& result);
  bool read_path(GuestPhys address, const StageAccess& access, Path& path, SecondStageFault& fault,
                 WalkTrace* trace, bool disturb) const;
  bool update_flags(GuestPhys address, const StageAccess& access, Path& path, SecondStageFault& fault);
  std::string_view misconfiguration(u64 entry, unsigned level) const;
  u64 qualification(const StageAccess& access, u64 rights) const;
  u64 present_bits() const {
    return EptEntry::R | EptEntry::W | EptEntry::X | (mode_based_ ? EptEntry::XU : 0);
  }
  bool counts_as_write(const StageAccess& access) const {
    return access.kind == AccessKind::write ||
           (access.purpose == StageAccess::Purpose::page_walk && sets_accessed_dirty());
  }
  u64 needed_right(const StageAccess& access) const;
  void describe(const StageAccess& access, u64 rights, bool dirty, HostPhys address, u64 size,
                Result& result) const;
  Region& region(GuestPhys address) { return cache_[address.value >> 21 & (regions - 1)]; }

  PhysicalMemory& memory_;
  const Capabilities& capability_;
  Vmcs* log_ = nullptr;
  u64 eptp_ = 0;
  bool mode_based_ = false;
  std::array<Region, regions> cache_{};
};

// The second stage of the guest that `cpu` runs, by the active controls and the current VMCS; nullptr: EPT is
// not in use. For VM entry and for the restore of a snapshot; the caller hands it to the Mmu (as probe, too).
Ept* prepare_ept(Cpu& cpu);

// What a CPU with VMX has cached of EPT: for saving, and for restoring behind restore_translation().
void visit_ept(Cpu& cpu, Fields& visit);

}  // namespace ringside
