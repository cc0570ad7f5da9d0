// Owns running through the past and in the present, and what comes from outside on the way.
#include "frontend/replay/timeline.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <utility>

namespace ringside {
namespace {

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

std::unique_ptr<Timeline> Timeline::create(Machine& machine, Plan plan, std::string& error) {
  if (!plan.clock) plan.clock = thread_seconds;
  std::unique_ptr<Checkpoints> checkpoints;
  if (plan.checkpoints) {
    checkpoints = Checkpoints::create(machine);
    if (!checkpoints) error = "no checkpoints can be kept: too many others follow this machine's memory";
    if (!checkpoints) return nullptr;
  }
  return std::unique_ptr<Timeline>(new Timeline(machine, std::move(plan), std::move(checkpoints)));
}

Timeline::Timeline(Machine& machine, Plan plan, std::unique_ptr<Checkpoints> checkpoints)
    : machine_(machine), plan_(std::move(plan)), checkpoints_(std::move(checkpoints)) {
  machine_.on_input([this](const InputRecord& record) { add({record.at, record.event}); });
  end_ = machine_.moment();
  take();
}

Timeline::~Timeline() {
  machine_.on_input({});
  machine_.set_repeating(false);
}

void Timeline::give_up() {
  history_.clear();
  points_.clear();
  checkpoints_.reset();
  applied_ = 0;
  seconds_ = taking_ = last_cost_ = 0;
  trouble_.clear();
  machine_.set_repeating(in_past_ = false);
}

void Timeline::begin_anew() {
  give_up();
  if (plan_.checkpoints) checkpoints_ = Checkpoints::create(machine_);
  end_ = machine_.moment();
  take();
}

void Timeline::on_travel(std::function<Keepsake()> keep, std::function<void(const Keepsake&)> give_back) {
  keep_ = std::move(keep);
  give_back_ = std::move(give_back);
  for (auto& [position, point] : points_) point.keepsake = keep_ ? keep_() : nullptr;
}

// -- What came from outside.

void Timeline::add(HistoryRecord record) {
  history_.push_back(std::move(record));
  applied_ = history_.size();
  end_ = machine_.moment();
  if (told_) told_(history_.back());
}

void Timeline::note(Happening what) {
  if (in_past_) forget_future();
  add({machine_.moment(), std::move(what)});
}

void Timeline::forget_future() {
  const Position here = position();
  history_.resize(applied_);
  std::vector<unsigned> later;
  for (auto at = points_.upper_bound(here); at != points_.end(); at = points_.erase(at))
    later.push_back(at->second.number);
  for (const unsigned number : later) checkpoints_->forget(number);
  end_ = machine_.moment();
  machine_.set_repeating(in_past_ = false);
}

void Timeline::repeat(Chronicle history, const Moment& end) {
  history_ = std::move(history);
  end_ = end;
  in_past_ = applied_ < history_.size() || machine_.moment() != end_;
  machine_.set_repeating(in_past_);
}

bool Timeline::apply(const HistoryRecord& record) {
  struct Doing {
    Timeline& self;
    bool operator()(const InputEvent& event) const { return self.machine_.input_again(event); }
    bool operator()(const ResetPerformed&) const {
      std::string error;
      const bool good = self.machine_.perform_reset(error);
      if (!good) self.trouble_ = error;
      return good;
    }
    bool operator()(const HeldStill& held) const {
      self.still_ = held.cpus;
      return true;
    }
    bool operator()(const RegisterWritten& written) const {
      if (self.write_) self.write_(written);
      return true;
    }
    bool operator()(const MemoryWritten& written) const {
      self.machine_.memory().write_block(written.at, written.bytes.data(), written.bytes.size());
      return true;
    }
  };
  return std::visit(Doing{*this}, record.what);
}

void Timeline::apply_due() {
  while (applied_ < history_.size() && history_[applied_].at == machine_.moment()) {
    const HistoryRecord& record = history_[applied_];
    if (!apply(record) && trouble_.empty())
      trouble_ = fmt::format("what came at instruction {} was not taken again", record.at.retired);
    ++applied_;
  }
}

// -- Running.

// Counts the time that running takes.
struct Timeline::Stopwatch {
  explicit Stopwatch(Timeline& timeline) : self(timeline), begin(timeline.plan_.clock()) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() { self.seconds_ += self.plan_.clock() - begin; }

  Timeline& self;
  double begin;
};

const Ending& Timeline::run(u64 instructions) {
  if (in_past_) {
    const Ending& ending = repeat_stretch(instructions);
    take_if_due();
    arrive_if_present();
    return ending;
  }
  if (const u32 wish = machine_.held_still(); wish != still_) {
    still_ = wish;
    add({machine_.moment(), HeldStill{wish}});
  }
  const Ending* ending = nullptr;
  {
    const Stopwatch watch(*this);
    ending = &machine_.run(instructions);
  }
  end_ = machine_.moment();
  take_if_due();
  return *ending;
}

// Up to the next record, or the present, or until the instructions are used up. Whoever is held still now has
// nothing to say there.
const Ending& Timeline::repeat_stretch(u64 instructions) {
  apply_due();
  const u32 outside = machine_.held_still();
  machine_.hold_still(still_);
  const Moment next = applied_ < history_.size() ? history_[applied_].at : end_;
  const u64 left = next.retired - std::min(next.retired, machine_.retired());
  const Stopwatch watch(*this);
  const bool idles = left > 0 && machine_.run(std::min(left, instructions)).why == Ending::Why::idle;
  if (left == 0) machine_.run_to(next);
  if (idles || (left == 0 && machine_.moment() != next && trouble_.empty()))
    trouble_ = fmt::format("the run came by instruction {} in another way than it is known", next.retired);
  // A reset that was performed is, before anybody hears that the machine ended.
  apply_due();
  machine_.hold_still(outside);
  return machine_.ending();
}

void Timeline::arrive_if_present() {
  if (!in_past_ || applied_ < history_.size() || machine_.moment() != end_) return;
  machine_.set_repeating(in_past_ = false);
}

}  // namespace ringside
