// Owns the where-line.
#include "frontend/inspect/where.h"

#include <fmt/format.h>

#include "frontend/inspect/look_memory.h"
#include "frontend/inspect/look_registers.h"
#include "frontend/inspect/look_vmcs.h"
#include "frontend/inspect/writers.h"

namespace ringside {
namespace {

std::string_view activity_name(Activity activity) {
  switch (activity) {
    case Activity::active: return {};
    case Activity::hlt: return "halted";
    case Activity::shutdown: return "shut down";
    case Activity::wait_for_sipi: return "waiting for SIPI";
    case Activity::mwait: return "waiting (MWAIT)";
  }
  return {};
}

}  // namespace

std::string where_line(const Cpu& cpu, const Symbols* symbols) {
  const u64 rip = linear_rip(cpu);
  std::string text =
      fmt::format("CPU {}, {}, ring {}, {}", cpu.index, operation_text(cpu), cpu.cpl, mode_name(cpu));
  if (cpu.activity != Activity::active) text += fmt::format(", {}", activity_name(cpu.activity));
  if (cpu.mode.bits64 || cpu.segment[CS].base == 0)
    text += fmt::format(", {:#x}", rip);
  else
    text += fmt::format(", {:04x}:{:04x} at {:#x}", cpu.segment[CS].selector, cpu.rip, rip);
  if (!symbols) return text;
  const World world = world_of(cpu);
  if (const std::string name = symbols->text(rip, world); !name.empty()) text += fmt::format(" <{}>", name);
  if (const auto line = symbols->line(rip, world)) text += fmt::format(", {}", line->text());
  return text;
}

std::string code_text(u64 rip, World world, const Symbols* symbols) {
  const std::string name = symbols ? symbols->text(rip, world, true) : std::string();
  return name.empty() ? fmt::format("{:#x}", rip) : fmt::format("{:#x} <{}>", rip, name);
}

NameCode code_names(const Symbols* symbols, const FieldWriters* writers, u64 region) {
  if (!symbols) return {};
  return [=](const RuleExplanation::Value& value) {
    const bool guest = value.from == RuleExplanation::Value::From::vm_exit;
    const World world = guest ? World::non_root : World::root;
    const FieldWriters::Callers* callers =
        guest || !writers ? nullptr : writers->callers(region, value.field, value.rip, value.count);
    const std::string chain = call_chain(
        value.rip, callers ? std::span<const u64>(*callers) : std::span<const u64>(), world, *symbols);
    return chain.empty() ? symbols->text(value.rip, world, true) : chain;
  };
}

}  // namespace ringside
