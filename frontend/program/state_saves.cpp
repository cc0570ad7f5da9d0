// Owns the steps of a run that save its machine.
#include "frontend/program/state_saves.h"

#include <fmt/format.h>

#include <algorithm>

#include "frontend/program/output.h"

namespace ringside {

bool StateSaves::prepare(const RunOptions& options, std::string& error) {
  for (const RunOptions::Save& save : options.saves) {
    if (!check_writable("--save", save.path, error)) return false;
    if (save.at) due_.emplace(*save.at, save.path);
  }
  return true;
}

u64 StateSaves::limit(u64 done, u64 slice) const {
  const auto next = due_.upper_bound(done);
  return next == due_.end() ? slice : std::min(slice, next->first - done);
}

void StateSaves::after_slice(Machine& machine, u64 done) {
  for (; !due_.empty() && due_.begin()->first <= done; due_.erase(due_.begin())) {
    const auto& [count, path] = *due_.begin();
    std::string error;
    if (count < done)
      error = fmt::format("{},at={}: the run begins behind it, at {}; name a later count", path, count, done);
    else if (machine.ending().why != Ending::Why::running)
      error = fmt::format("{},at={}: the machine has ended there; name an earlier count", path, count);
    else
      save_state_file(machine, path, error);
    if (!error.empty() && failure_.empty()) failure_ = "--save " + error;
  }
}

bool StateSaves::conclude(const RunOptions& options, Machine& machine, std::string& error) const {
  for (const auto& [count, path] : due_)
    say(fmt::format("--save {},at={}: the run ended before; nothing was saved", path, count));
  for (const RunOptions::Save& save : options.saves) {
    if (save.at) continue;
    if (machine.ending().why != Ending::Why::running) {
      error =
          fmt::format("--save {}: the machine cannot go on from here ({}); save it earlier, by {},at=COUNT",
                      save.path, machine.ending().reason, save.path);
      return false;
    }
    if (!save_state_file(machine, save.path, error)) {
      error = "--save " + error;
      return false;
    }
  }
  return true;
}

}  // namespace ringside
