// Owns the way back to a failure: what is seen where a test failed, and the files that are kept of it.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "frontend/conform/running/runner.h"

namespace ringside::conform {

// Runs what failed in `run` once more in the debugger, to where it failed: a run is the same each time. Fills
// in `explained` of its bundle, and puts a folder with the output, the commands, the explanation and the
// result into settings.bundles, named after the test. `stop` is asked ten times a second. False and one line
// in `error`: a file could not be written; the others were tried.
bool make_bundles(std::span<const Test> tests, const RunSettings& settings, const std::function<bool()>& stop,
                  SuiteRun& run, std::string& error);

}  // namespace ringside::conform
