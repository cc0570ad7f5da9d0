// Owns what is told of a replay that is not as it was recorded: the first instruction that differs.
#pragma once

#include <functional>

#include "frontend/program/options.h"
#include "frontend/replay/replayer.h"

namespace ringside {

// Makes the recorded run of `options` again, on both dispatchers, up to where it differs, and says on
// standard error what can be known of the place. It takes as long as these runs; `goes_on` is asked between.
void tell_replay_difference(const RunOptions& options, const Replayer::Difference& difference,
                            const std::function<bool()>& goes_on);

}  // namespace ringside
