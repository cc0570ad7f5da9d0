// Owns walks in words: each entry that a translation reads in both stages, and the one that ends it. The
// manual's "EPT Translation Mechanism", with the guest's own paging around it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vmx/exit_info.h"
#include "vmx/vmx.h"

namespace ringside {

struct ExplainedStep {
  std::string name;    // "EPT PDE", "PTE"
  unsigned level = 0;  // 1: of a page table
  bool second_stage = false;
  u64 at = 0;  // where the entry is: host-physical for EPT, guest-physical for the guest's own
  u64 of = 0;  // EPT: the guest-physical address on the way
  u64 entry = 0;
  std::string meaning;  // of its bits: "R W -, references a table"
  std::string failure;  // empty if the walk went on
};

struct ExplainedWalk {
  std::vector<ExplainedStep> steps;
  std::string conclusion;  // "EPT PTE at 103028h has R=0, and the access is a read"; or where the walk led
  bool failed = false;
  HostPhys address;          // where it led, if it did not fail
  std::string text() const;  // a line for each step, EPT's indented under the address they translate
};

// The paging of the guest of `vmcs` as a VM exit saved it or VMWRITE set it; without a second stage.
WalkState saved_paging(const Cpu& cpu, const Vmcs& vmcs);

// What an access would meet now; nothing is changed by looking.
ExplainedWalk explain_walk(const Mmu& mmu, LinAddr address, Access access);

// The same for the guest of `vmcs` while the hypervisor runs, from the state that the VMCS holds.
ExplainedWalk explain_guest_walk(const Cpu& cpu, const Vmcs& vmcs, LinAddr address, Access access);
// And of a guest-physical address through its EPT, if that is in use.
ExplainedWalk explain_ept_walk(const Cpu& cpu, const Vmcs& vmcs, GuestPhys address, AccessKind kind);

// Why `exit`, an EPT violation or misconfiguration whose walk failed so, happened: which access of whom met
// which right or which bits of which entry. Empty for a walk that did not fail.
std::string ept_cause(const ExitInfo& exit, const ExplainedWalk& walk);

// The walk that ended in `exit`, an EPT violation or misconfiguration that was just taken: from the guest
// state in the current VMCS and the paging structures as they are. nullopt for other exits.
std::optional<ExplainedWalk> explain_walk(const Cpu& cpu, const ExitInfo& exit);

}  // namespace ringside
