// Owns the life cycle of all VMCS regions as values.
#include "frontend/inspect/vmcs_life.h"

#include <fmt/format.h>

#include <algorithm>

#include "frontend/inspect/where.h"
#include "vmx/exit_info.h"

namespace ringside {
namespace {

std::string_view state_of(const KnownVmcs& known) {
  if (known.former) return known.former->cleared ? "cleared" : "evicted";
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

void region_rows(Sheet& sheet, Machine& machine, const KnownVmcs& known, const Symbols* symbols) {
  const Vmcs& vmcs = *known.vmcs;
  const std::string_view launch = vmcs.shadow ? "shadow" : vmcs.launched ? "launched" : "clear";
  Row& row = sheet.row();
  row.say("  ").number("region", vmcs.region.value, fmt::format("{:#x}", vmcs.region.value), 14);
  row.to(Link::To::host_physical, vmcs.region.value).say(" ").word("activity", state_of(known), 8).say(" ");
  row.word("launch_state", launch, 9).say(" ").count("entries", vmcs.entries, -10).say(" ");
  row.count("exits", vmcs.exits, -10);
  if (vmcs.exits) {
    row.say("  ").word("last_exit", name(static_cast<ExitReason>(vmcs[Field::EXIT_REASON] & 0xffff)));
    row.say(" at guest RIP ");
    row.number("guest_rip", vmcs.last_exit_rip, code_text(vmcs.last_exit_rip, World::non_root, symbols));
    row.say(", instruction ").count("instruction", vmcs.last_exit_count);
  }
  if (!known.former) return;
  Row& end = sheet.row("former");
  if (known.former->cleared)
    end.say("      VMCLEAR at RIP ")
        .number("rip", known.former->rip, code_text(known.former->rip, World::root, symbols))
        .say(", instruction ")
        .count("instruction", known.former->count)
        .say(" of CPU ")
        .count("cpu", known.cpu->index);
  else
    end.say("      CPU ").count("cpu", known.cpu->index).say(" wrote it back to make room for another");
  if (const Cpu* now = active_on(machine, vmcs.region))
    end.say("; now active on CPU ").count("active_on", now->index);
  else if (memory_differs(machine, vmcs))
    end.say("; its memory has changed since").quiet("memory_changed", 1);
}

}  // namespace

std::vector<KnownVmcs> known_vmcses(Machine& machine) {
  std::vector<KnownVmcs> all;
  for (unsigned n = 0; n < machine.cpus(); ++n) {
    const Cpu& cpu = machine.cpu(n);
    if (!cpu.vmx) continue;
    for (const auto& vmcs : cpu.vmx->active()) all.push_back({&cpu, vmcs.get(), nullptr});
    for (const Vmx::Former& former : cpu.vmx->former()) {
      if (!cpu.vmx->find_active(former.vmcs->region)) all.push_back({&cpu, former.vmcs.get(), &former});
    }
  }
  return all;
}

std::optional<KnownVmcs> find_vmcs(Machine& machine, u64 region) {
  std::optional<KnownVmcs> best;
  for (const KnownVmcs& known : known_vmcses(machine)) {
    if (known.vmcs->region.value != region) continue;
    if (!known.former) return known;
    if (!best || known.vmcs->entries > best->vmcs->entries) best = known;
  }
  return best;
}

Sheet vmcs_life_sheet(Machine& machine, const Symbols* symbols) {
  const std::vector<KnownVmcs> all = known_vmcses(machine);
  Sheet sheet("vmcs_list");
  for (unsigned n = 0; n < machine.cpus(); ++n) {
    const Cpu& cpu = machine.cpu(n);
    sheet.section(fmt::format("cpu{}", n));
    Row& head = sheet.row("cpu").say("CPU ").count("cpu", n).say(": ");
    if (!cpu.vmx) {
      head.word("vmx", "no VMX");
      continue;
    }
    if (cpu.vmx_operation)
      head.say("VMX ")
          .word("vmx", cpu.non_root ? "non-root operation" : "root operation")
          .say(", VMXON region ")
          .hex("vmxon_region", cpu.vmx->vmxon_region.value);
    else
      head.word("vmx", "not in VMX operation");
    const auto here = [&](const KnownVmcs& known) { return known.cpu == &cpu; };
    const bool active = !cpu.vmx->active().empty();
    if (cpu.vmx_operation && !active) sheet.row().say("  no VMCS is active");
    if (std::none_of(all.begin(), all.end(), here)) continue;
    sheet.row().say(fmt::format("  {:<14} {:<8} {:<9} {:>10} {:>10}  last exit", "region", "", "state",
                                "entries", "exits"));
    for (const KnownVmcs& known : all) {
      if (here(known)) region_rows(sheet, machine, known, symbols);
    }
  }
  return sheet;
}

std::string former_writer_text(Machine& machine, const Vmcs& vmcs, Field field, const Symbols* symbols) {
  for (unsigned n = 0; n < machine.cpus(); ++n) {
    const Cpu& cpu = machine.cpu(n);
    if (!cpu.vmx) continue;
    for (const Vmx::Former& former : cpu.vmx->former()) {
      const Vmcs& then = *former.vmcs;
      if (&then == &vmcs || then.region != vmcs.region || then[field] != vmcs[field]) continue;
      const Vmcs::Writer& writer = then.writer(field);
      if (!writer.known) continue;
      return fmt::format("VMWRITE at RIP {} (instruction {} of CPU {}), before it was {}",
                         code_text(writer.rip, World::root, symbols), writer.count, n,
                         former.cleared ? "cleared" : "written back");
    }
  }
  return {};
}

}  // namespace ringside
