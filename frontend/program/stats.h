// Owns --stats: what a run says about itself as JSON.
#pragma once

#include <string>

#include "frontend/program/options.h"

namespace ringside {

struct RunSummary {
  std::string ending;  // "power-off", "reset", "debug-exit", "shutdown", "idle", "timeout", ...
  std::string reason;  // the same in words
  int status = 0;
  double host_seconds = 0;
  u64 reboots = 0;
  u64 instructions =
      0;              // since the program's start, over all reboots; and before, of a machine that was loaded
  u64 loaded_at = 0;  // so many of them were before
};

// The state hash is of the machine as it stands.
std::string stats_json(const RunOptions& options, Machine& machine, const RunSummary& summary);

}  // namespace ringside
