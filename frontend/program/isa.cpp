// Owns `ringside isa`: which instructions are there, by CPUID extension, who may run them, and which of them
// make a guest exit.
#include "frontend/program/isa.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>
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
  for (unsigned number = 0; number < rows().size(); ++number) {
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
      rows().size() - compared[Oracle::none] - compared[Oracle::refusal], rows().size(),
      compared[Oracle::general], compared[Oracle::vector], compared[Oracle::x87], compared[Oracle::user],
      compared[Oracle::refusal], in_64_bit_mode, in_other_code);
  for (const auto& [why, list] : others)
    text += names(why, std::vector<std::string_view>(list.begin(), list.end()));
  return text;
}

// Names of rows under titles, each name once.
class NamesByTitle {
 public:
  void add(std::string title, const RowInfo& row) {
    auto found = std::ranges::find(lists_, title, &List::title);
    if (found == lists_.end()) found = lists_.insert(found, {std::move(title), {}});
    const std::string name = lower_case(row.mnemonic);
    if (std::ranges::find(found->names, name) == found->names.end()) found->names.push_back(name);
  }
  std::string text() const {
    std::string all;
    for (const List& list : lists_)
      all += names(list.title, std::vector<std::string_view>(list.names.begin(), list.names.end()));
    return all;
  }

 private:
  struct List {
    std::string title;
    std::vector<std::string> names;
  };
  std::vector<List> lists_;
};

std::string_view words(Privilege privilege) {
  switch (privilege) {
    case Privilege::everyone: break;
    case Privilege::cpl0: return "#GP(0) above CPL 0";
    case Privilege::cpl0_or_ud: return "#UD above CPL 0";
    case Privilege::iopl: return "#GP(0) above IOPL, if no bitmap or virtual interrupt flag helps";
    case Privilege::v86_iopl: return "#GP(0) in virtual-8086 mode below IOPL 3, if no extension helps";
    case Privilege::umip: return "#GP(0) above CPL 0 if CR4.UMIP is 1";
    case Privilege::tsd: return "#GP(0) above CPL 0 if CR4.TSD is 1";
    case Privilege::pce: return "#GP(0) above CPL 0 if CR4.PCE is 0";
    case Privilege::cpuid_faulting: return "#GP(0) above CPL 0 with CPUID faulting";
    case Privilege::smm: return "#UD outside system-management mode";
  }
  return {};
}

std::string exit_words(const RowExit& exit) {
  switch (exit.when) {
    case RowExit::When::never: break;
    case RowExit::When::always: return "always";
    case RowExit::When::control: return fmt::format("if \"{}\" is 1", info(exit.control).name);
    case RowExit::When::depends: return "as bitmaps, masks, values or several controls say";
  }
  return {};
}

std::string privilege_text() {
  NamesByTitle by_privilege, by_exit;
  for (const RowInfo& row : rows()) {
    if (row.privilege != Privilege::everyone) by_privilege.add(std::string(words(row.privilege)), row);
    if (row.exit.when != RowExit::When::never) by_exit.add(exit_words(row.exit), row);
  }
  return "\nInstructions that not everybody may run:\n" + by_privilege.text() +
         "\nInstructions that cause VM exits in VMX non-root operation:\n" + by_exit.text();
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
  return text + privilege_text() + proof_text();
}

}  // namespace ringside
