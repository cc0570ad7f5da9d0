// Owns one run from the command line to its exit status.
#pragma once

#include "frontend/program/options.h"

namespace ringside {

// Boots, runs and reports; errors go to stderr as one line each. Returns the process's exit status.
int run_session(RunOptions options);

}  // namespace ringside
