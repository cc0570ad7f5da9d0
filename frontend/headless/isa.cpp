// Owns `ringside isa`: which instructions are there, by CPUID extension.
#include "frontend/headless/isa.h"

#include <fmt/format.h>

#include <map>
#include <string_view>
#include <vector>

#include "cpu/decode/coverage.h"

namespace ringside {
namespace {

struct Extension {
  unsigned instructions = 0, covered = 0, encodings = 0, lowered = 0;
  std::vector<std::string_view> missing, partial;

  void add(const InstructionCoverage& instruction) {
    ++instructions;
    encodings += instruction.encodings;
    lowered += instruction.lowered;
    if (!instruction.covered()) {
      missing.push_back(instruction.name);
    } else {
      ++covered;
      if (!instruction.complete()) partial.push_back(instruction.name);
    }
  }
};

std::string names(std::string_view title, const std::vector<std::string_view>& list) {
  if (list.empty()) return "";
  std::string text, line = fmt::format("    {}:", title);
  for (const std::string_view name : list) {
    if (line.size() + name.size() + 1 > 110) {
      text += line + "\n";
      line = "     ";
    }
    line += fmt::format(" {}", name);
  }
  return text + line + "\n";
}

}  // namespace

std::string isa_text(bool missing) {
  std::map<std::string_view, Extension> extensions;
  Extension all;
  for (const InstructionCoverage& instruction : instruction_coverage()) {
    extensions[instruction.extension].add(instruction);
    all.add(instruction);
  }
  std::string text =
      "Instructions that the decoder knows, and those that are executed; the others raise #UD, with their "
      "CPUID bit\n"
      "off. Encodings are samples: every opcode, mandatory prefix and ModRM.reg, register and memory "
      "forms.\n\n";
  text += fmt::format("{:<16} {:>12} {:>9} {:>10} {:>9}\n", "extension", "instructions", "executed",
                      "encodings", "executed");
  const auto row = [&](std::string_view name, const Extension& e) {
    text += fmt::format("{:<16} {:>12} {:>9} {:>10} {:>9}\n", name, e.instructions, e.covered, e.encodings,
                        e.lowered);
  };
  for (const auto& [name, extension] : extensions) {
    row(name, extension);
    if (!missing) continue;
    text += names("not executed", extension.missing);
    text += names("some forms not executed", extension.partial);
  }
  row("all", all);
  return text;
}

}  // namespace ringside
