// Owns what the debugger makes of the events that CPUs tell it of.
#include <fmt/format.h>

#include "cpu/exec/run.h"
#include "cpu/state/msrs.h"
#include "frontend/debug/debugger_impl.h"
#include "frontend/debug/look_memory.h"
#include "frontend/debug/where.h"
#include "vmx/explain_exit.h"
#include "vmx/explain_rule.h"
#include "vmx/instruction_errors.h"
#include "vmx/rules.h"

namespace ringside {
namespace {

bool overlap(u64 a, u64 a_bytes, u64 b, u64 b_bytes) { return a - b < b_bytes || b - a < a_bytes; }

bool right_guest(const Breakpoint& point, const Cpu& cpu) {
  if (point.at.space != AddressSpace::guest_linear) return true;
  if (!cpu.non_root) return false;
  return !point.at.vmcs || (cpu.vmx->current && cpu.vmx->current->region.value == *point.at.vmcs);
}

bool watched_access(const Breakpoint& point, const Cpu& cpu, u64 address, unsigned size, AccessKind kind) {
  const bool wanted = kind == AccessKind::write ? point.on_write : point.on_read;
  return wanted && right_guest(point, cpu) && overlap(point.at.value, point.bytes, address, size);
}

std::string shown(std::span<const u8> bytes) {
  u64 value = 0;
  for (std::size_t n = bytes.size(); n-- > 0;) value = value << 8 | bytes[n];
  return fmt::format("{:#x}", value);
}

}  // namespace

void Debugger::Impl::hold(Cpu& cpu, Pending reason) {
  pending.push_back(std::move(reason));
  machine.hold();
  end_run_at(cpu, 0);
}

void Debugger::Impl::await(Cpu& cpu, RunTo event, const std::string& text) {
  if (awaited != event || (awaited_cpu && *awaited_cpu != cpu.index)) return;
  hold(cpu, {0, cpu.index, Stop::Kind::event, text});
}

bool Debugger::Impl::stops_before(Cpu& cpu, LinAddr linear, HostPhys physical) {
  PerCpu& own = cpus[cpu.index];
  if (own.stopped_count == retired(cpu) && own.stopped_rip == cpu.rip) return false;
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
    machine.hold();
    return true;
  }
  // Passed over: a stop elsewhere before it runs must not count it again.
  own.stopped_count = retired(cpu);
  own.stopped_rip = cpu.rip;
  return false;
}

