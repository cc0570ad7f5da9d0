// Owns the passing of turns from CPU to CPU, and the lengths that turns have.
#include "frontend/machine/turns.h"

#include <array>
#include <bit>

namespace ringside {

// A loop whose length divides a turn's would be at the same instruction at the end of each of its turns, so
// that a CPU that looks at what the loop writes might wait for ever. The lengths come around every five
// rounds, and their sum is prime: no shorter loop divides it, so that at the ends of five times as many turns
// as a loop has instructions, and mostly long before, the loop is once at each of them. They differ as much
// as they do for the sake of loops that are about as long as a turn.
u64 Turns::length(u64 round) {
  constexpr std::array<u64, 5> lengths = {16'901, 23'581, 18'253, 18'869, 22'943};
  return lengths[round % lengths.size()];
}

Turns::Turns(unsigned cpus) : cpus_(cpus), takers_(cpus), left_(length(0)) {}

void Turns::begin_run(u32 still) {
  still_ = still;
  takers_ = cpus_ - static_cast<unsigned>(std::popcount(still));
  waiting_ = 0;
  fresh_ = false;
  if (still >> cpu_ & 1) pass();
}

void Turns::pass() {
  do {
    cpu_ = (cpu_ + 1) % cpus_;
    if (cpu_ == 0) ++round_;
  } while (still_ >> cpu_ & 1);
  left_ = length(round_);
  cut_ = false;
  fresh_ = true;
}

void Turns::spend(const Stretch& stretch) {
  fresh_ = false;
  left_ -= stretch.ran;
  // Where the host stopped a CPU it is not known yet whether the CPU rests there, and a stretch of nothing
  // behind it belongs to the one that was stopped.
  const bool resumed = cut_;
  cut_ = stretch.stopped && (stretch.ran != 0 || resumed);
  const bool rests = takers_ > 1 && stretch.asleep && !cut_;
  const bool could_not = stretch.ran == 0 && !stretch.stopped && !resumed;
  waiting_ = could_not ? waiting_ + 1 : 0;
  if (left_ == 0 || rests || could_not) pass();
}

void Turns::end(u64 ran) {
  left_ -= ran;
  cut_ = false;
  if (left_ == 0) pass();
}

void Turns::fields(Fields& visit) {
  visit.group("turns");
  visit("cpu", cpu_);
  visit("round", round_);
  visit("left", left_);
  visit("cut", cut_);
  visit.end();
  // A hostile state must not lead out of the table of CPUs, nor into a turn without end.
  if (!visit.restoring()) return;
  cpu_ %= cpus_;
  if (left_ == 0 || left_ > length(round_)) left_ = length(round_);
}

}  // namespace ringside
