// Owns one VMCS as values, field by field.
#include "frontend/inspect/look_vmcs.h"

#include <fmt/format.h>

#include <map>

#include "frontend/inspect/look_paging.h"
#include "frontend/inspect/look_registers.h"
#include "frontend/inspect/refusal.h"
#include "frontend/inspect/vmcs_life.h"
#include "frontend/inspect/where.h"
#include "vmx/ept.h"
#include "vmx/explain_exit.h"
#include "vmx/explain_rule.h"
#include "vmx/explain_walk.h"
#include "vmx/instruction_errors.h"

namespace ringside {
namespace {

using enum Field;

struct AreaName {
  FieldArea area;
  std::string_view key, title;
};
constexpr AreaName areas[] = {
    {FieldArea::controls, "controls", "Control fields"},
    {FieldArea::injection, "injection", "VM-entry event injection"},
    {FieldArea::guest_registers, "guest", "Guest-state area: registers"},
    {FieldArea::guest_segments, "guest", "Guest-state area: segments"},
    {FieldArea::guest_other, "guest", "Guest-state area: non-register state"},
    {FieldArea::host, "host", "Host-state area"},
    {FieldArea::exit_information, "exit", "VM-exit information"},
};

ExitInfo exit_info_of(const Vmcs& vmcs) {
  ExitInfo exit;
  exit.reason = static_cast<ExitReason>(vmcs[EXIT_REASON] & 0xffff);
  exit.qualification = vmcs[EXIT_QUALIFICATION];
  exit.instruction_length = static_cast<u32>(vmcs[VM_EXIT_INSTRUCTION_LENGTH]);
  exit.instruction_information = static_cast<u32>(vmcs[VM_EXIT_INSTRUCTION_INFORMATION]);
  exit.linear = vmcs[GUEST_LINEAR_ADDRESS];
  exit.physical = vmcs[GUEST_PHYSICAL_ADDRESS];
  exit.interruption = static_cast<u32>(vmcs[VM_EXIT_INTERRUPTION_INFORMATION]);
  exit.interruption_error = static_cast<u32>(vmcs[VM_EXIT_INTERRUPTION_ERROR_CODE]);
  exit.vectoring = static_cast<u32>(vmcs[IDT_VECTORING_INFORMATION]);
  exit.vectoring_error = static_cast<u32>(vmcs[IDT_VECTORING_ERROR_CODE]);
  return exit;
}

std::string joined(const std::vector<ExplainedPart>& parts) {
  std::string text;
  for (const ExplainedPart& part : parts) text += (text.empty() ? "" : "; ") + part.meaning;
  return text;
}

std::string event_text(u64 information, u64 error) {
  if (!(information & Interruption::valid)) return {};
  ExitInfo as_exit;
  as_exit.interruption = static_cast<u32>(information);
  as_exit.interruption_error = static_cast<u32>(error);
  return joined(explain_exit(as_exit).interruption);
}

std::string pat_text(u64 pat) {
  constexpr std::string_view types[8] = {"UC", "WC", "?", "?", "WT", "WP", "WB", "UC-"};
  std::string text;
  for (unsigned n = 0; n < 8; ++n) {
    const u64 type = pat >> (8 * n) & 0xff;
    text += fmt::format("{}{}", n ? " " : "", type < 8 ? types[type] : "?");
  }
  return text;
}

std::string eptp_text(const Cpu& cpu, u64 eptp) {
  const std::string_view refusal = eptp_refusal(cpu.vmx->capability, eptp);
  if (!refusal.empty()) return fmt::format("not an EPT pointer: {}", refusal);
  return fmt::format("PML{} at {:#x}, memory type {}, accessed and dirty flags {}", Eptp::levels(eptp),
                     eptp & bit_range(12, 51), memory_type_name(eptp & Eptp::memory_type),
                     eptp & Eptp::accessed_dirty ? "on" : "off");
}

std::string exceptions_text(u64 bitmap) {
  std::string text;
  for (unsigned n = 0; n < 32; ++n) {
    if (bitmap >> n & 1) text += (text.empty() ? "" : " ") + vector_text(n, true);
  }
  return text;
}

std::string_view activity_text(u64 state) {
  constexpr std::string_view names[] = {"active", "HLT", "shutdown", "wait-for-SIPI"};
  return state < std::size(names) ? names[state] : "reserved";
}

bool is_address_of_code(Field field) {
  switch (field) {
    case GUEST_RIP:
    case HOST_RIP:
    case GUEST_IA32_SYSENTER_EIP:
    case HOST_IA32_SYSENTER_EIP:
    case IO_RIP: return true;
    default: return false;
  }
}

// What a value means, in one line; empty: the number says it all.
std::string meaning(const Cpu& cpu, const Vmcs& vmcs, Field field, const Symbols* symbols) {
  const u64 value = vmcs[field];
  if (field >= GUEST_ES_ACCESS_RIGHTS && field <= GUEST_TR_ACCESS_RIGHTS)
    return rights_text(static_cast<u32>(value), vmcs[VM_ENTRY_CONTROLS] & mask(VmxControl::ia32e_mode_guest));
  if (is_address_of_code(field)) {
    if (!symbols) return {};
    const bool host = info(field).area == FieldArea::host;
    const u64 base =
        field == GUEST_RIP && !(vmcs[GUEST_CS_ACCESS_RIGHTS] & Rights::L) ? vmcs[GUEST_CS_BASE] : 0;
    return symbols->text(base + value, host ? World::root : World::non_root, true);
  }
  switch (field) {
    case EXCEPTION_BITMAP: return exceptions_text(value);
    case EPT_POINTER: return eptp_text(cpu, value);
    case GUEST_ACTIVITY_STATE: return std::string(activity_text(value));
    case GUEST_IA32_PAT:
    case HOST_IA32_PAT: return pat_text(value);
    case GUEST_INTERRUPT_STATUS: return fmt::format("RVI {:#x}, SVI {:#x}", value & 0xff, value >> 8 & 0xff);
    case VMCS_LINK_POINTER: return value == ~u64{0} ? "none" : "a shadow VMCS";
    case VM_ENTRY_INTERRUPTION_INFORMATION: return event_text(value, vmcs[VM_ENTRY_EXCEPTION_ERROR_CODE]);
    case VM_EXIT_INTERRUPTION_INFORMATION: return event_text(value, vmcs[VM_EXIT_INTERRUPTION_ERROR_CODE]);
    case IDT_VECTORING_INFORMATION: return event_text(value, vmcs[IDT_VECTORING_ERROR_CODE]);
    case VM_INSTRUCTION_ERROR:
      return value ? std::string(instruction_error_name(static_cast<u32>(value))) : "";
    case EXIT_REASON:
      if (vmcs.exits == 0 && value == 0) return {};
      return fmt::format("{}{}", value & entry_failure_bit ? "VM-entry failure: " : "",
                         name(static_cast<ExitReason>(value & 0xffff)));
    case EXIT_QUALIFICATION: return vmcs.exits ? joined(explain_exit(exit_info_of(vmcs)).qualification) : "";
    default: break;
  }
  // Registers and states whose bits have names.
  if (control_word(field)) return {};
  bool named = false;
  for (unsigned n = 0; n < 64 && !named; ++n) named = !bit_name(field, n).empty();
  if (!named ||
      (field >= GUEST_ES_SELECTOR && field <= HOST_TR_SELECTOR && info(field).width() == FieldWidth::bits16))
    return {};
  return value ? bits_of(field, value) : "";
}

using Forbidden = std::multimap<Field, const Rule*>;
Forbidden forbidden_of(const EntryView& view) {
  Forbidden all;
  for (const Rule* rule : violations(view)) all.emplace(rule->fields[0], rule);
  return all;
}

void rule_rows(Sheet& sheet, const EntryView& view, const Forbidden& forbidden, Field field) {
  const auto [first, last] = forbidden.equal_range(field);
  for (auto it = first; it != last; ++it) {
    const Rule& rule = *it->second;
    Row& row =
        sheet.row("rule").say("      ! ").word("rule", rule.id).say(": ").word("sentence", rule.sentence);
    if (rule.nearest) row.say("; nearest valid value ").hex("nearest", rule.nearest(view));
  }
}

// Each control of the word: its value, and whether the CPU leaves a choice.
void control_rows(Sheet& sheet, const EntryView& view, Field field, ControlWord word) {
  const u64 value = view.vmcs[field];
  const bool limited = word <= ControlWord::entry;
  const u64 required = limited ? view.capability.required(word) : 0;
  const u64 allowed = limited ? view.capability.allowed(word) : view.capability.vm_functions();
  for (unsigned n = 0; n < 64; ++n) {
    const bool on = value >> n & 1, must = required >> n & 1, may = allowed >> n & 1;
    const std::string_view name = bit_name(field, n);
    if (name.empty() ? on == must && on <= may : !on && !may) continue;
    std::string_view verdict;
    if (must && !on)
      verdict = "! must be 1";
    else if (on && !may)
      verdict = "! must be 0 on this CPU";
    else if (must)
      verdict = "(always 1)";
    Row& row = sheet.row("control");
    row.say("      ").count("bit", n, -2).say(" = ").count("value", on).say("  ");
    row.word("control", name.empty() ? "(no name)" : name, verdict.empty() ? 0 : 45);
    if (!verdict.empty()) row.say(" ").word("verdict", verdict);
  }
}

std::vector<std::string> set_controls(u64 value, Field field) {
  std::vector<std::string> set;
  for (unsigned n = 0; n < 64; ++n) {
    if (value >> n & 1 && !bit_name(field, n).empty()) set.emplace_back(bit_name(field, n));
  }
  return set;
}

std::string writer_text(const EntryView& view, Field field, const VmcsTextOptions& options) {
  const Symbols* symbols = options.symbols;
  if (info(field).area == FieldArea::exit_information) return {};
  const RuleExplanation::Value value = value_of(view, field);
  if (value.from == RuleExplanation::Value::From::vm_exit) return "saved by the last VM exit";
  if (value.from == RuleExplanation::Value::From::from_memory && options.machine) {
    const std::string former = former_writer_text(*options.machine, view.vmcs, field, symbols);
    if (!former.empty()) return former;
  }
  return ringside::text(value, code_names(symbols, options.callers, view.vmcs.region.value));
}

bool in_use(const EntryView& view, Field field) {
  const VmxControl needs = info(field).needs;
  return needs == FieldInfo::always || view.has(needs);
}

struct FieldLines {
  const EntryView& view;
  const Forbidden& forbidden;
  const VmcsTextOptions& options;

