// Owns the choice of firmware for a run.
#pragma once

#include <string>

#include "frontend/program/options.h"

namespace ringside {

// Whether a run without -kernel and -bios is to boot by firmware, not the built-in guest: there is something
// to boot from, or firmware was spoken of.
bool wants_firmware(const RunOptions& run);

// After all flags: SeaBIOS where firmware is wanted and none is named; the file that a bare name of -bios
// means; the option ROM that makes SeaBIOS load -kernel. False and one line in `error`: it is not installed.
bool choose_firmware(RunOptions& run, std::string& error);

}  // namespace ringside
