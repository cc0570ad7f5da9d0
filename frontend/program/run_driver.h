// Owns a run: a session that goes on by itself until it ends, with a person, a file or gdb at its side.
#pragma once

#include "frontend/program/options.h"

namespace ringside {

// Boots, runs and reports; errors go to stderr as one line each. Returns the process's exit status.
int run_to_end(RunOptions options);

}  // namespace ringside
