// Owns the life cycle of all VMCS regions as text.
#include "frontend/inspect/vmcs_life.h"

#include <fmt/format.h>

#include <algorithm>

#include "frontend/inspect/where.h"
#include "vmx/exit_info.h"

namespace ringside {
namespace {

std::string_view state_of(const KnownVmcs& known) {
  if (known.parted) return known.parted->cleared ? "cleared" : "evicted";
  return known.vmcs == known.cpu->vmx->current ? "current" : "active";
}

// What the record says and memory does not any more: somebody used the page, or another CPU the region.
bool memory_differs(Machine& machine, const Vmcs& then) {
  PhysicalMemory::Page page;
  if (!machine.memory().page(then.region, page)) return true;
  Vmcs now(then.region);
  now.read_region(machine.memory());
  for (unsigned n = 0; n < field_count; ++n) {
    if (now[static_cast<Field>(n)] != then[static_cast<Field>(n)]) return true;
  }
  return now.launched != then.launched;
}

const Cpu* active_on(Machine& machine, HostPhys region) {
  for (unsigned n = 0; n < machine.cpus(); ++n) {
    const Cpu& cpu = machine.cpu(n);
    if (cpu.vmx && cpu.vmx->find_active(region)) return &cpu;
  }
  return nullptr;
}

std::string row(Machine& machine, const KnownVmcs& known, const Symbols* symbols) {
  const Vmcs& vmcs = *known.vmcs;
  std::string text = fmt::format("  {:<#14x} {:<8} {:<9} {:>10} {:>10}", vmcs.region.value, state_of(known),
                                 vmcs.shadow     ? "shadow"
                                 : vmcs.launched ? "launched"
                                                 : "clear",
                                 vmcs.entries, vmcs.exits);
  if (vmcs.exits) {
    text += fmt::format("  {} at guest RIP {}, instruction {}",
                        name(static_cast<ExitReason>(vmcs[Field::EXIT_REASON] & 0xffff)),
                        code_text(vmcs.last_exit_rip, World::non_root, symbols), vmcs.last_exit_count);
  }
  text += "\n";
  if (!known.parted) return text;
  if (known.parted->cleared)
    text += fmt::format("      VMCLEAR at RIP {}, instruction {} of CPU {}",
                        code_text(known.parted->rip, World::root, symbols), known.parted->count,
                        known.cpu->index);
  else
    text += fmt::format("      CPU {} wrote it back to make room for another", known.cpu->index);
  if (const Cpu* now = active_on(machine, vmcs.region))
    text += fmt::format("; now active on CPU {}", now->index);
  else if (memory_differs(machine, vmcs))
    text += "; its memory has changed since";
  return text + "\n";
}

}  // namespace

std::vector<KnownVmcs> known_vmcses(Machine& machine) {
  std::vector<KnownVmcs> all;
  for (unsigned n = 0; n < machine.cpus(); ++n) {
    const Cpu& cpu = machine.cpu(n);
    if (!cpu.vmx) continue;
    for (const auto& vmcs : cpu.vmx->active()) all.push_back({&cpu, vmcs.get(), nullptr});
    for (const Vmx::Parted& parted : cpu.vmx->parted()) {
      if (!cpu.vmx->find_active(parted.vmcs->region)) all.push_back({&cpu, parted.vmcs.get(), &parted});
    }
  }
  return all;
}

std::optional<KnownVmcs> find_vmcs(Machine& machine, u64 region) {
  std::optional<KnownVmcs> best;
  for (const KnownVmcs& known : known_vmcses(machine)) {
    if (known.vmcs->region.value != region) continue;
    if (!known.parted) return known;
    if (!best || known.vmcs->entries > best->vmcs->entries) best = known;
  }
  return best;
}

std::string vmcs_life_text(Machine& machine, const Symbols* symbols) {
  const std::vector<KnownVmcs> all = known_vmcses(machine);
  std::string text;
  for (unsigned n = 0; n < machine.cpus(); ++n) {
    const Cpu& cpu = machine.cpu(n);
    if (!cpu.vmx) {
      text += fmt::format("CPU {}: no VMX\n", n);
      continue;
    }
    text += cpu.vmx_operation ? fmt::format("CPU {}: VMX {}, VMXON region {:#x}\n", n,
                                            cpu.non_root ? "non-root operation" : "root operation",
                                            cpu.vmx->vmxon_region.value)
                              : fmt::format("CPU {}: not in VMX operation\n", n);
    const auto here = [&](const KnownVmcs& known) { return known.cpu == &cpu; };
    const bool active = !cpu.vmx->active().empty();
    if (cpu.vmx_operation && !active) text += "  no VMCS is active\n";
    if (std::none_of(all.begin(), all.end(), here)) continue;
    text += fmt::format("  {:<14} {:<8} {:<9} {:>10} {:>10}  last exit\n", "region", "", "state", "entries",
                        "exits");
    for (const KnownVmcs& known : all) {
      if (here(known)) text += row(machine, known, symbols);
    }
  }
  return text;
}

std::string former_writer_text(Machine& machine, const Vmcs& vmcs, Field field, const Symbols* symbols) {
  for (unsigned n = 0; n < machine.cpus(); ++n) {
    const Cpu& cpu = machine.cpu(n);
    if (!cpu.vmx) continue;
    for (const Vmx::Parted& parted : cpu.vmx->parted()) {
      const Vmcs& then = *parted.vmcs;
      if (&then == &vmcs || then.region != vmcs.region || then[field] != vmcs[field]) continue;
      const Vmcs::Writer& writer = then.writer(field);
      if (!writer.known) continue;
      return fmt::format("VMWRITE at RIP {} (instruction {} of CPU {}), before it was {}",
                         code_text(writer.rip, World::root, symbols), writer.count, n,
                         parted.cleared ? "cleared" : "written back");
    }
  }
  return {};
}

}  // namespace ringside
