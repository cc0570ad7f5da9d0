// Owns the manual's "Determination of Access Rights", "Protection Keys" and "Page-Fault Exceptions".
#pragma once

#include <string_view>

#include "cpu/arch/fault.h"
#include "cpu/arch/registers.h"
#include "cpu/arch/types.h"

namespace ringside {

// The bits of CR0, CR4 and EFER that paging depends on, in one word at their own places, which do not
// collide.
struct PagingMode {
  static constexpr u64 cr0_bits = Cr0::PG | Cr0::WP;
  static constexpr u64 cr4_bits =
      Cr4::PSE | Cr4::PAE | Cr4::PGE | Cr4::LA57 | Cr4::SMEP | Cr4::SMAP | Cr4::PKE | Cr4::PKS;
  static constexpr u64 efer_bits = Efer::NXE | Efer::LMA;
  static_assert((cr0_bits & cr4_bits) == 0 && (cr0_bits & efer_bits) == 0 && (cr4_bits & efer_bits) == 0);

  u64 bits = 0;

  static constexpr PagingMode of(u64 cr0, u64 cr4, u64 efer) {
    // Without paging nothing else matters, and the one context of "no paging" is shared.
    if (!(cr0 & Cr0::PG)) return {};
    return {(cr0 & cr0_bits) | (cr4 & cr4_bits) | (efer & efer_bits)};
  }
  constexpr bool on(u64 mask) const { return (bits & mask) != 0; }
  constexpr bool paging() const { return on(Cr0::PG); }
  constexpr bool four_or_five_levels() const { return on(Efer::LMA); }
  constexpr bool pae() const { return on(Cr4::PAE) && !on(Efer::LMA); }
  constexpr bool thirty_two_bit() const { return paging() && !on(Cr4::PAE); }
  constexpr bool operator==(const PagingMode&) const = default;
};

// What the paging-structure entries of a translation allow, all levels taken together.
struct PageRights {
  bool user = true;        // U/S is 1 in every entry: a user-mode address
  bool writable = true;    // R/W is 1 in every entry
  bool executable = true;  // XD is 0 in every entry
  u8 key = 0;              // protection key, of 4- and 5-level paging
};

// What the rights are judged with.
struct RightsState {
  PagingMode mode;
  bool ac = false;         // EFLAGS.AC
  u32 pkru = 0, pkrs = 0;  // of PKRU and IA32_PKRS: two bits a key, AD and WD
};

// "Protection Keys": the key of the address refuses this data access.
inline bool key_refuses(const RightsState& state, const PageRights& page, Access access) {
  const bool in_use = state.mode.four_or_five_levels() && state.mode.on(page.user ? Cr4::PKE : Cr4::PKS);
  if (!in_use || access.kind == AccessKind::execute) return false;
  const u32 key = (page.user ? state.pkru : state.pkrs) >> (2 * page.key);
  const bool access_disable = key & 1, write_disable = key & 2;
  if (access_disable) return true;
  return write_disable && access.kind == AccessKind::write && (access.user || state.mode.on(Cr0::WP));
}

// The rule that refuses the access, in words; empty if it is allowed.
inline std::string_view refusal(const RightsState& state, const PageRights& page, Access access) {
  if (access.user && !page.user) return "a user-mode access to a supervisor-mode address";
  if (access.kind == AccessKind::execute) {
    if (!page.executable) return "an instruction fetch from a page with XD set";
    if (!access.user && page.user && state.mode.on(Cr4::SMEP))
      return "SMEP: a supervisor-mode fetch from a user page";
    return {};
  }
  if (!access.user && page.user && state.mode.on(Cr4::SMAP) && (access.implicit || !state.ac)) {
    return "SMAP: a supervisor-mode access to a user page";
  }
  if (access.kind == AccessKind::write && !page.writable && (access.user || state.mode.on(Cr0::WP))) {
    return "a write to a page with R/W clear";
  }
  if (key_refuses(state, page, access)) return "the protection key refuses the access";
  return {};
}

// Why there is no translation, or none for this access.
enum class PageFaultCause : u8 { not_present, reserved_bit, rights };

// The only place that makes #PF error codes. `page` is meaningful for rights only.
inline u32 page_fault_error(const RightsState& state, Access access, PageFaultCause cause,
                            const PageRights& page) {
  u32 error = 0;
  if (cause != PageFaultCause::not_present) error |= PageFaultError::P;
  if (cause == PageFaultCause::reserved_bit) error |= PageFaultError::RSVD;
  if (access.kind == AccessKind::write) error |= PageFaultError::W;
  if (access.user) error |= PageFaultError::U;
  const bool reports_fetch =
      state.mode.on(Cr4::SMEP) || (state.mode.on(Cr4::PAE) && state.mode.on(Efer::NXE));
  if (access.kind == AccessKind::execute && reports_fetch) error |= PageFaultError::I;
  // The PK flag does not ask whether something else refuses the access, too.
  if (cause == PageFaultCause::rights && key_refuses(state, page, access)) error |= PageFaultError::PK;
  return error;
}

}  // namespace ringside
