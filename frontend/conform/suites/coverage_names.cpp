// Owns how a suite's file names what of VMX a run must meet.
#include "frontend/conform/suites/coverage_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <vector>

#include "cpu/state/model.h"
#include "frontend/inspect/nearest.h"

namespace ringside::conform {
namespace {

struct GroupWord {
  std::string_view word, group;
};
constexpr std::array<GroupWord, 6> group_words = {{{"exit", "exit_reasons"},
                                                   {"error", "errors"},
                                                   {"rule", "entry_rules"},
                                                   {"control", "controls"},
                                                   {"event", "events"},
                                                   {"ept", "ept_violations"}}};

bool same_letters(std::string_view a, std::string_view b) {
  const auto small = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return small(x) == small(y); });
}

// "exit" and "EPT violation".
std::pair<std::string_view, std::string_view> parts(std::string_view name) {
  const auto blank = std::min(name.find(' '), name.size());
  return {name.substr(0, blank), name.substr(std::min(blank + 1, name.size()))};
}

// nullptr: there is no such group.
const VmxCoverage::Group* group_of(std::string_view word, const VmxCoverage& coverage) {
  const auto known = std::find_if(group_words.begin(), group_words.end(),
                                  [&](const GroupWord& row) { return row.word == word; });
  if (known == group_words.end()) return nullptr;
  const auto group = std::find_if(coverage.groups.begin(), coverage.groups.end(),
                                  [&](const VmxCoverage::Group& one) { return one.id == known->group; });
  return group == coverage.groups.end() ? nullptr : &*group;
}

const VmxCoverage::Item* item_of(std::string_view name, const VmxCoverage& coverage) {
  const auto [word, rest] = parts(name);
  const VmxCoverage::Group* const group = group_of(word, coverage);
  if (!group) return nullptr;
  const auto item = std::find_if(group->items.begin(), group->items.end(), [&](const VmxCoverage::Item& one) {
    return same_letters(one.id, rest) || (!one.title.empty() && same_letters(one.title, rest));
  });
  return item == group->items.end() ? nullptr : &*item;
}

// Everything that can be met, of a CPU that has all.
const VmxCoverage& catalogue() {
  static const VmxCoverage all = [] {
    std::string none;
    return VmxCoverageCounter(*parse_cpu_model("max", none)).values();
  }();
  return all;
}

}  // namespace

std::string coverage_name_slip(const std::string& name) {
  if (item_of(name, catalogue())) return {};
  const auto [word, rest] = parts(name);
  const VmxCoverage::Group* const group = group_of(word, catalogue());
  std::vector<std::string_view> known;
  if (!group) {
    for (const GroupWord& row : group_words) known.push_back(row.word);
    return fmt::format("a name that begins with {}; {} does not", fmt::join(known, ", "), name);
  }
  for (const VmxCoverage::Item& item : group->items) {
    known.push_back(item.id);
    if (!item.title.empty()) known.push_back(item.title);
  }
  if (const auto near = nearest(rest, known))
    return fmt::format("a name that there is; \"{}\" is none, did you mean \"{} {}\"?", name, word, *near);
  return fmt::format("a name that there is; \"{}\" is none, ringside test --coverage FILE lists them", name);
}

std::string first_not_met(std::span<const std::string> names, const VmxCoverage& met) {
  for (const std::string& name : names) {
    const VmxCoverage::Item* const item = item_of(name, met);
    if (!item || item->count == 0) return name;
  }
  return {};
}

}  // namespace ringside::conform
