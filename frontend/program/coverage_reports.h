// Owns what a run says at its end of what it met: --vmx-coverage and --code-coverage.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "frontend/coverage/code_coverage.h"
#include "frontend/coverage/vmx_coverage.h"
#include "frontend/program/options.h"

namespace ringside {

class CoverageReports {
 public:
  // The machine is looked at from now on, as far as a flag asks for it. False and one line in `error`: a file
  // cannot be written.
  bool prepare(const RunOptions& options, Machine& machine, std::string& error);
  // After Machine::reboot().
  void attach(Machine& machine);
  // Writes the files. `names` is asked if code is told of. False and one line in `error`.
  bool conclude(const RunOptions& options, const std::function<const Symbols&()>& names, std::string& error);

 private:
  std::unique_ptr<VmxCoverageCounter> vmx_;
  std::unique_ptr<CodeCoverage> code_;
};

}  // namespace ringside
