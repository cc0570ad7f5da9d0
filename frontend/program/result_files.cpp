// Owns the table of result files, and writing them.
#include "frontend/program/result_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "frontend/conform/reports/reports.h"
#include "frontend/machine/load_image.h"
#include "frontend/program/output.h"
#include "frontend/program/pager.h"

namespace ringside {
namespace {

constexpr ResultFlag result_rows[] = {
    {"--junit", "FILE", "the results as JUnit XML, which CI systems read", &ResultFiles::junit,
     conform::junit_xml},
    {"--tap", "FILE", "the results as TAP 14", &ResultFiles::tap, conform::tap},
    {"--json", "FILE", "the results as lines of JSON, which ringside merge reads", &ResultFiles::json,
     conform::json_lines},
    {"--html", "FILE", "the results as one page for a browser", &ResultFiles::html, conform::html_page},
};

}  // namespace

std::span<const ResultFlag> result_flags() { return result_rows; }

bool read_results(const std::string& path, conform::SuiteRun& run, std::string& error) {
  constexpr u64 most_bytes = u64{1} << 30;
  Image text;
  if (!read_image(path, "results", most_bytes, text, error)) return false;
  const std::string_view lines(reinterpret_cast<const char*>(text.bytes.data()), text.bytes.size());
  std::string why;
  if (conform::parse_json_lines(lines, run, why)) return true;
  error = fmt::format("{}: {}; ringside test --json FILE makes such a file", path, why);
  return false;
}

std::string summary_for_terminal(const conform::SuiteRun& run) {
  const bool colour = isatty(STDOUT_FILENO) && !std::getenv("NO_COLOR");
  return conform::text_summary(run, terminal_size(STDOUT_FILENO).width, colour);
}

bool check_result_files(const ResultFiles& files, std::string& error) {
  for (const ResultFlag& flag : result_rows) {
    const std::string& path = files.*flag.file;
    if (path.empty()) continue;
    if (!check_writable(std::string(flag.name), path, error)) return false;
    for (const ResultFlag& other : result_rows) {
      if (&other == &flag || files.*other.file != path) continue;
      error = fmt::format("{} {}: {} writes there, too; give each a file of its own", flag.name, path,
                          other.name);
      return false;
    }
  }
  return true;
}

bool write_results(const ResultFiles& files, const conform::SuiteRun& run, std::string& error) {
  std::string first;
  for (const ResultFlag& flag : result_rows) {
    const std::string& path = files.*flag.file;
    if (path.empty()) continue;
    std::string why;
    if (!write_whole_file(std::string(flag.name), path, flag.text(run), why) && first.empty()) first = why;
  }
  if (first.empty()) return true;
  error = first;
  return false;
}

}  // namespace ringside
