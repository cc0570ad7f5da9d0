// Owns reading what the shards wrote, and writing the whole.
#include "frontend/program/merge_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "frontend/conform/reports/reports.h"
#include "frontend/program/flag_value.h"
#include "frontend/program/options.h"
#include "frontend/program/output.h"
#include "frontend/program/result_files.h"

namespace ringside {
namespace {

// False: the words are wrong, one line in `error`.
bool parse(std::span<const std::string_view> words, ResultFiles& files, std::vector<std::string>& shards,
           std::string& error) {
  for (std::size_t n = 0; n < words.size(); ++n) {
    const std::string_view word = words[n];
    if (!word.starts_with("-")) {
      shards.emplace_back(word);
      continue;
    }
    const auto flags = result_flags();
    const auto flag =
        std::find_if(flags.begin(), flags.end(), [&](const ResultFlag& one) { return one.name == word; });
    if (flag == flags.end()) {
      error = fmt::format(
          "merge {}: write ringside merge FILE... [--junit FILE] [--tap FILE] [--json FILE] [--html FILE]",
          word);
      return false;
    }
    std::optional<std::string_view> value;
    if (!take_flag_value({std::string(flag->name), flag->argument}, words, n, value, error)) return false;
    files.*flag->file = *value;
  }
  if (!shards.empty()) return true;
  error = "merge: no file is named; ringside test --json FILE of each shard makes one";
  return false;
}

}  // namespace

int merge_results(std::span<const std::string_view> words) {
  ResultFiles files;
  std::vector<std::string> names;
  std::string error;
  if (!parse(words, files, names, error)) return refuse(error, exit_usage);
  if (!check_result_files(files, error)) return refuse(error, exit_failed);
  std::vector<conform::SuiteRun> shards(names.size());
  for (std::size_t n = 0; n < names.size(); ++n) {
    if (!read_results(names[n], shards[n], error)) return refuse("merge: " + error, exit_failed);
  }
  conform::SuiteRun all;
  if (!conform::merge(shards, all, error)) return refuse("merge: " + error, exit_failed);
  const bool told = print(summary_for_terminal(all));
  if (!write_results(files, all, error)) return refuse(error, exit_failed);
  return told && conform::totals(all).failures() == 0 ? exit_ok : exit_failed;
}

}  // namespace ringside
