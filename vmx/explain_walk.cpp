// Owns the rendering of walk trails, and the repetition of a walk from the VMCS after it failed.
#include "vmx/explain_walk.h"

#include <algorithm>

#include <fmt/format.h>

#include "vmx/ept.h"
#include "vmx/explain_exit.h"
#include "vmx/rules.h"

namespace ringside {
namespace {

std::string name_of(const WalkStep& step) {
  static constexpr std::string_view names[] = {"entry", "PTE", "PDE", "PDPTE", "PML4E", "PML5E"};
  const std::string_view name = names[step.level < std::size(names) ? step.level : 0];
  return step.second_stage ? fmt::format("EPT {}", name) : std::string(name);
}

bool maps_page(const WalkStep& step) {
  return step.level == 1 || ((step.level == 2 || step.level == 3) && (step.entry & bit(7)));
}

std::string ept_meaning(const WalkStep& step) {
  const u64 e = step.entry;
  std::string text = fmt::format("{} {} {}", e & EptEntry::R ? "R" : "-", e & EptEntry::W ? "W" : "-",
                                 e & EptEntry::X ? "X" : "-");
  if (e & EptEntry::XU) text += " XU";
  if (!(e & (EptEntry::R | EptEntry::W | EptEntry::X | EptEntry::XU))) return text;
  if (e & EptEntry::A) text += " A";
  if (maps_page(step)) {
    if (e & EptEntry::D) text += " D";
    const u64 type = (e & EptEntry::memory_type) >> 3;
    text += fmt::format(", maps a page, memory type {}", memory_type_name(type));
    if (memory_type_name(type) == "reserved") text += fmt::format(" ({})", type);
    if (e & EptEntry::suppress_ve) text += ", suppress #VE";
  } else {
    text += ", references a table";
  }
  return text;
}

std::string guest_meaning(const WalkStep& step) {
  const u64 e = step.entry;
  std::string text = e & PageEntry::P ? "P" : "-";
  const auto add = [&](u64 bits, std::string_view name) {
    if (e & bits) text += fmt::format(" {}", name);
  };
  add(PageEntry::RW, "RW");
  add(PageEntry::US, "US");
  add(PageEntry::A, "A");
  if (maps_page(step)) {
    add(PageEntry::D, "D");
    add(PageEntry::G, "G");
  }
  add(PageEntry::XD, "XD");
  return text + (maps_page(step) ? ", maps a page" : ", references a table");
}

void add_steps(const WalkTrace& trace, ExplainedWalk& walk) {
  for (unsigned i = 0; i < trace.count; ++i) {
    const WalkStep& s = trace.steps[i];
    walk.steps.push_back({name_of(s), s.level, s.second_stage, s.entry_at.value, s.of.value, s.entry,
                          s.second_stage ? ept_meaning(s) : guest_meaning(s), std::string(s.failure)});
  }
}

// Ends `walk` with what its last steps say.
void conclude_failure(ExplainedWalk& walk, std::string_view what) {
  walk.failed = true;
  for (auto step = walk.steps.rbegin(); step != walk.steps.rend(); ++step) {
    if (step->failure.empty()) continue;
    walk.conclusion = fmt::format("{}: {} at {:#x}: {}", what, step->name, step->at, step->failure);
    return;
  }
  walk.conclusion = std::string(what);
}

// Ends `walk` at the physical address that `what` ("linear 0x1000") has come to.
void conclude_success(ExplainedWalk& walk, std::string_view what, u64 address, HostPhys at) {
  walk.conclusion = fmt::format("{} {:#x} is at physical {:#x}", what, address, at.value);
  walk.address = at;
}

std::string_view name_of(const SecondStageFault& fault) {
  if (fault.apic_access) return "APIC access";
  return fault.misconfiguration ? "EPT misconfiguration" : "EPT violation";
}
std::string_view name_of(const Fault& fault) {
  if (fault.kind == Fault::Kind::second_stage) return name_of(fault.stage);
  return fault.vector == Vector::PF ? "#PF" : "#GP: the address is not canonical";
}

// A VMCS that no VM entry has checked may hold any EPTP. False with the refusal as the conclusion.
bool can_walk(const Cpu& cpu, const Vmcs& vmcs, ExplainedWalk& walk) {
  const u64 eptp = vmcs[Field::EPT_POINTER];
  const std::string_view refusal = eptp_refusal(cpu.vmx->capability, eptp);
  if (refusal.empty()) return true;
  walk.failed = true;
  walk.conclusion = fmt::format("no walk: EPT_POINTER = {:#x}: {}", eptp, refusal);
  return false;
}

StageAccess access_of(u64 qualification) {
  using Q = EptQualification;
  StageAccess a;
  if (qualification & Q::fetch)
    a.kind = AccessKind::execute;
  else if (qualification & Q::write)
    a.kind = AccessKind::write;
  if (!(qualification & Q::linear_valid))
    a.purpose = StageAccess::Purpose::pdpte_load;
  else if (!(qualification & Q::translation))
    a.purpose = StageAccess::Purpose::page_walk;
  a.user_address = qualification & Q::user_address;
  a.writable_page = qualification & Q::writable_page;
  a.execute_disable_page = qualification & Q::execute_disable_page;
  return a;
}

}  // namespace

WalkState saved_paging(const Cpu& cpu, const Vmcs& vmcs) {
  const Vmx& vmx = *cpu.vmx;
  // Where the exit does not save IA32_EFER, NXE is still the guest's unless the exit loads it; LMA is in the
  // entry controls.
  u64 efer = vmcs[Field::GUEST_IA32_EFER];
  if (!vmx.controls.has(VmxControl::save_efer)) {
    efer = cpu.efer & Efer::NXE;
    if (vmcs[Field::VM_ENTRY_CONTROLS] & mask(VmxControl::ia32e_mode_guest)) efer |= Efer::LMA;
  }
  WalkState s;
  s.rights.mode = PagingMode::of(vmcs[Field::GUEST_CR0], vmcs[Field::GUEST_CR4], efer);
  s.rights.ac = vmcs[Field::GUEST_RFLAGS] & Eflags::AC;
  s.rights.pkru = cpu.pkru;
  s.cr3 = vmcs[Field::GUEST_CR3];
  s.pdptes = {vmcs[Field::GUEST_PDPTE0], vmcs[Field::GUEST_PDPTE1], vmcs[Field::GUEST_PDPTE2],
              vmcs[Field::GUEST_PDPTE3]};
  s.physical_bits = vmx.capability.physical_bits;
  s.gigabyte_pages = cpu.model == nullptr || cpu.model->has(Flag::pdpe1gb);
  return s;
}

std::string ExplainedWalk::text() const {
  std::string text;
  for (unsigned i = 0; i < steps.size(); ++i) {
    const ExplainedStep& s = steps[i];
    const bool opens = s.second_stage && (i == 0 || !steps[i - 1].second_stage || steps[i - 1].of != s.of);
    if (opens) text += fmt::format("guest-physical {:#x}\n", s.of);
    text += fmt::format("{}{:<10} at {:#x} = {:#x}: {}{}{}\n", s.second_stage ? "  " : "", s.name, s.at,
                        s.entry, s.meaning, s.failure.empty() ? "" : "  <- ", s.failure);
  }
  return text + conclusion + "\n";
}

ExplainedWalk explain_walk(const Mmu& mmu, LinAddr address, Access access) {
  ExplainedWalk walk;
  WalkTrace trace;
  HostPhys at;
  Fault fault;
  const bool ok = mmu.probe(address, access, at, fault, &trace);
  add_steps(trace, walk);
  if (ok)
    conclude_success(walk, "linear", address.value, at);
  else
    conclude_failure(walk, name_of(fault));
  return walk;
}

ExplainedWalk explain_guest_walk(const Cpu& cpu, const Vmcs& vmcs, LinAddr address, Access access) {
  const EntryView view{cpu, vmcs, cpu.vmx->capability};
  PhysicalMemory& memory = cpu.mmu.memory();
  Ept ept(memory, cpu.vmx->capability);
  WalkState state = saved_paging(cpu, vmcs);
  ExplainedWalk walk;
  if (view.has(VmxControl::ept)) {
    if (!can_walk(cpu, vmcs, walk)) return walk;
    ept.set_pointer(vmcs[Field::EPT_POINTER], view.has(VmxControl::mode_based_execute));
    state.stage = &ept;
    state.stage_probe = &ept;
  }
  WalkTrace trace;
  Translation translation;
  Fault fault;
  const bool ok = look(memory, state, address, access, translation, fault, &trace);
  add_steps(trace, walk);
  if (ok)
    conclude_success(walk, "linear", address.value, translation.address);
  else
    conclude_failure(walk, name_of(fault));
  return walk;
}

ExplainedWalk explain_ept_walk(const Cpu& cpu, const Vmcs& vmcs, GuestPhys address, AccessKind kind) {
  const EntryView view{cpu, vmcs, cpu.vmx->capability};
  ExplainedWalk walk;
  if (!view.has(VmxControl::ept)) {
    walk.address = HostPhys(address.value);
    walk.conclusion = fmt::format("EPT is not in use: guest-physical {:#x} is physical", address.value);
    return walk;
  }
  if (!can_walk(cpu, vmcs, walk)) return walk;
  Ept ept(cpu.mmu.memory(), cpu.vmx->capability);
  ept.set_pointer(vmcs[Field::EPT_POINTER], view.has(VmxControl::mode_based_execute));
  StageAccess access;
  access.kind = kind;
  WalkTrace trace;
  SecondStage::Result result;
  SecondStageFault fault;
  const bool ok = ept.probe(address, access, result, fault, &trace);
  add_steps(trace, walk);
  if (ok)
    conclude_success(walk, "guest-physical", address.value, result.address);
  else
    conclude_failure(walk, name_of(fault));
  return walk;
}

namespace {

// "the guest's write to linear 0x5678, guest-physical 0x805678,"
std::string access_text(const ExitInfo& exit) {
  using Q = EptQualification;
  const u64 q = exit.qualification;
  const std::string_view act = q & Q::fetch                    ? "instruction fetch at"
                               : (q & Q::read && q & Q::write) ? "read and write of"
                               : q & Q::write                  ? "write to"
                                                               : "read of";
  const std::string physical = fmt::format("guest-physical {:#x}", exit.physical);
  std::string text;
  if (exit.vectoring & Interruption::valid)
    text = fmt::format("while {} was delivered, ",
                       vector_text(exit.vectoring & 0xff, is_exception(Interruption::type(exit.vectoring))));
  if (exit.reason == ExitReason::ept_misconfiguration) return text + "the access to " + physical;
  if (!(q & Q::linear_valid)) return text + "the CPU's read of a PDPTE at " + physical;
  if (!(q & Q::translation))
    return text + fmt::format("the page walk for linear {:#x}, by its {} its own entry at {},", exit.linear,
                              act, physical);
  return text + fmt::format("the guest's {} linear {:#x}, {},", act, exit.linear, physical);
}

}  // namespace

std::string ept_cause(const ExitInfo& exit, const ExplainedWalk& walk) {
  const auto failed = std::find_if(walk.steps.rbegin(), walk.steps.rend(), [](const ExplainedStep& step) {
    return step.second_stage && !step.failure.empty();
  });
  if (!walk.failed || failed == walk.steps.rend()) return {};
  const std::string entry = fmt::format("the {} (level {}) at {:#x} = {:#x}", failed->name, failed->level,
                                        failed->at, failed->entry);
  if (exit.reason == ExitReason::ept_misconfiguration)
    return fmt::format("{} met {}, which is {}", access_text(exit), entry, failed->failure);
  if (failed->failure == "not present")
    return fmt::format("{} met {}, which maps nothing: R, W and X are 0", access_text(exit), entry);
  return fmt::format("{} met {}, which {}", access_text(exit), entry, failed->failure);
}

std::optional<ExplainedWalk> explain_walk(const Cpu& cpu, const ExitInfo& exit) {
  const bool misconfiguration = exit.reason == ExitReason::ept_misconfiguration;
  if (cpu.vmx == nullptr || cpu.vmx->current == nullptr) return std::nullopt;
  if (!misconfiguration && exit.reason != ExitReason::ept_violation) return std::nullopt;
  const Vmcs& vmcs = *cpu.vmx->current;
  ExplainedWalk walk;
  if (!can_walk(cpu, vmcs, walk)) return walk;  // VMWRITE has changed it since the exit
  PhysicalMemory& memory = cpu.mmu.memory();
  Ept ept(memory, cpu.vmx->capability);
  ept.set_pointer(vmcs[Field::EPT_POINTER], cpu.vmx->controls.has(VmxControl::mode_based_execute));

  StageAccess refused = access_of(exit.qualification);
  bool found = false;
  if (exit.qualification & EptQualification::linear_valid) {
    WalkState state = saved_paging(cpu, vmcs);
    state.stage = &ept;
    state.stage_probe = &ept;
    // The privilege does not matter to the second stage; a supervisor's is refused by less.
    Access access{refused.purpose == StageAccess::Purpose::translation ? refused.kind : AccessKind::read};
    if (state.rights.mode.on(Cr4::SMAP | Cr4::SMEP)) access.user = refused.user_address;
    WalkTrace trace;
    Translation translation;
    Fault fault;
    const bool ok = look(memory, state, LinAddr(exit.linear), access, translation, fault, &trace);
    add_steps(trace, walk);
    found = !ok && fault.kind == Fault::Kind::second_stage && fault.stage.address.value == exit.physical;
  }
  if (!found) {
    // The PDPTEs, a misconfiguration (which has no linear address), or the update of a flag.
    WalkTrace trace;
    SecondStage::Result result;
    SecondStageFault fault;
    found = !ept.probe(GuestPhys(exit.physical), refused, result, fault, &trace);
    add_steps(trace, walk);
  }
  if (found)
    conclude_failure(walk, name(exit.reason));
  else
    walk.conclusion = "the paging structures no longer say so: they have changed";
  return walk;
}

}  // namespace ringside