  bool left_out(Field field) const {
    if (options.all_fields || forbidden.contains(field)) return false;
    if (view[field] != 0) return false;
    return !view.vmcs.writer(field).known || !in_use(view, field);
  }
  void add(Sheet& sheet, Field field) const {
    const FieldInfo& info_of = info(field);
    const u64 value = view[field];
    Row& row = sheet.row(info_of.id);
    row.say("  ").hex("encoding", info_of.encoding, 4).say(" ").word("field", info_of.id, 33);
    row.to(Link::To::field, 0, info_of.id).say(" ").hex("value", value);
    const auto word = control_word(field);
    const std::vector<std::string> controls = word ? set_controls(value, field) : std::vector<std::string>();
    std::string means = meaning(view.cpu, view.vmcs, field, options.symbols);
    if (word && !options.bits) means = fmt::format("{}", fmt::join(controls, ", "));
    if (!means.empty()) row.say("  ").word("meaning", means);
    if (word) row.quiet("controls", controls);
    if (!in_use(view, field))
      row.say(fmt::format("  (not in use: \"{}\" is 0)", info(info_of.needs).name)).quiet("unused", 1);
    if (options.writers) {
      if (const std::string writer = writer_text(view, field, options); !writer.empty())
        row.say("  [").word("writer", writer).say("]");
    }
    if (word && options.bits) control_rows(sheet, view, field, *word);
    rule_rows(sheet, view, forbidden, field);
  }
};

std::string_view activity_of(const Cpu& cpu, const Vmcs& vmcs) {
  if (&vmcs == cpu.vmx->current) return "current";
  return cpu.vmx->find_active(vmcs.region) == &vmcs ? "active, not current" : "not active any more";
}

}  // namespace

Sheet vmcs_sheet(const Cpu& cpu, const Vmcs& vmcs, const VmcsTextOptions& options) {
  const EntryView view{cpu, vmcs, cpu.vmx->capability};
  const Forbidden forbidden = forbidden_of(view);
  const FieldLines lines{view, forbidden, options};
  Sheet sheet("vmcs");
  sheet.section("vmcs");
  Row& head = sheet.row("vmcs").say("VMCS at ").hex("region", vmcs.region.value);
  head.to(Link::To::host_physical, vmcs.region.value).say(": ").word("activity", activity_of(cpu, vmcs));
  head.say(", ").word("launch_state", vmcs.launched ? "launched" : "clear");
  if (vmcs.shadow) head.say(", a shadow VMCS").quiet("shadow", 1);
  head.say("; ").count("entries", vmcs.entries).say(" entries, ").count("exits", vmcs.exits).say(" exits; ");
  head.say(forbidden.empty() ? "no rule forbids an entry now"
                             : fmt::format("{} rule{} would refuse an entry now (marked !)", forbidden.size(),
                                           forbidden.size() == 1 ? "" : "s"));
  head.quiet("broken_rules", forbidden.size());
  if (vmcs.exits)
    sheet.row("last_exit")
        .say("the last VM exit was at guest RIP ")
        .number("guest_rip", vmcs.last_exit_rip,
                code_text(vmcs.last_exit_rip, World::non_root, options.symbols))
        .say(", instruction ")
        .count("instruction", vmcs.last_exit_count);
  for (const AreaName& area : areas) {
    if (!options.area.empty() && options.area != area.key) continue;
    Sheet part;
    part.section(area.title);
    part.row().say(area.title);
    for (unsigned n = 0; n < field_count; ++n) {
      const Field field = static_cast<Field>(n);
      if (info(field).area != area.area || !cpu.vmx->capability.has(field) || lines.left_out(field)) continue;
      lines.add(part, field);
    }
    if (part.sections.back().rows.size() > 1) sheet.add(part);
  }
  return sheet;
}

Sheet field_sheet(const Cpu& cpu, const Vmcs& vmcs, Field field, const VmcsTextOptions& options) {
  const EntryView view{cpu, vmcs, cpu.vmx->capability};
  const Forbidden forbidden = forbidden_of(view);
  Sheet sheet("field");
  sheet.section(info(field).id);
  sheet.row("title").word("title", info(field).name);
  FieldLines{view, forbidden, options}.add(sheet, field);
  if (!cpu.vmx->capability.has(field)) sheet.row().say("      this CPU does not have the field");
  return sheet;
}

std::vector<Field> find_fields(std::string_view part) {
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; };
  std::string wanted;
  for (const char c : part) wanted += upper(c);
  if (const auto exact = find_field_by_id(part)) return {*exact};
  std::vector<Field> all;
  for (unsigned n = 0; n < field_count; ++n) {
    if (info(static_cast<Field>(n)).id.find(wanted) != std::string_view::npos)
      all.push_back(static_cast<Field>(n));
  }
  return all;
}

