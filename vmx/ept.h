// Owns the second stage of a VMX guest: extended page tables. The manual's "The Extended Page-Table Mechanism
// (EPT)".
#pragma once

#include "mmu/walk.h"
#include "vmx/capabilities.h"

namespace ringside {

// What SecondStageFault::bits holds for EPT: the low 32 bits are those of the exit qualification for EPT
// violations that the walk knows (access and rights, bits 0 to 6, advanced information); what the first stage
// knows (linear address valid, translation or page walk: bits 7 and 8) the exit adds.
class Ept final : public SecondStage, public SecondStageProbe {
 public:
  Ept(PhysicalMemory& memory, const Capabilities& capability) : memory_(memory), capability_(capability) {}

  // At VM entry and EPTP switching. `mode_based`: execute rights differ for user and supervisor mode.
  void set_pointer(u64 eptp, bool mode_based) {
    eptp_ = eptp;
    mode_based_ = mode_based;
  }
  u64 pointer() const { return eptp_; }
  bool sets_accessed_dirty() const { return eptp_ & bit(6); }

  u64 key() const override { return eptp_ | (mode_based_ ? bit(63) : 0); }
  bool translate(GuestPhys address, Access access, bool page_walk, Result& result,
                 SecondStageFault& fault) override;
  bool probe(GuestPhys address, Access access, bool page_walk, Result& result, SecondStageFault& fault,
             WalkTrace* trace) const override;

 private:
  PhysicalMemory& memory_;
  const Capabilities& capability_;
  u64 eptp_ = 0;
  bool mode_based_ = false;
};

}  // namespace ringside
