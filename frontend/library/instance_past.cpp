// Owns an instance's past: keeping it, and going back in it.
#include <fmt/format.h>

#include "frontend/library/instance_impl.h"

namespace ringside {

bool Instance::keep_past(std::uint64_t bytes, std::string& error) {
  if (impl_->running) {
    error = "the machine runs, and a callback cannot begin to keep its past";
    return false;
  }
  if (bytes < Timeline::fewest_bytes) {
    error = fmt::format("{} bytes for the past: give {} at least", bytes, Timeline::fewest_bytes);
    return false;
  }
  if (impl_->session.timeline()) {
    error = "the past is kept already";
    return false;
  }
  return impl_->session.keep_past(bytes, error);
}

std::optional<Instance::Past> Instance::past() const {
  const Timeline* const timeline = impl_->session.timeline();
  if (!timeline) return std::nullopt;
  const Timeline::Use use = timeline->use();
  return Past{timeline->begin(), timeline->end().retired, !timeline->in_past(), use.checkpoints, use.bytes};
}

bool Instance::Impl::can_go_back(std::string& error) const {
  if (running) error = "the machine runs already; a callback cannot take it back";
  if (!running && !session.timeline()) error = "nobody keeps this machine's past; call keep_past() first";
  return error.empty();
}

std::optional<Instance::Halt> Instance::go_to(std::uint64_t instructions, std::string& error) {
  auto halt = impl_->back([&](Debugger& debugger) { return debugger.go_to(instructions); }, error);
  if (halt && halt->why == Why::beginning) error = halt->text;
  return error.empty() ? halt : std::nullopt;
}

std::optional<Instance::Halt> Instance::step_back(std::uint64_t instructions, std::string& error) {
  return impl_->back([&](Debugger& debugger) { return debugger.reverse_step(instructions); }, error);
}

std::optional<Instance::Halt> Instance::step_back_over(std::string& error) {
  return impl_->back([](Debugger& debugger) { return debugger.reverse_over(); }, error);
}

std::optional<Instance::Halt> Instance::step_back_out(std::string& error) {
  return impl_->back([](Debugger& debugger) { return debugger.reverse_out(); }, error);
}

std::optional<Instance::Halt> Instance::run_back(const Until& until, std::string& error) {
  const auto own = Impl::own_event(until.event);
  std::vector<unsigned> temporary;
  error.clear();
  if (!impl_->can_go_back(error) || !set_temporary(until, own.has_value(), temporary, error))
    return std::nullopt;
  auto halt = impl_->back(
      [&](Debugger& debugger) { return own ? debugger.reverse_to(*own) : debugger.reverse(); }, error);
  if (halt) impl_->let_go(temporary, *halt);
  return halt;
}

}  // namespace ringside
