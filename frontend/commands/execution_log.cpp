// Owns the lines of the log of what runs, and the reading of what is wanted of it.
#include "frontend/commands/execution_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cpu/exec/core/retired.h"
#include "frontend/inspect/disassembly.h"
#include "frontend/inspect/look_memory.h"
#include "frontend/inspect/look_registers.h"
#include "frontend/render/sheet_text.h"
#include "vmx/explain_exit.h"
#include "vmx/vmx.h"

namespace ringside {
namespace {

struct Word {
  std::string_view name, meaning;
  bool ExecutionLog::Options::*chosen;  // nullptr: accepted, and nothing follows
};
constexpr Word words[] = {
    {"exec", "every instruction before it runs: count, CPU, world, address, symbol",
     &ExecutionLog::Options::exec},
    {"in_asm", "instructions in words: with exec all, without it each when it first runs",
     &ExecutionLog::Options::in_asm},
    {"cpu", "the registers before every instruction", &ExecutionLog::Options::cpu},
    {"int", "exceptions and interrupts: from where, to which handler", &ExecutionLog::Options::events},
    {"vmx", "VM entries, VM exits, VMX instructions that fail", &ExecutionLog::Options::vmx},
    {"cpu_reset", "resets of CPUs, with the registers after them", &ExecutionLog::Options::cpu_reset},
    {"nochain", "accepted: every instruction is told of anyway", nullptr},
};

std::optional<u64> number(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  if (hexadecimal) text.remove_prefix(2);
  u64 value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<ExecutionLog::Range> range(std::string_view text) {
  const auto halves = [&](std::string_view sign) -> std::optional<std::pair<u64, u64>> {
    const std::size_t at = text.find(sign);
    if (at == text.npos) return std::nullopt;
    const auto a = number(text.substr(0, at)), b = number(text.substr(at + sign.size()));
    if (!a || !b) return std::nullopt;
    return std::pair(*a, *b);
  };
  if (const auto both = halves(".."); both && both->first <= both->second)
    return ExecutionLog::Range{both->first, both->second};
  if (const auto up = halves("+"); up && up->second > 0 && up->first <= ~u64{0} - (up->second - 1))
    return ExecutionLog::Range{up->first, up->first + up->second - 1};
  if (const auto down = halves("-"); down && down->second > 0 && down->second - 1 <= down->first)
    return ExecutionLog::Range{down->first - (down->second - 1), down->first};
  return std::nullopt;
}

std::string_view next_of_list(std::string_view& list) {
  const std::size_t comma = std::min(list.find(','), list.size());
  const std::string_view one = list.substr(0, comma);
  list.remove_prefix(std::min(comma + 1, list.size()));
  return one;
}

}  // namespace

bool ExecutionLog::add_words(std::string_view list, Options& options, std::string& error) {
  do {
    const std::string_view name = next_of_list(list);
    const auto* const row =
        std::find_if(std::begin(words), std::end(words), [&](const Word& w) { return w.name == name; });
    if (row == std::end(words)) {
      std::string all;
      for (const Word& w : words) all += fmt::format("{}{}", all.empty() ? "" : ", ", w.name);
      error = fmt::format("{}: no such log; there are {}", name, all);
      return false;
    }
    if (row->chosen) options.*row->chosen = true;
  } while (!list.empty());
  return true;
}

bool ExecutionLog::add_ranges(std::string_view list, Options& options, std::string& error) {
  do {
    const std::string_view text = next_of_list(list);
    const auto one = range(text);
    if (!one) {
      error = fmt::format(
          "{}: not a range of addresses; they are FIRST..LAST, FIRST+BYTES or LAST-BYTES, such as "
          "0x8000..0x8fff or 0x8000+0x1000",
          text);
      return false;
    }
    options.ranges.push_back(*one);
  } while (!list.empty());
  return true;
}

std::string ExecutionLog::help() {
  std::string text = "What -d and the debugger's trace may log, with commas between:\n";
  for (const Word& w : words) text += fmt::format("  {:<10} {}\n", w.name, w.meaning);
  return text;
}

ExecutionLog::ExecutionLog(Options options, const Symbols& symbols,
                           std::function<void(std::string_view)> write)
    : options_(std::move(options)), symbols_(symbols), write_(std::move(write)) {}

bool ExecutionLog::wanted(const Cpu& cpu, u64 linear) const {
  if (written_ >= options_.most) return false;
  if (options_.only_cpu && *options_.only_cpu != cpu.index) return false;
  if (options_.only_world && *options_.only_world != world_of(cpu)) return false;
  return options_.ranges.empty() ||
         std::any_of(options_.ranges.begin(), options_.ranges.end(),
                     [=](const Range& r) { return linear >= r.first && linear <= r.last; });
}

void ExecutionLog::put(std::string_view kind, const Cpu& cpu, std::string_view rest) {
  write_(fmt::format("{:<5} {:>12} {} {:<5} {}\n", kind, retired(cpu), cpu.index,
                     cpu.non_root ? "guest" : "root", rest));
  ++written_;
}

void ExecutionLog::put_registers(const Cpu& cpu) {
  Sheet sheet = general_registers_sheet(cpu, nullptr);
  sheet.add(control_registers_sheet(cpu));
  sheet.add(segments_sheet(cpu));
  const std::string all = text(sheet);
  std::string indented;
  for (std::string_view rest = all; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size() - 1);
    indented += fmt::format("  {}", rest.substr(0, end + 1));
    rest.remove_prefix(end + 1);
  }
  write_(indented);
}

std::string ExecutionLog::place(u64 linear, const Cpu& cpu) const {
  const std::string name = symbols_.text(linear, world_of(cpu));
  return fmt::format("{:#018x}{}", linear, name.empty() ? "" : fmt::format(" <{}>", name));
}

void ExecutionLog::instruction(Cpu& cpu) {
  const u64 linear = linear_rip(cpu);
  if (!wanted(cpu, linear)) return;
  std::string words_of_it;
  if (options_.in_asm) {
    const DisassembledInstruction one = next_instruction(cpu, &symbols_);
    words_of_it = fmt::format("  {}{}{}", one.mnemonic, one.operands.empty() ? "" : " ", one.operands);
    if (!one.target.empty()) words_of_it += fmt::format(" <{}>", one.target);
    if (!options_.exec && !options_.cpu) {
      std::string key = fmt::format("{:x} {} {} ", linear, cpu.non_root, cpu.mode.code_bits);
      key.append(one.bytes.begin(), one.bytes.end());
      if (!seen_.insert(std::move(key)).second) return;
    }
  }
  put("exec", cpu, place(linear, cpu) + words_of_it);
  if (options_.cpu) put_registers(cpu);
}

void ExecutionLog::delivered(Cpu& cpu, u64 from, const std::string& event) {
  const u64 linear = cpu.mode.bits64 ? from : from & 0xffffffff;
  if (!options_.events || !wanted(cpu, linear)) return;
  put("int", cpu, fmt::format("{} -> {}  {}", place(linear, cpu), place(linear_rip(cpu), cpu), event));
}

void ExecutionLog::exception(Cpu& cpu, const Fault& fault, u64 from) {
  if (!options_.events) return;
  std::string event = vector_text(static_cast<unsigned>(fault.vector), true);
  if (has_error_code(fault.vector)) event += fmt::format("({:#x})", fault.error);
  if (fault.vector == Vector::PF) event += fmt::format(" for address {:#x}", cpu.cr2);
  delivered(cpu, from, event);
}

void ExecutionLog::interrupt(Cpu& cpu, u8 vector, u64 from) {
  if (options_.events) delivered(cpu, from, fmt::format("interrupt {:#04x}", vector));
}

void ExecutionLog::entered(Cpu& cpu) {
  if (!options_.vmx || !wanted(cpu, linear_rip(cpu))) return;
  put("vmx", cpu,
      fmt::format("{}  VM entry of VMCS {:#x}", place(linear_rip(cpu), cpu), cpu.vmx->current->region.value));
}

// The CPU is at the hypervisor's handler already.
void ExecutionLog::exited(Cpu& cpu, const ExitInfo& exit) {
  if (!options_.vmx || !wanted(cpu, linear_rip(cpu))) return;
  put("vmx", cpu,
      fmt::format("{}  VM exit, reason {}: {}", place(linear_rip(cpu), cpu),
                  static_cast<unsigned>(exit.reason), headline(exit)));
}

void ExecutionLog::failed(Cpu& cpu, std::string_view why) {
  if (!options_.vmx || !wanted(cpu, linear_rip(cpu))) return;
  put("vmx", cpu, fmt::format("{}  {}", place(linear_rip(cpu), cpu), why));
}

void ExecutionLog::was_reset(Cpu& cpu, bool init) {
  const bool one_of = !options_.only_cpu || *options_.only_cpu == cpu.index;
  if (!options_.cpu_reset || !one_of || written_ >= options_.most) return;
  put("reset", cpu, init ? "INIT" : "RESET#");
  put_registers(cpu);
}

}  // namespace ringside
