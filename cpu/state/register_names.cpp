// Owns the names of registers and of their parts: what find_register() finds.
#include <fmt/format.h>

#include <cctype>
#include <map>

#include "cpu/state/register_table.h"

namespace ringside {
namespace {

std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

struct Names {
  std::map<std::string, RegisterPart, std::less<>> parts;
  std::vector<std::string> offered;  // those worth offering, in the table's order

  Names() {
    for (const RegisterInfo& row : register_table()) {
      add(row.name, row, 0, std::min(row.bits, 64u));
      offered.emplace_back(row.name);
    }
    for (const RegisterInfo& row : register_table()) {
      if (row.group == RegisterGroup::general) parts_of_general(row);
      if (row.group == RegisterGroup::segment && row.name.find('.') == row.name.npos)
        add(fmt::format("{}.selector", row.name), row, 0, 16);
      if (row.bits == 80) add(fmt::format("{}.e", row.name), row, 64, 16);
      if (row.bits == 128) {
        add(fmt::format("{}.l", row.name), row, 0, 64);
        add(fmt::format("{}.h", row.name), row, 64, 64);
      }
      for (const BitField& bits : bits_of_register(row.bits_of)) {
        const std::string name = fmt::format("{}.{}", row.name, lower(bits.name));
        add(name, row, bits.low, bits.high - bits.low + 1u);
        offered.push_back(name);
        if (row.name != "rflags") continue;
        for (const std::string_view other : {"eflags", "flags"})
          add(fmt::format("{}.{}", other, lower(bits.name)), row, bits.low, bits.high - bits.low + 1u);
      }
    }
  }

  void add(std::string_view name, const RegisterInfo& row, unsigned low, unsigned width,
           bool clears = false) {
    parts.try_emplace(std::string(name), RegisterPart{&row, low, width, clears});
  }

  void parts_of_general(const RegisterInfo& row) {
    if (row.name == "rip")
      for (const std::string_view name : {"eip", "ip"}) add(name, row, 0, 64);
    else if (row.name == "rflags")
      for (const std::string_view name : {"eflags", "flags"}) add(name, row, 0, 64);
    else if (row.index >= 8) {
      add(fmt::format("{}d", row.name), row, 0, 32, true);
      add(fmt::format("{}w", row.name), row, 0, 16);
      add(fmt::format("{}b", row.name), row, 0, 8);
    } else {
      const std::string_view word = row.name.substr(1);  // "ax"
      add(fmt::format("e{}", word), row, 0, 32, true);
      add(word, row, 0, 16);
      if (row.index >= 4) {
        add(fmt::format("{}l", word), row, 0, 8);  // SPL to DIL
        return;
      }
      add(fmt::format("{}l", word.substr(0, 1)), row, 0, 8);
      add(fmt::format("{}h", word.substr(0, 1)), row, 8, 8);
    }
  }
};

const Names& names() {
  static const Names all;
  return all;
}

}  // namespace

u64 RegisterPart::merged(const Cpu& cpu, u64 value) const {
  const u64 kept = clears_above || width == 64 ? 0 : whole->read(cpu, low / 64) & ~(mask() << low % 64);
  return kept | value << low % 64;
}

std::optional<RegisterPart> find_register(std::string_view name) {
  const auto found = names().parts.find(lower(name));
  if (found == names().parts.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> register_names() { return names().offered; }

}  // namespace ringside
