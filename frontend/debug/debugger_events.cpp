// Owns what the debugger makes of the events that CPUs tell it of.
#include <fmt/format.h>

#include <algorithm>

#include "cpu/exec/engine/run.h"
#include "cpu/state/msrs.h"
#include "frontend/debug/debugger_impl.h"
#include "frontend/inspect/disassembly.h"
#include "frontend/inspect/fault_chain.h"
#include "frontend/inspect/look_memory.h"
#include "frontend/inspect/next_step.h"
#include "frontend/inspect/refusal.h"
#include "frontend/inspect/where.h"
#include "vmx/explain_exit.h"
#include "vmx/explain_rule.h"
#include "vmx/explain_refusal.h"
#include "vmx/rules.h"

namespace ringside {
namespace {

bool overlap(u64 a, u64 a_bytes, u64 b, u64 b_bytes) { return a - b < b_bytes || b - a < a_bytes; }

bool right_guest(const Breakpoint& point, const Cpu& cpu) {
  const AddressSpace space = point.at.space;
  if (space != AddressSpace::guest_linear && space != AddressSpace::guest_physical) return true;
  if (!cpu.non_root) return false;
  return !point.at.vmcs || (cpu.vmx->current && cpu.vmx->current->region.value == *point.at.vmcs);
}

bool meets_physically(const Breakpoint& point, const ObservedAccess& access) {
  return overlap(point.at.value, point.bytes, access.physical.value, access.part) ||
         (access.part < access.size &&
          overlap(point.at.value, point.bytes, access.rest.value, access.size - access.part));
}

bool meets_guest_physically(const Breakpoint& point, const Cpu& cpu, const ObservedAccess& access) {
  const auto meets = [&](u64 linear, unsigned size) {
    const auto at = cpu.mmu.probe_guest(LinAddr(linear), access.access);
    return at && overlap(point.at.value, point.bytes, at->value, size);
  };
  return meets(access.linear.value, access.part) ||
         (access.part < access.size && meets(access.linear.value + access.part, access.size - access.part));
}

bool watched_access(const Breakpoint& point, const Cpu& cpu, const ObservedAccess& access) {
  const bool write = access.access.kind == AccessKind::write;
  const bool wanted = (write && point.on_write) || ((!write || access.modifies) && point.on_read);
  if (!wanted || !right_guest(point, cpu)) return false;
  switch (point.at.space) {
    case AddressSpace::linear:
    case AddressSpace::guest_linear:
      return overlap(point.at.value, point.bytes, access.linear.value, access.size);
    case AddressSpace::guest_physical: return meets_guest_physically(point, cpu, access);
    case AddressSpace::host_physical: return meets_physically(point, access);
  }
  return false;
}

// Whoever watches a physical address does not know the linear one, nor the other way round.
std::string physical_note(const Breakpoint& point, const ObservedAccess& access) {
  if (point.at.space == AddressSpace::linear || point.at.space == AddressSpace::guest_linear) return {};
  return fmt::format(" (host-physical {:#x})", access.physical.value);
}

std::string shown(std::span<const u8> bytes) {
  u64 value = 0;
  for (std::size_t n = bytes.size(); n-- > 0;) value = value << 8 | bytes[n];
  return fmt::format("{:#x}", value);
}

// Of the VMX instruction at cpu.rip.
std::string by_instruction(const Cpu& cpu) {
  const DisassembledInstruction at = next_instruction(cpu, nullptr);
  return fmt::format(" ({} {}{}at {:#x})", at.mnemonic, at.operands, at.operands.empty() ? "" : " ",
                     at.address);
}
bool enters_guest(const Cpu& cpu) {
  const std::string mnemonic = next_instruction(cpu, nullptr).mnemonic;
  return mnemonic == "vmlaunch" || mnemonic == "vmresume";
}

}  // namespace

void Debugger::Impl::stop_after(Cpu& cpu, Pending reason) {
  pending.push_back(std::move(reason));
  machine.end_run();
  end_run_at(cpu, 0);
}

void Debugger::Impl::await(Cpu& cpu, RunTo event, const std::string& text) {
  if (awaited != event || (awaited_cpu && *awaited_cpu != cpu.index)) return;
  stop_after(cpu, {0, cpu.index, Stop::Kind::event, text});
}

bool Debugger::Impl::stops_before(Cpu& cpu, LinAddr linear, HostPhys physical) {
  if (travelling) return false;
  PerCpu& own = cpus[cpu.index];
  if (own.stopped_count == retired(cpu) && own.stopped_rip == cpu.rip) {
    tell_instruction(cpu);
    return false;
  }
  if (target && reached(*target, cpu, linear.value, physical)) {
    stop = Stop{Stop::Kind::step, cpu.index};
  }
  for (Breakpoint& point : points) {
    if (!waits(point, Breakpoint::Kind::execute, cpu) || !matches(point, cpu, linear.value, physical))
      continue;
    std::string note;
    if (!hit(point, cpu, note)) continue;
    stop = Stop{Stop::Kind::breakpoint, cpu.index, point.id, point.temporary,
                fmt::format("{}breakpoint {}{}", point.temporary ? "temporary " : "", point.id, note)};
    break;
  }
  if (stop) {
    machine.end_run();
    return true;
  }
  // Passed over: a stop elsewhere before it runs must not count it again.
  own.stopped_count = retired(cpu);
  own.stopped_rip = cpu.rip;
  tell_instruction(cpu);
  return false;
}

void Debugger::Impl::tell_instruction(Cpu& cpu) {
  PerCpu& own = cpus[cpu.index];
  if (!witness_hears || machine.repeating() || !witness->hears_instructions()) return;
  if (own.told_count == retired(cpu) && own.told_rip == cpu.rip) return;
  own.told_count = retired(cpu);
  own.told_rip = cpu.rip;
  witness->instruction(cpu);
  // Nobody asks any more once the run has come back to where it can be told so.
  if (witness->hears_instructions()) return;
  machine.end_run();
  end_run_at(cpu, 1);
}

void Debugger::Impl::round_over(Cpu& cpu) {
  ++rounds;
  round_ended = true;
  machine.end_run();
  end_run_at(cpu, 0);
}

void Debugger::Impl::was_reset(Cpu& cpu, bool init) {
  if (tells()) witness->was_reset(cpu, init);
}

bool Debugger::Impl::reached(const Target& t, Cpu& cpu, u64 linear, HostPhys physical) const {
  if (cpu.index != t.cpu || cpu.gpr[RSP] < t.lowest_rsp) return false;
  if (t.same_world && cpu.non_root != t.non_root) return false;
  if (t.call_with_rsp) {
    const NextStep next = cpu.gpr[RSP] == *t.call_with_rsp ? next_step(cpu) : NextStep();
    return next.comes_back && next.following == t.at.value;
  }
  Breakpoint point;
  point.at = t.at;
  return matches(point, cpu, linear, physical);
}

bool Debugger::Impl::matches(const Breakpoint& point, const Cpu& cpu, u64 linear, HostPhys physical) const {
  switch (point.at.space) {
    case AddressSpace::linear: return point.at.value == linear;
    case AddressSpace::guest_linear: return point.at.value == linear && right_guest(point, cpu);
    case AddressSpace::host_physical: return point.at.value == physical.value;
    case AddressSpace::guest_physical: {
      if (!cpu.non_root) return false;
      const auto at = locate_at(cpu, point.at, nullptr);
      return at && at->value == physical.value;
    }
  }
  return false;
}

bool Debugger::Impl::watches(const Cpu& cpu, const ObservedAccess& access) const {
  if (travelling) return false;
  for (const Breakpoint& point : points) {
    if (waits(point, Breakpoint::Kind::watch, cpu) && watched_access(point, cpu, access)) return true;
  }
  return false;
}

void Debugger::Impl::accessed(Cpu& cpu, const ObservedAccess& access) {
  for (const Breakpoint& point : points) {
    if (!waits(point, Breakpoint::Kind::watch, cpu) || !watched_access(point, cpu, access)) continue;
    // An instruction may ask before it acts, and act in parts.
    if (std::any_of(pending.begin(), pending.end(),
                    [&](const Pending& p) { return p.breakpoint == point.id && p.cpu == cpu.index; }))
      continue;
    const bool write = access.access.kind == AccessKind::write && point.on_write;
    std::string text = fmt::format("{} of {} byte{} at {:#x}{} by the instruction at {:#x}",
                                   write ? "write" : "read", access.size, access.size == 1 ? "" : "s",
                                   access.linear.value, physical_note(point, access), linear_rip(cpu));
    u8 old[8];
    const std::size_t bytes = std::min<u64>(point.bytes, sizeof old);
    if (peek_at(cpu, point.at, std::span(old, bytes)) == bytes)
      text += fmt::format(", {} {}", write ? "was" : "value", shown(std::span(old, bytes)));
    stop_after(cpu, {point.id, cpu.index, Stop::Kind::watchpoint, text, linear_rip(cpu)});
  }
}

void Debugger::Impl::meet_origin(Cpu& cpu, u64 from) {
  if (travelling || !origin || origin->cpu != cpu.index || origin->rip != from) return;
  stop_after(cpu, {0, cpu.index, Stop::Kind::event, ""});
}

void Debugger::Impl::exception(Cpu& cpu, const Fault& fault, u64 from) {
  if (tells()) witness->exception(cpu, fault, from);
  meet_origin(cpu, from);
  if (!hears(Breakpoint::Kind::exception, RunTo::exception)) return;
  std::string text = vector_text(static_cast<unsigned>(fault.vector), true);
  if (has_error_code(fault.vector)) text += fmt::format("({:#x})", fault.error);
  if (fault.vector == Vector::PF) text += fmt::format(" for address {:#x}", cpu.cr2);
  text += fmt::format(" from {:#x}", from);
  if (const std::string msr = msr_instruction_text(cpu, FaultedSide::own, from); !msr.empty())
    text += ", " + msr;
  meet(cpu, Breakpoint::Kind::exception, text,
       [&](const Breakpoint& p) { return p.number == static_cast<u64>(fault.vector); });
  await(cpu, RunTo::exception, text);
}

void Debugger::Impl::interrupt(Cpu& cpu, u8 vector, u64 from) {
  if (tells()) witness->interrupt(cpu, vector, from);
  meet_origin(cpu, from);
  if (!hears(Breakpoint::Kind::interrupt, RunTo::interrupt)) return;
  const std::string text = fmt::format("interrupt {:#x} from {:#x}", vector, from);
  meet(cpu, Breakpoint::Kind::interrupt, text, [&](const Breakpoint& p) { return p.number == vector; });
  await(cpu, RunTo::interrupt, text);
}

void Debugger::Impl::msr_access(Cpu& cpu, u32 number, bool write, u64 value) {
  if (!hears(Breakpoint::Kind::msr)) return;
  const std::string_view name = msr_name(number);
  const std::string text = fmt::format("{} of MSR {:#x}{}{}{}, {:#x}", write ? "WRMSR" : "RDMSR", number,
                                       name.empty() ? "" : " (", name, name.empty() ? "" : ")", value);
  for (const Breakpoint& p : points) {
    if (waits(p, Breakpoint::Kind::msr, cpu) && (p.any || p.number == number) &&
        (write ? p.on_write : p.on_read))
      stop_after(cpu, {p.id, cpu.index, Stop::Kind::breakpoint, text});
  }
}

void Debugger::Impl::port_access(Cpu& cpu, u16 port, unsigned size, bool write, u32 value) {
  if (!hears(Breakpoint::Kind::port)) return;
  for (const Breakpoint& p : points) {
    if (!waits(p, Breakpoint::Kind::port, cpu) || !(write ? p.on_write : p.on_read)) continue;
    if (!p.any && (port + size - 1 < p.number || port > p.last)) continue;
    stop_after(cpu, {p.id, cpu.index, Stop::Kind::breakpoint,
                     fmt::format("{} port {:#x}, {} byte{}, {:#x}", write ? "OUT to" : "IN from", port, size,
                                 size == 1 ? "" : "s", value)});
  }
}

void Debugger::Impl::vmcs_written(Cpu& cpu, HostPhys region, u64 encoding, u64 value) {
  const auto access = find_field(encoding);
  if (!access) return;
  const FieldInfo& field = info(access->field);
  const std::string text = fmt::format("VMWRITE of {}{} in VMCS {:#x}, {:#x}", field.id,
                                       access->high ? " (high half)" : "", region.value, value);
  meet(cpu, Breakpoint::Kind::vmwrite, text, [&](const Breakpoint& p) { return p.number == field.encoding; });
}

void Debugger::Impl::mode_changed(Cpu& cpu) {
  if (travelling || (awaited != RunTo::ring_change && awaited != RunTo::mode_change)) return;
  look_again = true;
  machine.end_run();
  end_run_at(cpu, 0);
}

void Debugger::Impl::entered(Cpu& cpu) {
  PerCpu& own = cpus[cpu.index];
  ++own.entries;
  own.note(VmxEvent::Kind::entered, cpu.vmx->entry_count);
  if (tells()) witness->entered(cpu);
  if (awaited == RunTo::vm_entry)
    await(
        cpu, RunTo::vm_entry,
        fmt::format("VM entry {} of VMCS {:#x}", cpu.vmx->current->entries, cpu.vmx->current->region.value));
}

// The machine's own count is that before the turn that goes on.
u64 Debugger::Impl::retired_now() const {
  u64 all = 0;
  for (unsigned n = 0; n < machine.cpus(); ++n) all += retired(machine.cpu(n));
  return all;
}

void Debugger::Impl::exited(Cpu& cpu, const ExitInfo& exit) {
  PerCpu& own = cpus[cpu.index];
  ++own.exits;
  if (!machine.repeating()) exits_over_time.add(retired_now());
  own.note(VmxEvent::Kind::exited, cpu.vmx->exit_count).exit = exit;
  if (tells()) witness->exited(cpu, exit);
  if (hears(Breakpoint::Kind::exit_reason, RunTo::vm_exit) || hears(Breakpoint::Kind::ept_violation))
    tell_exit(cpu, exit);
}

void Debugger::Impl::tell_exit(Cpu& cpu, const ExitInfo& exit) {
  const Vmcs* vmcs = cpu.vmx->current;
  const u64 rip = vmcs ? (*vmcs)[Field::GUEST_RIP] : 0;
  std::string text = fmt::format("VM exit, reason {}: {}, guest RIP {:#x}",
                                 static_cast<unsigned>(exit.reason), headline(exit), rip);
  if (const std::string at = symbols ? symbols->text(rip, ringside::World::non_root) : ""; !at.empty())
    text += fmt::format(" <{}>", at);
  meet(cpu, Breakpoint::Kind::exit_reason, text,
       [&](const Breakpoint& p) { return p.number == static_cast<u64>(exit.reason); });
  if (exit.reason == ExitReason::ept_violation)
    meet(cpu, Breakpoint::Kind::ept_violation, text,
         [&](const Breakpoint& p) { return exit.physical >= p.number && exit.physical <= p.last; });
  await(cpu, RunTo::vm_exit, text);
}

void Debugger::Impl::refused(Cpu& cpu, const RefusedEntry& entry) {
  const Rule* const rule = entry.rule();
  const ExitInfo* const exit = entry.exit;
  PerCpu& own = cpus[cpu.index];
  VmxEvent event{VmxEvent::Kind::refused, retired(cpu)};
  if (exit) event.exit = *exit;
  event.rule = rule;
  if (!entry.broken.empty()) {
    const EntryView view{cpu, *cpu.vmx->current, cpu.vmx->capability};
    const NameCode names = code_names(symbols, &writers, cpu.vmx->current->region.value);
    for (const Rule* one : entry.broken) add_rule(event.broken, explain(*one, view), "", names);
  }
  own.last = std::move(event);
  std::string text = "VM entry refused";
  if (exit) text += fmt::format(" at RIP {}", code_text(entry.rip, ringside::World::root, symbols));
  if (rule) text += fmt::format(": {}: {}", rule->id, rule->sentence);
  if (exit) text += fmt::format(" (VM exit, reason {})", static_cast<unsigned>(exit->reason));
  if (exit && exit->reason == ExitReason::entry_failure_msr_loading) {
    const std::string msr = ringside::text(cpu, cpu.vmx->msr_refusal, "VM-entry MSR-load list");
    text += ": " + msr;
    own.last->broken.row("msr").word("msr", msr);
  }
  if (tells()) witness->failed(cpu, text);
  meet(cpu, Breakpoint::Kind::failed_entry, text, [](const Breakpoint&) { return true; });
}

void Debugger::Impl::written(Cpu& cpu, const Vmcs& vmcs, Field field) {
  if (symbols) writers.note(cpu, vmcs, field, *symbols);
}

void Debugger::Impl::failed(Cpu& cpu, const VmRefusal& refusal) {
  PerCpu& own = cpus[cpu.index];
  const unsigned error = refusal.error;
  VmxEvent event{VmxEvent::Kind::failed, retired(cpu)};
  event.error = error;
  event.words = vm_refusal_text(refusal) + by_instruction(cpu);
  add_vm_refusal(event.broken, cpu, refusal, "", symbols);
  const std::string text = event.words;
  if (tells()) witness->failed(cpu, text);
  own.last = std::move(event);
  meet(cpu, Breakpoint::Kind::vm_failure, text, [&](const Breakpoint& p) { return p.number == error; });
  // Of a VM entry that a rule refuses, refused() follows.
  if (!refused_by_rule(refusal) && enters_guest(cpu))
    meet(cpu, Breakpoint::Kind::failed_entry, "VM entry refused: " + text,
         [](const Breakpoint&) { return true; });
}

void Debugger::Impl::faulted(Cpu& cpu, const VmRefusal& refusal) {
  PerCpu& own = cpus[cpu.index];
  VmxEvent event{VmxEvent::Kind::faulted, retired(cpu)};
  event.words = vm_refusal_text(refusal) + by_instruction(cpu);
  add_vm_refusal(event.broken, cpu, refusal, "", symbols);
  const std::string text = event.words;
  if (tells()) witness->failed(cpu, text);
  own.last = std::move(event);
  meet(cpu, Breakpoint::Kind::vm_failure, text,
       [](const Breakpoint& p) { return p.number == Breakpoint::vm_fault; });
  if (enters_guest(cpu))
    meet(cpu, Breakpoint::Kind::failed_entry, "VM entry refused: " + text,
         [](const Breakpoint&) { return true; });
}

}  // namespace ringside
