// Owns reading the files of `ringside coverage` and writing their sum.
#include "frontend/program/coverage_command.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "frontend/coverage/code_forms.h"
#include "frontend/coverage/vmx_coverage.h"
#include "frontend/machine/load_image.h"
#include "frontend/program/options.h"
#include "frontend/program/output.h"

namespace ringside {
namespace {

constexpr u64 most_coverage_bytes = 64 << 20;

// What of VMX was met, or which code ran: one of them.
struct Added {
  VmxCoverage vmx;
  CodeCoverageSum code;
  bool has_vmx = false, has_code = false;
};

// False and one line in `error`.
bool add_file(const std::string& name, Added& all, std::string& error) {
  Image image;
  if (!read_image(name, "coverage", most_coverage_bytes, image, error)) return false;
  const std::string_view text(reinterpret_cast<const char*>(image.bytes.data()), image.bytes.size());
  std::string why;
  VmxCoverage one;
  const bool code = CodeCoverageSum::recognizes(text);
  (code ? all.has_code : all.has_vmx) = true;
  if (all.has_code && all.has_vmx) {
    why = "what of VMX was met and which code ran cannot be added; give files of one kind";
  } else if (code) {
    if (all.code.add(text, why)) return true;
  } else if (read_vmx_coverage(text, one, why)) {
    add(all.vmx, one);
    return true;
  } else {
    why += "; --vmx-coverage NAME.json makes such a file, --code-coverage FILE the other kind";
  }
  error = fmt::format("coverage: {}: {}", name, why);
  return false;
}

constexpr std::string_view coverage_help =
    "ringside coverage FILE... [-o FILE]: adds up what runs, suites or shards wrote by --coverage, "
    "--vmx-coverage or "
    "--code-coverage, files of one kind, and prints it as text, or writes it in the form of the name after "
    "-o.\n";

}  // namespace

int add_coverage(std::span<const std::string_view> words) {
  std::vector<std::string> files;
  std::string out, error;
  for (std::size_t n = 0; n < words.size(); ++n) {
    const std::string_view word = words[n];
    if (word == "-o" && n + 1 < words.size())
      out = words[++n];
    else if (word == "--help" || word == "-h")
      return print(coverage_help) ? exit_ok : exit_failed;
    else if (word.starts_with("-"))
      return refuse(fmt::format("coverage {}: write ringside coverage FILE... [-o FILE]", word), exit_usage);
    else
      files.emplace_back(word);
  }
  if (files.empty())
    return refuse("coverage: no file is named; --vmx-coverage NAME.json of a run makes one", exit_usage);
  Added all;
  for (const std::string& file : files) {
    if (!add_file(file, all, error)) return refuse(error, exit_failed);
  }
  if (!all.code.text().empty()) {
    if (out.empty())
      return refuse("coverage: the sum is a file for other programs; name it with -o FILE", exit_usage);
    return write_whole_file("-o", out, all.code.text(), error) ? exit_ok : refuse(error, exit_failed);
  }
  if (out.empty()) return print(vmx_coverage_text(all.vmx)) ? exit_ok : exit_failed;
  if (!write_whole_file("-o", out, vmx_coverage_for(out, all.vmx), error)) return refuse(error, exit_failed);
  return exit_ok;
}

}  // namespace ringside
