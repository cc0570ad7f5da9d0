// Owns finding where the run of a recording is for the first time another than it was.
#include "frontend/differ/replays.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "frontend/debug/debugger.h"
#include "frontend/inspect/disassembly.h"
#include "frontend/inspect/where.h"

namespace ringside {
namespace {

// One of the two, with its recording.
class Replay {
 public:
  Replay(Side& side, const std::shared_ptr<const Recording>& recording, std::string& error)
      : side_(side), replayer_(Replayer::create(recording, side.machine, error)) {
    if (!replayer_) return;
    replayer_->on_written(
        [this](const Happening& what) { return Debugger(side_.machine).write_again(what); });
  }

  bool there() const { return replayer_ != nullptr; }
  const Replayer::Difference* difference() const { return replayer_->difference(); }
  bool go_to(u64 count, const std::function<bool()>& goes_on) {
    return replay_to(count, *replayer_, side_, goes_on);
  }

 private:
  Side& side_;
  std::unique_ptr<Replayer> replayer_;
};

// Counts behind `alike`, up to `unlike`, at which something came from outside: it comes between two stretches
// that need nothing.
std::vector<u64> stretches(const Recording& recording, u64 alike, u64 unlike) {
  std::vector<u64> ends;
  for (const HistoryRecord& record : recording.history) {
    const u64 at = record.at.retired;
    if (at > alike && at < unlike && (ends.empty() || ends.back() != at)) ends.push_back(at);
  }
  ends.push_back(unlike);
  return ends;
}

}  // namespace

bool replay_to(u64 count, Replayer& replayer, const Side& side, const std::function<bool()>& goes_on) {
  constexpr u64 slice = 20'000'000;
  Machine& machine = side.machine;
  std::string error;
  for (;;) {
    const u64 left = count - std::min(count, machine.retired());
    const u64 next = replayer.limit(std::max<u64>(std::min(left, slice), 1));
    if (replayer.difference()) return false;
    if (left == 0) return true;
    if (next == 0 || (goes_on && !goes_on())) return false;
    if (side.run)
      side.run(next);
    else
      machine.run(next);
    const Ending ending = machine.ending();
    if (ending.why == Ending::Why::running || machine.retired() == count) continue;
    if (ending.why == Ending::Why::idle && replayer.revive()) continue;
    if (ending.why != Ending::Why::reset || !replayer.take_reset() || !machine.perform_reset(error))
      return false;
  }
}

ReplaysCompared compare_replays(Side one, Side other, const std::shared_ptr<const Recording>& recording,
                                u64 alike, u64 unlike, const Symbols* symbols,
                                const std::function<bool()>& goes_on) {
  ReplaysCompared result;
  std::string& failure = result.comparison.failure;
  std::array<Side*, 2> sides{&one, &other};
  Replay first(one, recording, failure), second(other, recording, failure);
  if (!first.there() || !second.there()) return result;
  const std::array<Replay*, 2> replays{&first, &second};
  for (unsigned n = 0; n < 2; ++n) {
    if (replays[n]->go_to(alike, goes_on)) continue;
    failure = fmt::format("{} does not come to {} instructions as it was recorded", sides[n]->name, alike);
    return result;
  }
  if (unlike <= alike + 1) {
    const Cpu& cpu = one.machine.cpu(one.machine.turn());
    const DisassembledInstruction next = next_instruction(cpu, symbols);
    result.known = true;
    result.where = where_line(cpu, symbols);
    result.instruction = next.mnemonic + (next.operands.empty() ? "" : " " + next.operands);
  }
  u64 compared = 0;
  for (const u64 end : stretches(*recording, alike, unlike)) {
    const u64 here = one.machine.retired();
    if (here >= end) continue;
    result.comparison = run_in_lockstep(one, other, end - here, symbols, goes_on);
    compared += result.comparison.instructions;
    if (result.comparison.parting) break;
    first.go_to(end, goes_on);
    second.go_to(end, goes_on);
  }
  result.comparison.instructions = compared;
  for (unsigned n = 0; n < 2 && result.comparison.parting; ++n)
    if (replays[n]->go_to(unlike, goes_on) && !replays[n]->difference()) result.as_recorded = sides[n]->name;
  return result;
}

Sheet replays_sheet(const ReplaysCompared& compared, std::string_view one, std::string_view other) {
  Sheet sheet = comparison_sheet(compared.comparison, one, other);
  if (compared.known && !compared.comparison.parting) {
    sheet.row("where").say("  ").word("where", compared.where);
    sheet.row("instruction").say("  instruction: ").word("instruction", compared.instruction);
  }
  if (!compared.as_recorded.empty())
    sheet.row("recorded").word("as_recorded", compared.as_recorded).say(" does what was recorded");
  return sheet;
}

}  // namespace ringside
