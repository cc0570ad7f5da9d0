// Owns `ringside isa`: which instructions are there, by CPUID extension.
#include "frontend/program/isa.h"

#include <fmt/format.h>

#include <map>
#include <string_view>
#include <vector>

#include "cpu/decode/coverage.h"
#include "cpu/decode/proof.h"

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

std::string lower_case(std::string_view name) {
  std::string text(name);
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

// What the oracle tests compare with a real processor, and the names of what they do not.
std::string proof_text() {
  std::map<Oracle, unsigned> compared;
  unsigned in_64_bit_mode = 0, in_other_code = 0;
  std::map<std::string_view, std::vector<std::string>> others;
  for (unsigned number = 0; number < row_count; ++number) {
    const Proof proof = proof_of(number);
    ++compared[proof.oracle];
    in_64_bit_mode += proof.in_64_bit_mode;
    in_other_code += proof.in_other_code;
    if (proof.oracle != Oracle::none) continue;
    auto& list = others[proof.why];
    const std::string name = lower_case(rows()[number].mnemonic);
    if (list.empty() || list.back() != name) list.push_back(name);
  }
  std::string text = fmt::format(
      "\nTests compare {} of the lowering table's {} rows with the host's processor: {} general, {} MMX and "
      "SSE,\n{} x87, {} of other kinds; of {} more they see that privilege level 3 refuses them. {} are run "
      "in "
      "64-bit\ncode, {} in 32-bit and 16-bit code. No such oracle covers the others; tests written by hand "
      "do:\n",
      row_count - compared[Oracle::none] - compared[Oracle::refusal], row_count, compared[Oracle::general],
      compared[Oracle::vector], compared[Oracle::x87], compared[Oracle::user], compared[Oracle::refusal],
      in_64_bit_mode, in_other_code);
  for (const auto& [why, list] : others)
    text += names(why, std::vector<std::string_view>(list.begin(), list.end()));
  return text;
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
  return text + proof_text();
}

}  // namespace ringside
