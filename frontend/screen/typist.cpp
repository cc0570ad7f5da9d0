// Owns the typist's steps.
#include "frontend/screen/typist.h"

#include "frontend/screen/screen.h"

namespace ringside {
namespace {

InputEvent event_of(const TypedStep& step) {
  if (const auto* stroke = std::get_if<KeyStroke>(&step)) return *stroke;
  if (const auto* move = std::get_if<MouseMove>(&step)) return *move;
  return PauseKey{};
}

}  // namespace

bool Typist::type(Machine& machine, bool idle) {
  bool went = false;
  while (!steps_.empty()) {
    // A machine that was started again has another time.
    constexpr double longest = 2e6;
    const double now = machine.seconds();
    if (next_ > now + longest) next_ = now;
    if (now < next_ && !idle) break;
    const Step made = step(machine, idle);
    if (made == Step::waits) break;
    steps_.pop_front();
    if (made == Step::passed) continue;
    went = true;
    idle = false;  // whoever slept has something to do now
  }
  return went;
}

Typist::Step Typist::step(Machine& machine, bool idle) {
  const TypedStep& step = steps_.front();
  const double now = machine.seconds();
  if (const auto* wait = std::get_if<WaitSeconds>(&step)) {
    next_ = idle ? now : now + wait->seconds;
    return Step::passed;
  }
  if (const auto* pattern = std::get_if<LinePattern>(&step))
    return pattern->matches_any(screen_lines(machine)) ? Step::passed : Step::waits;
  if (const auto* picture = std::get_if<TakePicture>(&step)) {
    if (picture_) picture_(machine, picture->file);
    return Step::passed;
  }
  if (std::holds_alternative<QuitRun>(step)) {
    quit_ = true;
    steps_.resize(1);
    return Step::passed;
  }
  if (!machine.input(event_of(step))) return Step::waits;
  next_ = now + between;
  return Step::pressed;
}

}  // namespace ringside
