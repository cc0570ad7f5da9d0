// Owns reading the files of `ringside coverage` and writing their sum.
#include "frontend/program/coverage_command.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "frontend/coverage/vmx_coverage.h"
#include "frontend/machine/load_image.h"
#include "frontend/program/options.h"
#include "frontend/program/output.h"

namespace ringside {
namespace {

constexpr u64 most_coverage_bytes = 64 << 20;

}  // namespace

int add_coverage(std::span<const std::string_view> words) {
  std::vector<std::string> files;
  std::string out, error;
  for (std::size_t n = 0; n < words.size(); ++n) {
    const std::string_view word = words[n];
    if (word == "-o" && n + 1 < words.size())
      out = words[++n];
    else if (word.starts_with("-"))
      return refuse(fmt::format("coverage {}: write ringside coverage FILE... [-o FILE]", word), exit_usage);
    else
      files.emplace_back(word);
  }
  if (files.empty())
    return refuse("coverage: no file is named; --vmx-coverage NAME.json of a run makes one", exit_usage);
  VmxCoverage all;
  for (const std::string& file : files) {
    Image text;
    VmxCoverage one;
    if (!read_image(file, "coverage", most_coverage_bytes, text, error)) return refuse(error, exit_failed);
    const std::string_view json(reinterpret_cast<const char*>(text.bytes.data()), text.bytes.size());
    if (!read_vmx_coverage(json, one, error))
      return refuse(fmt::format("coverage: {}: {}; --vmx-coverage NAME.json makes such a file", file, error),
                    exit_failed);
    add(all, one);
  }
  if (out.empty()) return print(vmx_coverage_text(all)) ? exit_ok : exit_failed;
  if (!write_whole_file("-o", out, vmx_coverage_for(out, all), error)) return refuse(error, exit_failed);
  return exit_ok;
}

}  // namespace ringside
