// Owns which flags make a machine, and how a recording gives them back.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "frontend/program/options.h"
#include "frontend/replay/recording.h"

namespace ringside {

// Whether a flag of this name and of this group in the table of flags is one that the guest could notice.
bool makes_machine(std::string_view group, std::string_view name);

// After all flags: machine_words say also what followed from this host and from other flags, so that they
// make the same machine everywhere.
void spell_out(RunOptions& run);

// Whether the run begins where recordings begin, at the machine's start. False: one line in `error`.
bool fits_recording(const RunOptions& run, std::string& error);

// Reads the file of --replay, a recording or a bundle of one: these are given to `run`. False: one line in
// `error`.
bool open_replay(RunOptions& run, std::string& error);
// The flags of the recording and those of the command line have been read: what stands in neither, and what
// does not go together. False: `error`.
bool prepare_replay(RunOptions& run, std::string& error);

}  // namespace ringside
