// Owns the beginning and the end of a run's coverage.
#include "frontend/program/coverage_reports.h"

#include <fmt/format.h>

#include "frontend/program/output.h"

namespace ringside {

bool CoverageReports::prepare(const RunOptions& options, Machine& machine, std::string& error) {
  if (!options.vmx_coverage.empty()) {
    if (options.vmx_coverage != "-" && !check_writable("--vmx-coverage", options.vmx_coverage, error))
      return false;
    vmx_ = std::make_unique<VmxCoverageCounter>(options.machine.model);
  }
  for (const RunOptions::CodeCoverageFile& file : options.code_coverage) {
    if (!check_writable("--code-coverage", file.path, error)) return false;
    if (!code_) code_ = std::make_unique<CodeCoverage>();
  }
  attach(machine);
  return true;
}

void CoverageReports::attach(Machine& machine) {
  if (vmx_) vmx_->attach(machine);
  if (code_) code_->attach(machine);
}

bool CoverageReports::conclude(const RunOptions& options, const std::function<const Symbols&()>& names,
                               std::string& error) {
  if (vmx_) {
    const std::string text = vmx_coverage_for(options.vmx_coverage, vmx_->values());
    if (options.vmx_coverage == "-")
      tell(text);
    else if (!write_whole_file("--vmx-coverage", options.vmx_coverage, text, error))
      return false;
  }
  if (code_ && code_->full()) say("warning: --code-coverage: the guest ran more blocks than are remembered");
  for (const RunOptions::CodeCoverageFile& file : options.code_coverage) {
    const auto blocks = code_->blocks(file.world);
    const bool lines = file.path.ends_with(".info");
    const std::string text = (lines ? lcov : drcov)(blocks, file.world, names());
    if (lines && text.empty())
      say(
          fmt::format("warning: --code-coverage {}: no symbols with source lines are loaded; --symbols FILE "
                      "loads them",
                      file.path));
    if (!write_whole_file("--code-coverage", file.path, text, error)) return false;
  }
  return true;
}

}  // namespace ringside
