// Owns the options of a machine that runs beside another one, or for its own sake.
#pragma once

#include "frontend/program/options.h"

namespace ringside {

// It has no outputs and no reports, lets nobody in, and what it writes to disks is forgotten.
RunOptions unseen(RunOptions options, Dispatcher dispatcher);

}  // namespace ringside
