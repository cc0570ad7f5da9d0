// Owns the exhaustive test of access rights: every combination against the manual's sentences, written out
// one by one.
#include "mmu/rights.h"

#include <doctest/doctest.h>

using namespace ringside;

namespace {

struct Case {
  bool user_mode, implicit, ac, wp, smep, smap, pke, pks;
  bool user_address, writable, executable, ad, wd;
};

// "Protection Keys": read and write access permitted by the key of the address.
bool key_permits(const Case& c, bool write) {
  if (c.user_address ? !c.pke : !c.pks) return true;
  if (c.ad) return false;
  if (!write || !c.wd) return true;
  return !c.user_mode && !c.wp;
}

// "Determination of Access Rights": the manual's list, in its order.
bool permitted(const Case& c, AccessKind kind) {
  if (!c.user_mode) {
    switch (kind) {
      case AccessKind::read:
        if (!c.user_address) return key_permits(c, false);
        if (!c.smap) return key_permits(c, false);
        if (c.ac && !c.implicit) return key_permits(c, false);
        return false;
      case AccessKind::write:
        if (!c.user_address) return (c.wp ? c.writable : true) && key_permits(c, true);
        if (!c.wp) {
          if (!c.smap) return key_permits(c, true);
          if (c.ac && !c.implicit) return key_permits(c, true);
          return false;
        }
        if (!c.smap) return c.writable && key_permits(c, true);
        if (c.ac && !c.implicit) return c.writable && key_permits(c, true);
        return false;
      case AccessKind::execute:
        if (!c.user_address) return c.executable;
        if (!c.smep) return c.executable;
        return false;
    }
  }
  switch (kind) {
    case AccessKind::read: return c.user_address && key_permits(c, false);
    case AccessKind::write: return c.user_address && c.writable && key_permits(c, true);
    case AccessKind::execute: return c.user_address && c.executable;
  }
  return false;
}

}  // namespace

TEST_CASE("every combination of rights, modes and keys is judged as the manual says") {
  unsigned wrong = 0, allowed = 0, wrong_code = 0;
  for (unsigned bits = 0; bits < 1u << 13; ++bits) {
    auto on = [&](unsigned n) { return (bits >> n & 1) != 0; };
    const Case c{on(0), on(1), on(2), on(3),  on(4),  on(5), on(6),
                 on(7), on(8), on(9), on(10), on(11), on(12)};
    if (c.user_mode && c.implicit) continue;  // implicit accesses are supervisor-mode accesses
    RightsState state;
    state.mode = PagingMode::of(Cr0::PG | (c.wp ? Cr0::WP : 0),
                                Cr4::PAE | (c.smep ? Cr4::SMEP : 0) | (c.smap ? Cr4::SMAP : 0) |
                                    (c.pke ? Cr4::PKE : 0) | (c.pks ? Cr4::PKS : 0),
                                Efer::LMA | Efer::NXE);
    state.ac = c.ac;
    // Only key 5 has the rights of the case; the register of the other kind of page refuses all.
    const u32 rights = (c.ad ? 1u : 0) | (c.wd ? 2u : 0);
    const u32 mine = ~(3u << 10) | rights << 10;
    state.pkru = c.user_address ? mine : ~0u;
    state.pkrs = c.user_address ? ~0u : mine;
    const PageRights page{c.user_address, c.writable, c.executable, 5};
    for (const AccessKind kind : {AccessKind::read, AccessKind::write, AccessKind::execute}) {
      const Access access{kind, c.user_mode, c.implicit};
      const bool ok = refusal(state, page, access).empty();
      wrong += ok != permitted(c, kind);
      allowed += ok;
      const bool data = kind != AccessKind::execute;
      const u32 code = 1u | (kind == AccessKind::write ? 2u : 0) | (c.user_mode ? 4u : 0) |
                       (kind == AccessKind::execute ? 16u : 0) |
                       (data && !key_permits(c, kind == AccessKind::write) ? 32u : 0);
      wrong_code += page_fault_error(state, access, PageFaultCause::rights, page) != code;
      wrong_code += page_fault_error(state, access, PageFaultCause::not_present, page) != (code & 0x16);
      wrong_code +=
          page_fault_error(state, access, PageFaultCause::reserved_bit, page) != ((code & 0x16) | 9);
    }
  }
  CHECK(wrong == 0);
  CHECK(wrong_code == 0);
  CHECK(allowed > 1000);
}
