// Owns finding where the run of a recording is for the first time another than it was.
#pragma once

#include <memory>

#include "frontend/differ/lockstep.h"
#include "frontend/replay/replayer.h"

namespace ringside {

// Brings a machine that stands at its start, or on the way, to where `count` instructions had retired when
// the recording was made, with what came there. False: it does not get there as it did, or not at all.
// `goes_on` is asked between; false: enough.
bool replay_to(u64 count, Replayer& replayer, const Side& side, const std::function<bool()>& goes_on = {});

struct ReplaysCompared {
  Comparison comparison;    // its instructions are those behind `alike`
  std::string as_recorded;  // which of the two does what was recorded; empty: neither
  bool known = false;       // the instruction is: it is the only one between the two counts
  std::string where;        // if it is known: before it, as Parting::where
  std::string instruction;
};

// A run of the recording was as recorded after `alike` instructions and another after `unlike`. Both machines
// stand at their start; each gets what was recorded, and they are compared with each other between the two
// counts, to the instruction. Where they do the same, neither of them is right, and the recording knows no
// more. `goes_on` is asked between; false: enough.
ReplaysCompared compare_replays(Side one, Side other, const std::shared_ptr<const Recording>& recording,
                                u64 alike, u64 unlike, const Symbols* symbols,
                                const std::function<bool()>& goes_on = {});

// In words. `one` and `other` are the sides' names.
Sheet replays_sheet(const ReplaysCompared& compared, std::string_view one, std::string_view other);

}  // namespace ringside