Sheet check_sheet(const Cpu& cpu, const Vmcs& vmcs, const Symbols* symbols, const FieldWriters* callers) {
  const EntryView view{cpu, vmcs, cpu.vmx->capability};
  Sheet sheet("check");
  const NameCode names = code_names(symbols, callers, vmcs.region.value);
  for (const RuleExplanation& e : explain_violations(view)) add_rule(sheet, e, "", names);
  if (sheet.sections.empty()) sheet.row().say("no rule of VM entry is broken");
  return sheet;
}

std::string operation_text(const Cpu& cpu) {
  if (!cpu.vmx || !cpu.vmx_operation) return "VMX off";
  const Vmcs* current = cpu.vmx->current;
  if (cpu.non_root) return current ? fmt::format("guest of VMCS {:#x}", current->region.value) : "guest";
  return current ? fmt::format("root (VMCS {:#x})", current->region.value) : "root";
}

namespace {

void add_details(Sheet& sheet, const ExplainedExit& e) {
  const auto parts = [&](std::string_view id, std::string_view title, const std::vector<ExplainedPart>& all) {
    for (const ExplainedPart& part : all)
      sheet.row(id)
          .say(fmt::format("  {} ", title))
          .word("bits", part.bits)
          .say(": ")
          .word("meaning", part.meaning);
  };
  parts("qualification", "qualification", e.qualification);
  parts("event", "event", e.interruption);
  parts("vectoring", "on its way", e.vectoring);
}

}  // namespace

