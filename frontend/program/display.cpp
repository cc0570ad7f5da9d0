// Owns what a run does with its window.
#include "frontend/program/display.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "devices/vga/vga.h"
#include "frontend/program/output.h"
#include "frontend/program/screen_watch.h"
#include "frontend/screen/screen.h"

namespace ringside {
namespace {

using Seconds = std::chrono::duration<double>;

std::string next_screenshot() {
  std::error_code none;
  unsigned number = 1;
  while (std::filesystem::exists(fmt::format("screenshot-{}.png", number), none)) ++number;
  return fmt::format("screenshot-{}.png", number);
}

std::string_view world_of(const Cpu& cpu) {
  if (cpu.activity != Activity::active) return "halted";
  return cpu.non_root ? "guest" : "root";
}

}  // namespace

bool Display::open(std::string& error) {
  window_ = Window::open(error);
  return there();
}

bool Display::serve(Machine& machine) {
  const auto now = HostClock::now();
  if (!there() || Seconds(now - served_).count() < longest_wait) return false;
  served_ = now;
  window_->poll();
  take_requests(machine);
  bool went = false;
  while (!paused_ && !window_->input.empty() && machine.input(window_->input.front())) {
    window_->input.pop_front();
    went = true;
  }
  draw(machine);
  write_title(machine, now);
  return went;
}

void Display::take_requests(Machine& machine) {
  for (; !window_->requests.empty(); window_->requests.pop_front()) {
    std::string error;
    switch (window_->requests.front()) {
      case Window::Request::close:
        quit_ = std::exchange(asked_to_power_off_, true) || paused_ || quit_;
        if (!quit_) machine.input(PowerButton{});
        break;
      case Window::Request::quit: quit_ = true; break;
      case Window::Request::pause: paused_ = !paused_; break;
      case Window::Request::full_speed: full_speed_ = !full_speed_; break;
      case Window::Request::screenshot: {
        const std::string file = next_screenshot();
        say(write_screenshot("screenshot", file, machine, error) ? fmt::format("{}: written", file) : error);
      }
    }
  }
}

// The framebuffer is written behind everybody's back: it is drawn anew thirty times a second. All else tells
// of its changes.
void Display::draw(Machine& machine) {
  const Vga* const vga = machine.screen();
  if (vga == nullptr) return;
  constexpr double often = 0.033, always = 0.5;
  const double since = Seconds(served_ - drawn_).count();
  const u64 blink = vga->frames() / 16;
  const bool changed = vga->changes() != shown_ || (vga->state().text() && blink != blink_) ||
                       (vga->state().dispi.enabled() && !paused_) || since > always;
  if (!changed || since < often) return;
  drawn_ = served_;
  shown_ = vga->changes();
  blink_ = blink;
  window_->show(screen_picture(machine));
}

void Display::write_title(Machine& machine, HostClock::time_point now) {
  constexpr double often = 0.5;
  const double since = Seconds(now - titled_).count();
  if (since < often) return;
  const double millions =
      static_cast<double>(machine.retired() - std::min(retired_, machine.retired())) / 1e6;
  std::string worlds;
  for (unsigned n = 0; n < machine.cpus(); ++n) worlds += fmt::format(" {}", world_of(machine.cpu(n)));
  window_->title(fmt::format("Ringside - {:.0f} MIPS - {:.1f} s -{}{}{} - {}", millions / since,
                             machine.seconds(), worlds, paused_ ? " - paused" : "",
                             full_speed_ ? " - full speed" : "",
                             window_->grabbed() ? "Ctrl-Alt-G gives the mouse back"
                                                : "click or Ctrl-Alt-G for the mouse, Ctrl-Alt-P pauses"));
  titled_ = now;
  retired_ = machine.retired();
}

}  // namespace ringside
