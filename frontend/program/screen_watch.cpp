// Owns the steps of a run that have to do with its screen.
#include "frontend/program/screen_watch.h"

#include <fmt/format.h>

#include <algorithm>

#include "devices/vga/vga.h"
#include "frontend/program/output.h"
#include "frontend/screen/screen.h"

namespace ringside {

bool write_screenshot(const std::string& flag, const std::string& path, Machine& machine,
                      std::string& error) {
  const std::string file = png_of(screen_picture(machine));
  if (!file.empty()) return write_whole_file(flag, path, file, error);
  error = fmt::format("{} {}: the machine has no screen; add -vga std", flag, path);
  return false;
}

bool ScreenWatch::prepare(const RunOptions& options, std::string& error) {
  if (!options.screenshot.empty() && !check_writable("--screenshot", options.screenshot, error)) return false;
  for (const RunOptions::AtCount& shot : options.screenshots_at) {
    if (!check_writable("--screenshot-at", shot.what, error)) return false;
    shots_.emplace(shot.count, shot.what);
  }
  for (const std::string& text : options.typed) {
    const auto steps = parse_typed(text, error);
    if (!steps || !pictures_writable(*steps, error)) return false;
    typist_.add(*steps);
  }
  for (const RunOptions::AtCount& typed : options.typed_at) {
    auto steps = parse_typed(typed.what, error);
    if (!steps || !pictures_writable(*steps, error)) return false;
    typings_.emplace(typed.count, std::move(*steps));
  }
  typist_.on_picture([this](Machine& machine, const std::string& file) {
    std::string why;
    if (!write_screenshot("<screenshot>", file, machine, why) && failure_.empty()) failure_ = why;
  });
  for (const std::string& text : options.expect_screen) {
    if (!wanted_.emplace_back().compile("--expect-screen", text, error)) return false;
  }
  return true;
}

bool ScreenWatch::pictures_writable(const std::vector<TypedStep>& steps, std::string& error) {
  return std::all_of(steps.begin(), steps.end(), [&](const TypedStep& step) {
    const auto* const picture = std::get_if<TakePicture>(&step);
    return picture == nullptr || check_writable("<screenshot>", picture->file, error);
  });
}

u64 ScreenWatch::limit(u64 done, u64 slice) const {
  const auto until = [&](const auto& planned) {
    const auto next = planned.upper_bound(done);
    if (next != planned.end()) slice = std::min(slice, next->first - done);
  };
  until(shots_);
  until(typings_);
  return slice;
}

bool ScreenWatch::after_slice(Machine& machine, u64 done) {
  for (; !shots_.empty() && shots_.begin()->first <= done; shots_.erase(shots_.begin())) {
    if (!write_screenshot("--screenshot-at", shots_.begin()->second, machine, failure_)) return false;
  }
  for (; !typings_.empty() && typings_.begin()->first <= done; typings_.erase(typings_.begin()))
    typist_.add(std::move(typings_.begin()->second));
  look(machine);
  return true;
}

// Compares only after something was written to the screen.
void ScreenWatch::look(Machine& machine) {
  const Vga* const vga = machine.screen();
  if (met_ == wanted_.size() || vga == nullptr || vga->changes() == seen_) return;
  seen_ = vga->changes();
  const std::vector<std::string> lines = screen_lines(machine);
  while (met_ < wanted_.size() && wanted_[met_].matches_any(lines)) ++met_;
}

bool ScreenWatch::conclude(const RunOptions& options, Machine& machine, std::string& error) const {
  for (const auto& [count, file] : shots_)
    say(fmt::format("--screenshot-at {} {}: the run ended before; no picture was written", count, file));
  return options.screenshot.empty() || write_screenshot("--screenshot", options.screenshot, machine, error);
}

}  // namespace ringside
