// Owns the checkpoints of a machine's past: when one is taken, which are given up, and going to a moment.
#include <algorithm>
#include <iterator>
#include <utility>

#include "frontend/replay/timeline.h"

namespace ringside {
namespace {

// Of what takes long, between two questions whether to go on.
constexpr u64 slice_instructions = 1'000'000;
// Whoever goes back one step goes back another: a checkpoint so shortly before makes that quick.
constexpr u64 close_by = 20'000, far_off = 200'000;
// More make each one dearer.
constexpr std::size_t most_points = 1000;

// A count names no round of a repeated string instruction; RF tells that a CPU may be between two of them.
bool within_instruction(Machine& machine) {
  for (unsigned n = 0; n < machine.cpus(); ++n)
    if ((machine.cpu(n).eflags() & Eflags::RF) != 0) return true;
  return false;
}

}  // namespace

Timeline::Position Timeline::position() const {
  const Moment here = machine_.moment();
  return {here.retired, here.now, here.asleep, applied_};
}

u64 Timeline::begin() const { return points_.empty() ? machine_.retired() : points_.begin()->first.retired; }

Timeline::Use Timeline::use() const {
  return {points_.size(), checkpoints_ ? checkpoints_->bytes() : 0,
          points_.empty() ? seconds_ : std::max(seconds_, points_.rbegin()->second.seconds), taking_};
}

std::vector<u64> Timeline::checkpoint_counts() const {
  std::vector<u64> counts;
  for (const auto& [position, point] : points_) counts.push_back(position.retired);
  return counts;
}

void Timeline::take() {
  if (!checkpoints_ || points_.contains(position()) || (!points_.empty() && within_instruction(machine_)))
    return;
  const double before = plan_.clock();
  Point point;
  point.number = checkpoints_->take();
  point.seconds = seconds_;
  point.still = still_;
  if (keep_) point.keepsake = keep_();
  points_.emplace(position(), std::move(point));
  thin();
  last_cost_ = plan_.clock() - before;
  taking_ += last_cost_;
}

// Time is what a person waits for: running through a gap takes no longer than this, whatever the guest does.
// A guest that writes much has longer gaps, so that a small part of the time is spent on checkpoints.
void Timeline::take_if_due() {
  if (!checkpoints_) return;
  // Pages are copied between two checkpoints, too.
  if (checkpoints_->bytes() > plan_.most_bytes) thin();
  if (machine_.ending().why != Ending::Why::running) return;
  constexpr double worth = 25, longest = 1.6;
  const double gap = std::clamp(worth * last_cost_, plan_.seconds_between, longest * plan_.seconds_between);
  const auto next = points_.upper_bound(position());
  const double before = next == points_.begin() ? 0 : std::prev(next)->second.seconds;
  // What was run again by somebody who looks at each instruction took longer.
  if (next != points_.end() && next->second.seconds - before < 2 * gap) {
    seconds_ = std::min(seconds_, next->second.seconds);
    return;
  }
  if (seconds_ - before >= gap) take();
}

// Where the machine came from last is kept, and so is the beginning: what the two take may be more than was
// allowed.
void Timeline::thin() {
  while (points_.size() > 2 && (checkpoints_->bytes() > plan_.most_bytes || points_.size() > most_points)) {
    std::vector<double> seconds;
    std::size_t current = 0;
    for (const auto& [position, point] : points_) {
      if (checkpoints_->is_current(point.number)) current = seconds.size();
      seconds.push_back(point.seconds);
    }
    std::size_t n = missed_least(seconds, current);
    if (n == 0 && current + 1 != seconds.size()) n = seconds.size() - 1;
    if (n == 0) return;
    const auto given_up = std::next(points_.begin(), static_cast<std::ptrdiff_t>(n));
    checkpoints_->forget(given_up->second.number);
    points_.erase(given_up);
  }
}

// The end of the points: there is none.
Timeline::Points::iterator Timeline::last_before(u64 count, bool or_at) {
  auto at = points_.lower_bound({count, 0, false, 0});
  while (or_at && at != points_.end() && at->first.retired == count && !at->first.asleep) ++at;
  return at == points_.begin() ? points_.end() : std::prev(at);
}

// To come back to the present quickly.
void Timeline::leave_present() {
  if (!in_past_ && machine_.ending().why == Ending::Why::running) take();
}

bool Timeline::restore(Points::iterator point) {
  leave_present();
  if (!checkpoints_->restore(point->second.number)) {
    trouble_ = "what a disk held then is not known any more: the host had no room for it";
    return false;
  }
  applied_ = point->first.applied;
  still_ = point->second.still;
  seconds_ = point->second.seconds;
  in_past_ = applied_ < history_.size() || machine_.moment() != end_;
  machine_.set_repeating(in_past_);
  if (give_back_) give_back_(point->second.keepsake);
  return true;
}

bool Timeline::run_to(u64 count) {
  while (machine_.retired() < count) {
    if (between_ && !between_()) return false;
    const Moment before = machine_.moment();
    const Ending& ending = run(std::min(slice_instructions, count - machine_.retired()));
    const bool stands = machine_.moment() == before && !in_past_;
    if (ending.why != Ending::Why::running || stands || !trouble_.empty()) break;
  }
  return machine_.retired() == count;
}

Timeline::Place Timeline::here() {
  leave_present();
  return {machine_.moment(), applied_};
}

bool Timeline::return_to(const Place& place) {
  leave_present();
  const auto point = points_.find({place.at.retired, place.at.now, place.at.asleep, place.applied});
  return point == points_.end() ? go_to(place.at.retired) : restore(point);
}

bool Timeline::go_to_checkpoint_before(u64 count) {
  leave_present();
  const auto point = last_before(count, false);
  return point != points_.end() && restore(point);
}

bool Timeline::go_to(u64 count) {
  if (points_.empty() || count < begin() || count > end_.retired) return false;
  leave_present();
  const auto point = last_before(count, true);
  if (point == points_.end()) return false;
  const u64 here = machine_.retired();
  if ((here > count || here < point->first.retired || machine_.moment().asleep) && !restore(point))
    return false;
  if (count - machine_.retired() > far_off && count < end_.retired) {
    if (!run_to(count - close_by)) return false;
    take();
  }
  return run_to(count);
}

}  // namespace ringside
