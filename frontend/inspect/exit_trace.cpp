// Owns the rows and the story of VM exits.
#include "frontend/inspect/exit_trace.h"

#include <fmt/format.h>

#include <algorithm>

#include "cpu/exec/engine/run.h"
#include "cpu/exec/events/events.h"
#include "frontend/inspect/fault_chain.h"
#include "frontend/inspect/json_value.h"
#include "frontend/inspect/look_memory.h"
#include "frontend/inspect/look_paging.h"
#include "frontend/inspect/refusal.h"
#include "frontend/inspect/vmx_event.h"
#include "frontend/inspect/where.h"
#include "vmx/explain_exit.h"
#include "vmx/explain_refusal.h"
#include "vmx/explain_rule.h"
#include "vmx/explain_walk.h"
#include "vmx/instruction_errors.h"
#include "vmx/manual_titles.h"
#include "vmx/rules.h"

namespace ringside {
namespace {

// The guest that was just left, from its VMCS.
u64 guest_rip(const Cpu& cpu) {
  const Vmcs* vmcs = cpu.vmx->current;
  return vmcs ? (*vmcs)[Field::GUEST_RIP] : 0;
}

std::string csv_text(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

constexpr std::string_view indent = "      ";

// "      where          guest RIP ..."
Row& titled(Sheet& sheet, std::string_view id, std::string_view title) {
  return sheet.row(id).say(fmt::format("{}{:<14} ", indent, title));
}

void add_parts(Sheet& sheet, std::string_view id, std::string_view title,
               const std::vector<ExplainedPart>& parts) {
  for (const ExplainedPart& part : parts) {
    titled(sheet, id, title).word("bits", part.bits, 10).say(" ").word("meaning", part.meaning);
    title = {};
  }
}

// Where the host goes on if nobody said where: at 0, to nobody's joy.
void add_forgotten_host(Sheet& sheet, const Cpu& cpu) {
  const EntryView view{cpu, *cpu.vmx->current, cpu.vmx->capability};
  for (const Field field : {Field::HOST_RIP, Field::HOST_RSP}) {
    const RuleExplanation::Value value = value_of(view, field);
    if (value.value == 0 && value.from == RuleExplanation::Value::From::from_memory)
      titled(sheet, "host", "host")
          .word("field", info(field).id)
          .say(" = 0x0, ")
          .word("writer", ringside::text(value));
  }
}

// The rows of a walk, under one title.
void add_walk(Sheet& sheet, const ExplainedWalk& walk) {
  std::string_view title = "walk";
  for (Section section : ringside::sheet(walk).sections) {
    for (Row& row : section.rows) {
      row.cells.insert(row.cells.begin(), Cell{.text = fmt::format("{}{:<14} ", indent, title)});
      title = {};
    }
    sheet.sections.push_back(std::move(section));
  }
}

// Of a VM entry that failed in MSR loading, or that ended in a VMX abort while it loaded the host's MSRs.
std::string msr_refusal_text(const Cpu& cpu, const ExitInfo& exit) {
  if (exit.reason != ExitReason::entry_failure_msr_loading) return {};
  return text(cpu, cpu.vmx->msr_refusal, "VM-entry MSR-load list");
}
void add_msr_refusal(Sheet& sheet, const Cpu& cpu, const ExitInfo* exit) {
  if (!exit) return;
  if (const std::string msr = msr_refusal_text(cpu, *exit); !msr.empty()) {
    titled(sheet, "msr", "msr").word("msr", msr);
    titled(sheet, "manual", "manual").word("title", titled_in_manual("Loading MSRs"));
  }
}

}  // namespace

TraceForm trace_form(std::string_view path) {
  return path.ends_with(".csv") ? TraceForm::csv : TraceForm::json_lines;
}

void ExitTrace::write_rows(TraceForm form, Output rows) {
  form_ = form;
  rows_ = std::move(rows);
  if (form == TraceForm::csv) rows_("count,cpu,reason,name,qualification,detail,rip,in_guest,in_root\n");
}

void ExitTrace::attach(Machine& machine) {
  machine_ = &machine;
  cpus_.clear();
  cpus_.resize(machine.cpus());
  for (unsigned n = 0; n < machine.cpus(); ++n) {
    if (Vmx* vmx = machine.cpu(n).vmx) cpus_[n].looks = vmx->observers.attach(*this);
  }
}

void ExitTrace::entered(Cpu& cpu) {
  PerCpu& p = cpus_[cpu.index];
  p.entry = retired(cpu);
  p.root = p.entry - std::min(p.exit, p.entry);
  if (machine_->repeating()) return;
  ++entries_;
  if (!story_ || !filter_.tells_entries() || !filter_.tells_at(p.entry)) return;
  const u32 injected = static_cast<u32>((*cpu.vmx->current)[Field::VM_ENTRY_INTERRUPTION_INFORMATION]);
  const bool injects = injected & Interruption::valid;
  if (cpu.vmx->current->entries > 1 && !injects) return;
  tell_again(cpu.index);
  Sheet sheet("vm_entry");
  sheet.section("vm_entry");
  sheet.row("vm_entry")
      .say("VM entry ")
      .count("entry", entries_)
      .say(": CPU ")
      .count("cpu", cpu.index)
      .say(", VMCS at ")
      .hex("vmcs", cpu.vmx->current->region.value)
      .say(", guest RIP ")
      .number("guest_rip", cpu.rip, code_text(cpu.rip, World::non_root, symbols_))
      .say(", CR0 ")
      .hex("cr0", cpu.cr0)
      .say(", CR3 ")
      .hex("cr3", cpu.cr3)
      .say(", CR4 ")
      .hex("cr4", cpu.cr4)
      .quiet("instruction", retired(cpu));
  if (injects) {
    ExitInfo as_exit;
    as_exit.interruption = injected;
    as_exit.interruption_error = static_cast<u32>((*cpu.vmx->current)[Field::VM_ENTRY_EXCEPTION_ERROR_CODE]);
    add_parts(sheet, "injects", "injects", explain_exit(as_exit).interruption);
  }
  story_(sheet);
}

void ExitTrace::exited(Cpu& cpu, const ExitInfo& exit) {
  PerCpu& p = cpus_[cpu.index];
  const u64 now = retired(cpu);
  const u64 in_guest = now - std::min(p.entry, now);
  if (machine_->repeating()) {
    p.exit = now;
    return;
  }
  ++exits_;
  if (static_cast<unsigned>(exit.reason) < exit_reason_limit)
    ++by_reason_[static_cast<unsigned>(exit.reason)];
  if (rows_) row(cpu, exit, in_guest);
  if (story_ && filter_.tells(exit.reason) && filter_.tells_at(now) && !comes_again(cpu, exit, in_guest) &&
      passed_++ % filter_.every == 0)
    story_(exit_story({exit, exits_, now, in_guest, guest_rip(cpu), cpu.index}, &cpu, symbols_));
  p.exit = now;
}

void ExitTrace::row(const Cpu& cpu, const ExitInfo& exit, u64 in_guest) {
  const unsigned reason = static_cast<unsigned>(exit.reason);
  const u64 root = cpus_[cpu.index].root;
  if (form_ == TraceForm::csv) {
    rows_(fmt::format("{},{},{},{},{:#x},{},{:#x},{},{}\n", retired(cpu), cpu.index, reason,
                      csv_text(name(exit.reason)), exit.qualification, csv_text(headline(exit)),
                      guest_rip(cpu), in_guest, root));
    return;
  }
  Json j;
  j["count"] = retired(cpu);
  j["cpu"] = cpu.index;
  j["reason"] = reason;
  j["name"] = name(exit.reason);
  j["qualification"] = exit.qualification;
  j["detail"] = headline(exit);
  const auto walk = explain_walk(cpu, exit);
  const std::string ept = walk ? ept_cause(exit, *walk) : std::string();
  j["cause"] = ept.empty() ? explain_exit(exit).cause : ept;
  if (walk) j["walk"] = walk->conclusion;
  if (exit.interruption & Interruption::valid) j["interruption"] = exit.interruption;
  if (exit.vectoring & Interruption::valid) j["vectoring"] = exit.vectoring;
  j["rip"] = guest_rip(cpu);
  j["in_guest"] = in_guest;
  j["in_root"] = root;
  rows_(j.dump() + "\n");
}

namespace {

// Why an exit would come again before the guest has run one instruction.
std::string likely_cause(const ExitInfo& exit) {
  switch (exit.reason) {
    case ExitReason::ept_violation:
    case ExitReason::ept_misconfiguration:
      return "the EPT entry that the walk ends at was not changed, or INVEPT is missing";
    case ExitReason::exception_or_nmi: return "the exception was neither injected nor its cause removed";
    case ExitReason::external_interrupt:
      return "the interrupt was not acknowledged: \"acknowledge interrupt on exit\" is 0 and no handler ran";
    case ExitReason::io_instruction:
      if (exit.qualification & bit(5)) return "one iteration of a repeated string instruction each, or none";
      break;
    default: break;
  }
  if (exit.instruction_length == 0) return "what caused it was not removed";
  return fmt::format("GUEST_RIP was not advanced past this instruction of {} byte{}", exit.instruction_length,
                     exit.instruction_length == 1 ? "" : "s");
}

}  // namespace

bool ExitTrace::comes_again(const Cpu& cpu, const ExitInfo& exit, u64 in_guest) {
  PerCpu& p = cpus_[cpu.index];
  const u64 rip = guest_rip(cpu);
  // An instruction that exits is counted as if it had retired.
  const u64 own = exit.instruction_length ? 1 : 0;
  const bool again = p.any_told && in_guest <= own && p.told.reason == exit.reason && p.told_rip == rip;
  if (again) {
    ++p.again;
    // A run that does nothing else is told of while it lasts.
    constexpr u64 many = 1000;
    if (p.again % many == 0) tell_again(cpu.index);
    return true;
  }
  tell_again(cpu.index);
  p.told = exit;
  p.told_rip = rip;
  p.any_told = true;
  return false;
}

void ExitTrace::tell_again(unsigned cpu) {
  PerCpu& p = cpus_[cpu];
  if (p.again == 0 || !story_) return;
  Sheet sheet("vm_exit_again");
  sheet.section("vm_exit_again");
  sheet.row("again")
      .say("VM exit: ")
      .count("again", p.again)
      .say(p.again == 1 ? " time more" : " times more")
      .say(" at once, reason ")
      .count("reason", static_cast<unsigned>(p.told.reason))
      .say(" at guest RIP ")
      .number("guest_rip", p.told_rip, code_text(p.told_rip, World::non_root, symbols_))
      .quiet("cpu", cpu);
  titled(sheet, "likely", "likely").word("cause", likely_cause(p.told));
  p.again = 0;
  story_(sheet);
}

void ExitTrace::conclude() {
  for (unsigned n = 0; n < cpus_.size(); ++n) tell_again(n);
}

Sheet exit_story(const MetExit& met, const Cpu* as_left, const Symbols* symbols) {
  const ExitInfo& exit = met.exit;
  const ExplainedExit e = explain_exit(exit);
  Sheet sheet("vm_exit");
  sheet.section("vm_exit");
  sheet.row("vm_exit")
      .say("VM exit ")
      .count("exit", met.number)
      .say(": reason ")
      .count("reason", static_cast<unsigned>(exit.reason))
      .say(", ")
      .word("headline", e.headline)
      .quiet("reason_name", name(exit.reason))
      .quiet("cpu", met.cpu)
      .quiet("instruction", met.instruction)
      .quiet("exit_qualification", exit.qualification);
  titled(sheet, "where", "where")
      .say("guest RIP ")
      .number("guest_rip", met.guest_rip, code_text(met.guest_rip, World::non_root, symbols))
      .say(", ")
      .count("in_guest", met.in_guest)
      .say(met.in_guest == 1 ? " instruction after the entry" : " instructions after the entry");
  const auto walk = as_left ? explain_walk(*as_left, exit) : std::nullopt;
  const std::string ept = walk ? ept_cause(exit, *walk) : std::string();
  titled(sheet, "why", "why").word("cause", ept.empty() ? e.cause : ept);
  add_parts(sheet, "qualification", "qualification", e.qualification);
  add_parts(sheet, "event", "event", e.interruption);
  add_parts(sheet, "vectoring", "on its way", e.vectoring);
  if (!as_left) return sheet;
  if (exit.reason == ExitReason::triple_fault)
    add_fault_chain(sheet, *as_left, FaultedSide::guest, indent, symbols);
  if (exit.reason == ExitReason::exception_or_nmi)
    if (const std::string msr = msr_instruction_text(*as_left, FaultedSide::guest, met.guest_rip);
        !msr.empty())
      titled(sheet, "instruction", "instruction").word("instruction", msr);
  if (as_left->vmx->current) add_forgotten_host(sheet, *as_left);
  if (walk) add_walk(sheet, *walk);
  return sheet;
}

// Every rule that is broken, not only the one that the processor met first.
void ExitTrace::refused(Cpu& cpu, const RefusedEntry& entry) {
  if (machine_->repeating()) return;
  const EntryView view{cpu, *cpu.vmx->current, cpu.vmx->capability};
  const std::vector<const Rule*>& broken = entry.broken;
  const ExitInfo* const exit = entry.exit;
  if (exit) ++by_reason_[static_cast<unsigned>(exit->reason) % exit_reason_limit];
  if (rows_) refusal_row(cpu, broken, exit);
  if (!story_ || !filter_.tells_refusals() || !filter_.tells_at(retired(cpu))) return;
  tell_again(cpu.index);
  Sheet sheet("vm_entry_refused");
  sheet.section("vm_entry_refused");
  Row& head = sheet.row("refused").say("VM entry refused, ");
  if (exit)
    head.say("VM exit: reason ")
        .count("reason", static_cast<unsigned>(exit->reason))
        .say(", ")
        .word("headline", headline(*exit));
  else
    head.word("failure", "VMfailValid");
  titled(sheet, "where", "where")
      .say("CPU ")
      .count("cpu", cpu.index)
      .say(", VMCS at ")
      .hex("vmcs", cpu.vmx->current->region.value)
      .say(", instruction ")
      .count("instruction", retired(cpu));
  if (exit)
    titled(sheet, "entered_by", "by")
        .say("RIP ")
        .number("rip", entry.rip, code_text(entry.rip, World::root, symbols_));
  if (exit) add_parts(sheet, "qualification", "qualification", explain_exit(*exit).qualification);
  add_msr_refusal(sheet, cpu, exit);
  const NameCode names = code_names(symbols_, &writers_, cpu.vmx->current->region.value);
  for (const Rule* one : broken) add_rule(sheet, explain(*one, view), indent, names);
  story_(sheet);
}

void ExitTrace::refusal_row(const Cpu& cpu, const std::vector<const Rule*>& broken, const ExitInfo* exit) {
  std::vector<std::string> ids;
  for (const Rule* one : broken) ids.emplace_back(one->id);
  if (form_ == TraceForm::csv) {
    rows_(fmt::format("{},{},{},{},{:#x},{},,,\n", retired(cpu), cpu.index,
                      exit ? fmt::format("{}", static_cast<unsigned>(exit->reason)) : "",
                      csv_text("VM entry refused"), exit ? exit->qualification : 0,
                      csv_text(fmt::format("{}", fmt::join(ids, " ")))));
    return;
  }
  Json j;
  j["count"] = retired(cpu);
  j["cpu"] = cpu.index;
  j["refused"] = true;
  if (exit) j["reason"] = static_cast<unsigned>(exit->reason);
  if (exit) j["qualification"] = exit->qualification;
  const EntryView view{cpu, *cpu.vmx->current, cpu.vmx->capability};
  if (const std::string msr = exit ? msr_refusal_text(cpu, *exit) : std::string(); !msr.empty())
    j["msr"] = msr;
  const NameCode names = code_names(symbols_, &writers_, cpu.vmx->current->region.value);
  auto& rules = j["rules"] = Json::array();
  for (const Rule* one : broken) {
    const RuleExplanation e = explain(*one, view);
    Json r = {{"id", one->id},
              {"sentence", one->sentence},
              {"title", one->title},
              {"place", manual_place(one->title)}};
    for (const RuleExplanation::Value& v : e.values)
      r["fields"].push_back(
          {{"name", info(v.field).id}, {"value", v.value}, {"writer", ringside::text(v, names)}});
    for (const RuleExplanation::Source& source : e.sources)
      r["sources"].push_back({{"name", source.name}, {"msr", source.msr}, {"value", source.value}});
    if (e.cure)
      r["cure"] = {{"field", info(e.cure->field).id},
                   {"value", e.cure->value},
                   {"set", e.cure->set},
                   {"cleared", e.cure->cleared},
                   {"words", cure_text(e)}};
    if (!e.hint.empty()) r["hint"] = e.hint;
    rules.push_back(std::move(r));
  }
  rows_(j.dump() + "\n");
}

void ExitTrace::written(Cpu& cpu, const Vmcs& vmcs, Field field) {
  if (symbols_ && (story_ || rows_)) writers_.note(cpu, vmcs, field, *symbols_);
}

void ExitTrace::tell_failure(const Cpu& cpu, std::string_view name, std::string_view before,
                             const VmRefusal& refusal) {
  if (!story_ || !filter_.tells_refusals() || !filter_.tells_at(retired(cpu))) return;
  tell_again(cpu.index);
  Sheet sheet(name);
  sheet.section(name);
  sheet.row(name)
      .say(before)
      .word("words", vm_refusal_text(refusal))
      .say(" (instruction ")
      .count("instruction", retired(cpu))
      .say(")");
  add_vm_refusal(sheet, cpu, refusal, indent, symbols_);
  story_(sheet);
}

void ExitTrace::failed(Cpu& cpu, const VmRefusal& refusal) {
  if (machine_->repeating()) return;
  tell_failure(cpu, "vmx_instruction_failed", "", refusal);
  // Of a VM entry that a rule refuses, refused() follows.
  if (rows_ && !refused_by_rule(refusal))
    failure_row(cpu, refusal.error ? "VMfailValid" : "VMfailInvalid", refusal);
}

void ExitTrace::faulted(Cpu& cpu, const VmRefusal& refusal) {
  if (machine_->repeating()) return;
  tell_failure(cpu, "vmx_instruction_faulted", "A VMX instruction raises ", refusal);
  if (rows_) failure_row(cpu, vector_text(static_cast<unsigned>(info(refusal.why).vector), true), refusal);
}

// In CSV the reason is that of an exit: here there is none.
void ExitTrace::failure_row(const Cpu& cpu, std::string_view name, const VmRefusal& refusal) {
  const u64 rip = linear_rip(cpu);
  const std::string detail = vm_refusal_text(refusal);
  if (form_ == TraceForm::csv) {
    rows_(fmt::format("{},{},,{},,{},{:#x},,\n", retired(cpu), cpu.index, csv_text(name), csv_text(detail),
                      rip));
    return;
  }
  Json j;
  j["count"] = retired(cpu);
  j["cpu"] = cpu.index;
  j["failed"] = true;
  j["name"] = name;
  if (refusal.error) j["error"] = refusal.error;
  j["detail"] = detail;
  j["rip"] = rip;
  const ExplainedRefusal e = explain(cpu, refusal);
  j["reason"] = e.info->id;
  j["sentence"] = e.info->sentence;
  if (!e.found.empty()) j["found"] = e.found;
  if (!e.wanted.empty()) j["wanted"] = e.wanted;
  j["title"] = e.info->title;
  rows_(j.dump() + "\n");
}

std::string ExitTrace::summary() const {
  std::vector<std::pair<u64, unsigned>> order;
  u64 all = 0;
  for (unsigned n = 0; n < exit_reason_limit; ++n) {
    if (by_reason_[n]) order.emplace_back(by_reason_[n], n);
    all += by_reason_[n];
  }
  if (order.empty()) return {};
  std::sort(order.begin(), order.end(),
            [](auto& a, auto& b) { return std::pair(b.first, a.second) < std::pair(a.first, b.second); });
  std::string text = fmt::format("{:>12}  {:>6}  {}\n", "VM exits", "reason", "name");
  for (const auto& [count, reason] : order)
    text += fmt::format("{:>12}  {:>6}  {}\n", count, reason, name(static_cast<ExitReason>(reason)));
  const u64 failed = all - exits_;
  return text + fmt::format("{:>12}          in all, after {} VM entries{}\n", all, entries_,
                            failed ? fmt::format(" and {} that failed", failed) : "");
}

}  // namespace ringside
