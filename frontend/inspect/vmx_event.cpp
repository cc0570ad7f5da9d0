// Owns VMX instructions that failed, in words.
#include "frontend/inspect/vmx_event.h"

#include <fmt/format.h>

#include "frontend/inspect/disassembly.h"
#include "frontend/inspect/look_memory.h"
#include "frontend/inspect/where.h"
#include "frontend/inspect/writers.h"
#include "vmx/explain_exit.h"
#include "vmx/explain_refusal.h"
#include "vmx/instruction_errors.h"
#include "vmx/manual_titles.h"

namespace ringside {
namespace {

// "the 8 bytes at linear 0x8010 (physical 0x8010) are 0x201000".
std::string operand_text(const Cpu& cpu) {
  const auto linear = memory_operand(cpu);
  if (!linear) return {};
  const auto physical = locate(cpu, AddressSpace::linear, *linear);
  const auto value = peek_word(cpu, AddressSpace::linear, *linear, 8);
  if (!physical || !value) return fmt::format("memory at linear {:#x}, where nothing is mapped", *linear);
  return fmt::format("the 8 bytes at linear {:#x} (physical {:#x}) are {:#x}", *linear, physical->value,
                     *value);
}

}  // namespace

std::string vm_refusal_text(const VmRefusal& refusal) {
  const RefusalInfo& why = info(refusal.why);
  if (why.faults)
    return fmt::format("{}: {}", vector_text(static_cast<unsigned>(why.vector), true), why.sentence);
  if (refusal.error)
    return fmt::format("VMfailValid {}: {}", refusal.error, instruction_error_name(refusal.error));
  return fmt::format("VMfailInvalid: {}", why.sentence);
}

bool refused_by_rule(const VmRefusal& refusal) {
  return refusal.why == Refusal::controls || refusal.why == Refusal::host_state;
}

void add_vm_refusal(Sheet& sheet, const Cpu& cpu, const VmRefusal& refusal, std::string_view indent,
                    const Symbols* symbols) {
  const auto row = [&](std::string_view title, std::string_view name, std::string_view text) {
    if (!text.empty()) sheet.row(name).say(fmt::format("{}{:<14} ", indent, title)).word(name, text);
  };
  const DisassembledInstruction at = next_instruction(cpu, nullptr);
  row("instruction", "instruction", at.mnemonic + (at.operands.empty() ? "" : " " + at.operands));
  const std::string chain = symbols ? call_chain(cpu, *symbols) : std::string();
  sheet.row("where")
      .say(fmt::format("{}{:<14} ", indent, "where"))
      .say("RIP ")
      .number(
          "rip", at.address,
          chain.empty() ? fmt::format("{:#x}", at.address) : fmt::format("{:#x} <{}>", at.address, chain));
  if (refused_by_rule(refusal)) return;
  const ExplainedRefusal e = explain(cpu, refusal);
  row("operand", "operand", operand_text(cpu));
  sheet.row("reason")
      .say(fmt::format("{}{:<14} ", indent, "reason"))
      .word("sentence", e.info->sentence)
      .quiet("reason", e.info->id);
  if (!e.info->faults && e.info->error && !refusal.error)
    row("", "no_number",
        fmt::format("VM-instruction error {} has no place: there is no current VMCS", e.info->error));
  row("found", "found", e.found);
  row("wanted", "wanted", e.wanted);
  row("cure", "cure", e.info->cure);
  row("manual", "title", titled_in_manual(e.info->title));
}

}  // namespace ringside
