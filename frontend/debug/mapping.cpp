// Owns the search for the moment when an address was mapped first: the entries of its walk are watched, and
// it is walked anew after each write to one of them.
#include "frontend/debug/mapping.h"

#include <fmt/format.h>

#include <memory>
#include <vector>

#include "vmx/ept.h"
#include "vmx/explain_walk.h"
#include "vmx/rules.h"

namespace ringside {
namespace {

// Where translations of one moment begin; what memory holds may be another moment's.
class Root {
 public:
  // False, with `why`: such an address is not translated.
  bool take(const Cpu& cpu, const Place& place, std::string& why);
  // Whether it leads somewhere, and the host-physical addresses of the entries that say so.
  bool walk(u64 address, std::vector<HostPhys>& entries) const;
  std::string text() const;

 private:
  bool paged_ = false;
  WalkState paging_;
  std::unique_ptr<Ept> ept_;
  PhysicalMemory* memory_ = nullptr;
};

bool Root::take(const Cpu& cpu, const Place& place, std::string& why) {
  const Vmcs* const vmcs = cpu.vmx ? cpu.vmx->current : nullptr;
  const bool physical = place.space == AddressSpace::guest_physical;
  const bool guest = physical || place.space == AddressSpace::guest_linear || cpu.non_root;
  memory_ = &cpu.mmu.memory();
  paged_ = !physical;
  if (place.space == AddressSpace::host_physical) {
    why = "a host-physical address needs no mapping; give a linear one, or gpa";
    return false;
  }
  if (guest && !vmcs) {
    why = "there is no guest: the CPU has no current VMCS";
    return false;
  }
  if (guest && EntryView{cpu, *vmcs, cpu.vmx->capability}.has(VmxControl::ept)) {
    const u64 pointer = (*vmcs)[Field::EPT_POINTER];
    if (const std::string_view refusal = eptp_refusal(cpu.vmx->capability, pointer); !refusal.empty()) {
      why = fmt::format("no walk: EPT_POINTER = {:#x}: {}", pointer, refusal);
      return false;
    }
    ept_ = std::make_unique<Ept>(*memory_, cpu.vmx->capability);
    ept_->set_pointer(pointer, cpu.vmx->controls.has(VmxControl::mode_based_execute));
  }
  if (physical && !ept_) {
    why = "EPT is not in use: guest-physical addresses are physical";
    return false;
  }
  if (guest && !cpu.non_root) {
    paging_ = saved_paging(cpu, *vmcs);
  } else {
    paging_.rights.mode = PagingMode::of(cpu.cr0, cpu.cr4, cpu.efer);
    paging_.cr3 = cpu.cr3;
    paging_.physical_bits = cpu.mmu.physical_bits();
  }
  if (paged_ && !paging_.rights.mode.paging() && !ept_) {
    why = "paging is off: linear addresses are physical";
    return false;
  }
  paging_.rights.ac = true;  // a page of the user's is mapped, too
  paging_.rights.pkru = paging_.rights.pkrs = 0;
  paging_.stage = ept_.get();
  paging_.stage_probe = ept_.get();
  return true;
}

std::string Root::text() const {
  const bool cr3 = paged_ && paging_.rights.mode.paging();
  return fmt::format("{}{}{}", cr3 ? fmt::format("CR3 {:#x}", paging_.cr3) : "", cr3 && ept_ ? " and " : "",
                     ept_ ? fmt::format("EPT_POINTER {:#x}", ept_->pointer()) : "");
}

bool Root::walk(u64 address, std::vector<HostPhys>& entries) const {
  const auto behind = [&](GuestPhys at) -> std::optional<HostPhys> {
    SecondStage::Result result;
    SecondStageFault fault;
    if (!ept_) return HostPhys(at.value);
    if (!ept_->probe(at, {}, result, fault, nullptr)) return std::nullopt;
    return result.address;
  };
  WalkTrace trace;
  bool there = false;
  if (paged_) {
    WalkState state = paging_;
    // MOV to CR3 loads PAE paging's PDPTEs from memory.
    for (unsigned n = 0; state.rights.mode.pae() && n < state.pdptes.size(); ++n) {
      const auto at = behind(GuestPhys((state.cr3 & ~bit_range(0, 4)) + n * sizeof(u64)));
      state.pdptes[n] = at && !memory_->is_mmio(*at) ? memory_->read(*at, sizeof(u64)) : 0;
      if (at) entries.push_back(*at);
    }
    Translation translation;
    Fault fault;
    there = look(*memory_, state, LinAddr(address), {AccessKind::read, false}, translation, fault, &trace);
  } else {
    SecondStage::Result result;
    SecondStageFault fault;
    there = ept_->probe(GuestPhys(address), {}, result, fault, &trace);
  }
  for (unsigned n = 0; n < trace.count; ++n) {
    const WalkStep& step = trace.steps[n];
    const auto at = step.second_stage ? HostPhys(step.entry_at.value) : behind(step.entry_at);
    if (at) entries.push_back(*at);
  }
  return there;
}

Breakpoint written(HostPhys at) {
  Breakpoint point;
  point.kind = Breakpoint::Kind::watch;
  point.at = {AddressSpace::host_physical, at.value};
  point.bytes = sizeof(u64);
  point.on_write = true;
  return point;
}

}  // namespace

std::optional<Mapping> when_mapped(Debugger& debugger, const Place& place, std::string& why) {
  Root root;
  if (!root.take(debugger.cpu(), place, why)) return std::nullopt;
  const u64 here = debugger.machine().retired(), begin = debugger.timeline()->begin();
  Mapping mapping;
  mapping.through = root.text();
  std::vector<HostPhys> entries;
  mapping.is_now = root.walk(place.value, entries);
  bool known = false, was = false;
  const auto points = [&] {
    entries.clear();
    const bool there = root.walk(place.value, entries);
    if (!known) mapping.always = there;
    was = there;
    known = true;
    std::vector<Breakpoint> all;
    for (const HostPhys at : entries) all.push_back(written(at));
    return all;
  };
  const bool all = debugger.look_through(begin, points, [&](const Debugger::Met& met) {
    entries.clear();
    if (!was && root.walk(place.value, entries)) {
      if (!mapping.first) mapping.first = met;
      if (met.count < here) mapping.last = met;
    }
    // What comes after matters only to who was never mapped before.
    return met.count < here || !mapping.first;
  });
  if (!all)
    mapping.why = "broken off: it was not looked through to the end";
  else if (mapping.is_now && !mapping.always && !mapping.last)
    mapping.why = "no instruction wrote the entries that map it: a device did, or the processor";
  return mapping;
}

}  // namespace ringside