bool Debugger::Impl::reached(const Target& t, Cpu& cpu, u64 linear, HostPhys physical) const {
  if (cpu.index != t.cpu || cpu.gpr[RSP] < t.lowest_rsp) return false;
  if (t.same_world && cpu.non_root != t.non_root) return false;
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

bool Debugger::Impl::watches(const Cpu& cpu, LinAddr address, unsigned size, AccessKind kind) const {
  for (const Breakpoint& point : points) {
    if (waits(point, Breakpoint::Kind::watch, cpu) && watched_access(point, cpu, address.value, size, kind))
      return true;
  }
  return false;
}

void Debugger::Impl::accessed(Cpu& cpu, LinAddr address, unsigned size, AccessKind kind, HostPhys) {
  PerCpu& own = cpus[cpu.index];
  for (const Breakpoint& point : points) {
    if (!waits(point, Breakpoint::Kind::watch, cpu) || !watched_access(point, cpu, address.value, size, kind))
      continue;
    // An instruction may ask before it acts, and act in parts.
    if (own.watched_count == retired(cpu) && own.watched_by == point.id) continue;
    own.watched_count = retired(cpu);
    own.watched_by = point.id;
    const bool write = kind == AccessKind::write;
    std::string text =
        fmt::format("{} of {} byte{} at {:#x} by the instruction at {:#x}", write ? "write" : "read", size,
                    size == 1 ? "" : "s", address.value, linear_rip(cpu));
    u8 old[8];
    const std::size_t bytes = std::min<u64>(point.bytes, sizeof old);
    if (peek_at(cpu, point.at, std::span(old, bytes)) == bytes)
      text += fmt::format(", {} {}", write ? "was" : "value", shown(std::span(old, bytes)));
    hold(cpu, {point.id, cpu.index, Stop::Kind::watchpoint, text});
  }
}

void Debugger::Impl::exception(Cpu& cpu, const Fault& fault, u64 from) {
  std::string text = vector_text(static_cast<unsigned>(fault.vector), true);
  if (has_error_code(fault.vector)) text += fmt::format("({:#x})", fault.error);
  if (fault.vector == Vector::PF) text += fmt::format(" for address {:#x}", cpu.cr2);
  text += fmt::format(" from {:#x}", from);
  meet(cpu, Breakpoint::Kind::exception, text,
       [&](const Breakpoint& p) { return p.number == static_cast<u64>(fault.vector); });
  await(cpu, RunTo::exception, text);
}

void Debugger::Impl::interrupt(Cpu& cpu, u8 vector, u64 from) {
  const std::string text = fmt::format("interrupt {:#x} from {:#x}", vector, from);
  meet(cpu, Breakpoint::Kind::interrupt, text, [&](const Breakpoint& p) { return p.number == vector; });
  await(cpu, RunTo::interrupt, text);
}

void Debugger::Impl::msr_access(Cpu& cpu, u32 number, bool write, u64 value) {
  const std::string_view name = msr_name(number);
  const std::string text = fmt::format("{} of MSR {:#x}{}{}{}, {:#x}", write ? "WRMSR" : "RDMSR", number,
                                       name.empty() ? "" : " (", name, name.empty() ? "" : ")", value);
  for (const Breakpoint& p : points) {
    if (waits(p, Breakpoint::Kind::msr, cpu) && (p.any || p.number == number) &&
        (write ? p.on_write : p.on_read))
      hold(cpu, {p.id, cpu.index, Stop::Kind::breakpoint, text});
  }
}

void Debugger::Impl::port_access(Cpu& cpu, u16 port, unsigned size, bool write, u32 value) {
  for (const Breakpoint& p : points) {
    if (!waits(p, Breakpoint::Kind::port, cpu) || !(write ? p.on_write : p.on_read)) continue;
    if (!p.any && (port + size - 1 < p.number || port > p.last)) continue;
    hold(cpu, {p.id, cpu.index, Stop::Kind::breakpoint,
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
  if (awaited != RunTo::ring_change && awaited != RunTo::mode_change) return;
  look_again = true;
  machine.hold();
  end_run_at(cpu, 0);
}

void Debugger::Impl::entered(Cpu& cpu) {
  PerCpu& own = cpus[cpu.index];
  ++own.entries;
  own.last = VmxEvent{VmxEvent::Kind::entered, retired(cpu)};
  await(cpu, RunTo::vm_entry,
        fmt::format("VM entry {} of VMCS {:#x}", cpu.vmx->current->entries, cpu.vmx->current->region.value));
  if (own.next) own.next->entered(cpu);
}

void Debugger::Impl::exited(Cpu& cpu, const ExitInfo& exit) {
  PerCpu& own = cpus[cpu.index];
  ++own.exits;
  own.last = VmxEvent{VmxEvent::Kind::exited, retired(cpu), exit};
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
  if (own.next) own.next->exited(cpu, exit);
}

void Debugger::Impl::refused(Cpu& cpu, const Rule* rule, const ExitInfo* exit) {
  PerCpu& own = cpus[cpu.index];
  VmxEvent event{VmxEvent::Kind::refused, retired(cpu)};
  if (exit) event.exit = *exit;
  event.rule = rule;
  if (rule) {
    const EntryView view{cpu, *cpu.vmx->current, cpu.vmx->capability};
    for (const RuleExplanation& one : explain_violations(view))
      event.broken += ringside::text(one, code_names(symbols)) + "\n";
  }
  own.last = std::move(event);
  std::string text = "VM entry refused";
  if (rule) text += fmt::format(": {}: {}", rule->id, rule->sentence);
  if (exit) text += fmt::format(" (VM exit, reason {})", static_cast<unsigned>(exit->reason));
  meet(cpu, Breakpoint::Kind::failed_entry, text, [](const Breakpoint&) { return true; });
  if (own.next) own.next->refused(cpu, rule, exit);
}

void Debugger::Impl::failed(Cpu& cpu, unsigned error) {
  PerCpu& own = cpus[cpu.index];
  own.last = VmxEvent{VmxEvent::Kind::failed, retired(cpu), std::nullopt, nullptr, error};
  // Of a VM entry that a rule refuses, refused() follows.
  if (own.next) own.next->failed(cpu, error);
}

}  // namespace ringside
