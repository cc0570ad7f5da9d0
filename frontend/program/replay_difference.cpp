// Owns what is told of a replay that is not as it was recorded.
#include "frontend/program/replay_difference.h"

#include <fmt/format.h>

#include "frontend/differ/replays.h"
#include "frontend/program/unseen_run.h"
#include "frontend/program/output.h"
#include "frontend/program/session.h"
#include "frontend/render/sheet_text.h"

namespace ringside {

void tell_replay_difference(const RunOptions& options, const Replayer::Difference& difference,
                            const std::function<bool()>& goes_on) {
  if (difference.unlike == 0)
    return say(fmt::format(
        "--replay {}: no instruction has run yet: the machine itself is another. The Ringside that "
        "recorded replays it",
        options.replay));
  say(fmt::format("--replay {}: looking for the first instruction that differs", options.replay));
  Session first(unseen(options, Dispatcher::emitted)), second(unseen(options, Dispatcher::reference));
  std::string error;
  if (!first.prepare(error) || !second.prepare(error)) return say(error);
  const bool both = first.machine().dispatcher() == Dispatcher::emitted;
  const Side one{both ? "emitted" : "reference", first.machine(), {}},
      other{both ? "reference" : "reference again", second.machine(), {}};
  const ReplaysCompared found = compare_replays(one, other, options.recording, difference.alike,
                                                difference.unlike, &first.symbols(), goes_on);
  if (!goes_on()) return;
  if (!found.comparison.failure.empty()) return say(found.comparison.failure);
  tell(text(replays_sheet(found, one.name, other.name)));
  if (found.comparison.parting || found.known) return;
  const u64 apart = difference.unlike - difference.alike;
  constexpr u64 marks = 1000;  // that a closer recording has there
  say(fmt::format(
      "both do the same there, and not what was recorded. What was recorded knows nothing between the two "
      "counts: let the Ringside that recorded look closer, by --replay {} --record "
      "CLOSER,every={},from={},to={}, "
      "and replay CLOSER here",
      options.replay, std::max<u64>(1, apart / marks), difference.alike, difference.unlike));
}

}  // namespace ringside