Sheet former_exit_sheet(const ExitInfo& exit, u64 count) {
  const ExplainedExit e = explain_exit(exit);
  Sheet sheet("exit");
  sheet.section("exit");
  sheet.row("exit")
      .say("the last VM exit: reason ")
      .count("reason", static_cast<unsigned>(exit.reason))
      .say(", ")
      .word("headline", e.headline)
      .quiet("reason_name", name(exit.reason));
  sheet.row("where")
      .say("  where: instruction ")
      .count("instruction", count)
      .say("; its VMCS is not current any more");
  sheet.row("why").say("  why: ").word("cause", e.cause);
  add_details(sheet, e);
  return sheet;
}

Sheet last_exit_sheet(const Cpu& cpu, const Symbols* symbols) {
  Sheet sheet("exit");
  if (!cpu.vmx || cpu.vmx->exit_count == 0) {
    sheet.row().say("there was no VM exit yet");
    return sheet;
  }
  if (!cpu.vmx->current || cpu.vmx->current->exits == 0)
    return former_exit_sheet(cpu.vmx->exit, cpu.vmx->exit_count);
  const Vmcs& vmcs = *cpu.vmx->current;
  // The CPU's own record knows the cause, if it is of this VMCS.
  ExitInfo exit = exit_info_of(vmcs);
  const bool own = static_cast<u64>(cpu.vmx->exit.reason) == (vmcs[EXIT_REASON] & 0xffff) &&
                   cpu.vmx->exit.qualification == exit.qualification;
  if (own) exit = cpu.vmx->exit;
  const ExplainedExit e = explain_exit(exit);
  sheet.section("exit");
  sheet.row("exit")
      .say("VM exit ")
      .count("exit", vmcs.exits)
      .say(": reason ")
      .count("reason", static_cast<unsigned>(exit.reason))
      .say(", ")
      .word("headline", e.headline)
      .quiet("reason_name", name(exit.reason));
  sheet.row("where")
      .say("  where: guest RIP ")
      .number("guest_rip", vmcs.last_exit_rip, code_text(vmcs.last_exit_rip, World::non_root, symbols))
      .say(", instruction ")
      .count("instruction", vmcs.last_exit_count);
  const auto walk = cpu.non_root ? std::nullopt : explain_walk(cpu, exit);
  const std::string ept = walk ? ept_cause(exit, *walk) : std::string();
  if (own || !ept.empty()) sheet.row("why").say("  why: ").word("cause", ept.empty() ? e.cause : ept);
  add_details(sheet, e);
  if (walk) sheet.add(ringside::sheet(*walk));
  return sheet;
}

}  // namespace ringside
