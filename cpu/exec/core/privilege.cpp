// Owns what the privileges that rows name mean above CPL 0.
#include "cpu/exec/core/privilege.h"

#include "cpu/decode/rows.h"

namespace ringside {

bool has_privilege_above_ring_0(Cpu& cpu, const Op& op) {
  switch (rows()[op.row].privilege) {
    case Privilege::cpl0: return fail(cpu, Vector::GP);
    case Privilege::cpl0_or_ud: return fail(cpu, Vector::UD);
    case Privilege::umip: return !(cpu.cr4 & Cr4::UMIP) || fail(cpu, Vector::GP);
    case Privilege::tsd: return !(cpu.cr4 & Cr4::TSD) || fail(cpu, Vector::GP);
    case Privilege::pce: return (cpu.cr4 & Cr4::PCE) || fail(cpu, Vector::GP);
    // "CPUID faulting", which IA32_MISC_FEATURES_ENABLES turns on.
    case Privilege::cpuid_faulting: return !(cpu.msr.misc_features & 1) || fail(cpu, Vector::GP);
    case Privilege::everyone:
    case Privilege::iopl:
    case Privilege::v86_iopl:
    case Privilege::smm: return true;
  }
  return true;
}

}  // namespace ringside
