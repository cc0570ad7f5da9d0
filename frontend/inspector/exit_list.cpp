// Owns the gathering of VM exits for the inspector.
#include "frontend/inspector/exit_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cpu/exec/engine/run.h"
#include "frontend/inspect/refusal.h"
#include "frontend/inspect/vmx_event.h"
#include "frontend/inspect/where.h"
#include "vmx/explain_exit.h"
#include "vmx/explain_rule.h"
#include "vmx/rules.h"

namespace ringside {

void ExitList::attach(Machine& machine) {
  machine_ = &machine;
  cpus_.resize(machine.cpus());
  for (unsigned n = 0; n < machine.cpus(); ++n) {
    Vmx* const vmx = machine.cpu(n).vmx;
    if (!vmx) continue;
    if (cpus_[n].vmx != vmx) cpus_[n].entry = vmx->entry_count;
    cpus_[n].vmx = vmx;
    // A reboot may have put another CPU into the same place.
    cpus_[n].looks.detach();
    cpus_[n].looks = vmx->observers.attach(*this);
  }
  forget_later();
}

void ExitList::detach() { cpus_.clear(); }

// An instruction that an event belongs to has been counted already.
bool ExitList::before_here(const Event& event) const {
  return event.met.instruction <= retired(machine_->cpu(event.met.cpu));
}

std::size_t ExitList::count_before_here() const {
  std::size_t count = events_.size();
  while (count > 0 && !before_here(events_[count - 1])) --count;
  return count;
}

// Behind the present nothing has happened: what was noted there was in another run, as the machine began
// anew, or its past was written to.
void ExitList::forget_later() {
  if (machine_->repeating()) return;
  for (; !events_.empty() && !before_here(events_.back()); --seen_) events_.pop_back();
}

void ExitList::keep(Event event) {
  forget_later();
  event.met.number = ++seen_;
  events_.push_back(std::move(event));
  if (events_.size() > most) events_.pop_front();
}

ExitList::Event ExitList::event_at(const Cpu& cpu) {
  Event event;
  event.met.number = seen_ + 1;
  event.met.cpu = cpu.index;
  event.met.instruction = retired(cpu);
  event.met.in_guest = event.met.instruction - std::min(event.met.instruction, cpus_[cpu.index].entry);
  return event;
}

void ExitList::entered(Cpu& cpu) {
  if (!machine_->repeating()) cpus_[cpu.index].entry = retired(cpu);
}

void ExitList::exited(Cpu& cpu, const ExitInfo& exit) {
  if (machine_->repeating()) return;
  Event event = event_at(cpu);
  event.met.exit = exit;
  event.met.guest_rip = cpu.vmx->current ? (*cpu.vmx->current)[Field::GUEST_RIP] : 0;
  if (at_length_) {
    --at_length_;
    event.story = std::make_shared<const Sheet>(exit_story(event.met, &cpu, symbols_));
  }
  keep(std::move(event));
}

void ExitList::refused(Cpu& cpu, const RefusedEntry& entry) {
  if (machine_->repeating()) return;
  Event event = event_at(cpu);
  event.met.guest_rip = cpu.rip;
  event.what = fmt::format("VM entry refused{}{}", entry.rule() ? ": " : "",
                           entry.rule() ? std::string(entry.rule()->sentence) : std::string());
  Sheet story("vm_entry_refused");
  story.section("vm_entry_refused");
  Row& head = story.row("refused").say("VM entry refused, ");
  if (entry.exit)
    head.say("VM exit: ").word("headline", headline(*entry.exit));
  else
    head.word("failure", "VMfailValid");
  const Vmcs& vmcs = *cpu.vmx->current;
  const EntryView view{cpu, vmcs, cpu.vmx->capability};
  const NameCode names = code_names(symbols_, writers_, vmcs.region.value);
  for (const Rule* broken : entry.broken) add_rule(story, ringside::explain(*broken, view), "  ", names);
  event.story = std::make_shared<const Sheet>(std::move(story));
  keep(std::move(event));
}

void ExitList::refuse(const Cpu& cpu, std::string_view before, const VmRefusal& refusal) {
  // Of a VM entry that a rule refuses, refused() follows.
  if (refused_by_rule(refusal) || machine_->repeating()) return;
  Event event = event_at(cpu);
  event.met.guest_rip = cpu.rip;
  event.what = fmt::format("{}{}", before, vm_refusal_text(refusal));
  Sheet story("vmx_instruction_failed");
  story.section("vmx_instruction_failed");
  story.row("failed").word("words", event.what);
  add_vm_refusal(story, cpu, refusal, "  ", symbols_);
  event.story = std::make_shared<const Sheet>(std::move(story));
  keep(std::move(event));
}

void ExitList::failed(Cpu& cpu, const VmRefusal& refusal) { refuse(cpu, "", refusal); }
void ExitList::faulted(Cpu& cpu, const VmRefusal& refusal) {
  refuse(cpu, "a VMX instruction raises ", refusal);
}

Sheet ExitList::list(std::size_t limit) const {
  Sheet sheet("exits");
  sheet.section("exits");
  if (events_.empty()) sheet.row().say("no VM exit was seen since the inspector was opened");
  const std::size_t known = count_before_here();
  if (known < events_.size())
    sheet.row().say(fmt::format("those before here; {} come later", events_.size() - known));
  const std::size_t count = std::min(limit, known);
  for (std::size_t n = 0; n < count; ++n) {
    const Event& event = events_[known - 1 - n];
    const MetExit& met = event.met;
    const bool exit = event.what.empty();
    Row& row = sheet.row().count("exit", met.number, -7).say("  CPU ").count("cpu", met.cpu).say("  ");
    row.count("instruction", met.instruction, -12).say("  ");
    row.word("what", exit ? headline(met.exit) : event.what, 36);
    if (exit) row.quiet("reason", static_cast<u64>(met.exit.reason));
    row.say("  ").number("rip", met.guest_rip,
                         code_text(met.guest_rip, exit ? World::non_root : World::root, symbols_));
  }
  return sheet;
}

Sheet ExitList::explain(u64 number) const {
  Sheet sheet("exit");
  if (events_.empty()) return sheet;
  const u64 first = events_.front().met.number, last = events_.back().met.number;
  const std::size_t known = count_before_here();
  if (number == 0 && known == 0) return sheet;
  if (number == 0) number = events_[known - 1].met.number;
  if (number < first || number > last) {
    sheet.row().say(fmt::format("number {} is forgotten: only the last {} are kept", number, most));
    return sheet;
  }
  const Event& event = events_[number - first];
  if (event.story) return *event.story;
  sheet = exit_story(event.met, nullptr, symbols_);
  if (event.met.exit.reason == ExitReason::ept_violation ||
      event.met.exit.reason == ExitReason::ept_misconfiguration)
    sheet.row().say("      the walk was not kept: too many came at once; run to exit stops at the next one");
  return sheet;
}

}  // namespace ringside
