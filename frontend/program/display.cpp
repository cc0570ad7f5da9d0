// Owns what a run does with the places where its screen is looked at.
#include "frontend/program/display.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "devices/vga/vga.h"
#include "frontend/modules/modules.h"
#include "frontend/program/output.h"
#include "frontend/program/screen_watch.h"
#include "frontend/screen/screen.h"

namespace ringside {
namespace {

using Seconds = std::chrono::duration<double>;

// Of the processor, by this thread.
double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

std::string next_screenshot() {
  std::error_code none;
  unsigned number = 1;
  while (std::filesystem::exists(fmt::format("screenshot-{}.png", number), none)) ++number;
  return fmt::format("screenshot-{}.png", number);
}

WindowStatus::World world_shown(const Cpu& cpu) {
  if (cpu.activity != Activity::active) return WindowStatus::World::halted;
  return cpu.non_root ? WindowStatus::World::guest : WindowStatus::World::root;
}

}  // namespace

bool desktop_there() {
  const auto set = [](const char* name) {
    const char* const value = std::getenv(name);
    return value != nullptr && *value != 0;
  };
  return set("DISPLAY") || set("WAYLAND_DISPLAY");
}

bool Display::open(const std::string& name, std::string& error, std::unique_ptr<Panes> panes,
                   const std::string& no_panes) {
  name_ = name;
  const WindowModule* const module = window_module(error);
  auto window = module ? module->open_window(error, std::move(panes), no_panes) : nullptr;
  if (!window) return false;
  faces_.add(std::move(window));
  return true;
}

bool Display::open_vnc(const VncPlace& place, const std::string& name, std::string& error) {
  name_ = name;
  const VncModule* const module = vnc_module(error);
  if (!module) {
    error = fmt::format("-vnc: {}", error);
    return false;
  }
  auto server = module->open(place, name, error);
  if (!server) return false;
  faces_.add(std::move(server));
  say(fmt::format("a VNC viewer may look, and type, at {}", text_of(place)));
  return true;
}

bool Display::open_asked(const std::string& name, std::string& error, std::unique_ptr<Panes> panes,
                         const std::string& no_panes) {
  if (open(name, error, std::move(panes), no_panes)) return true;
  error = fmt::format("-display sdl: {}; use -display none", error);
  return false;
}

void Display::set_standing(bool standing) {
  if (standing != std::exchange(standing_, standing)) told_late_ = true;
}

void Display::set_paused(bool paused) {
  if (paused != std::exchange(paused_, paused)) told_late_ = true;
}

bool Display::serve(Machine& machine) {
  if (!there()) return false;
  const auto now = HostClock::now();
  const bool asked = faces_.take(input_, requests_);
  if (!asked && Seconds(now - served_).count() < often) return false;
  served_ = now;
  const bool changed = take_requests(machine);
  if (deaf()) input_.clear();
  bool went = false;
  while (!paused_ && !standing_ && !input_.empty() && machine.input(input_.front())) {
    input_.pop_front();
    went = true;
    look_after_ = 0;  // its echo is waited for
  }
  draw(machine, now);
  constexpr double told_often = 0.25;
  if (std::exchange(told_late_, false) || changed || Seconds(now - told_).count() >= told_often)
    write_status(machine, now);
  return went;
}

// True: there were some.
bool Display::take_requests(Machine& machine) {
  const bool some = !requests_.empty();
  for (; !requests_.empty(); requests_.pop_front()) {
    std::string error;
    switch (requests_.front()) {
      case Window::Request::close:
        quit_ = std::exchange(asked_to_power_off_, true) || paused_ || standing_ || deaf() || quit_;
        if (quit_) break;
        machine.input(PowerButton{});
        faces_.note("the power button was pressed; close the window again to end the run");
        break;
      case Window::Request::quit: quit_ = true; break;
      case Window::Request::pause: paused_ = !paused_; break;
      case Window::Request::full_speed: full_speed_ = !full_speed_; break;
      case Window::Request::screenshot: {
        const std::string file = next_screenshot();
        const bool good = write_screenshot("screenshot", file, machine, error);
        say(good ? fmt::format("{}: written", file) : error);
        faces_.note(good ? fmt::format("{}: written", file) : error);
      }
    }
  }
  return some;
}

// Thirty times a second what is shown is compared with what was, as the framebuffer is written behind
// everybody's back; less often while nothing changes, and on a busy host, so that looking takes at most a
// fortieth of the work of a thread that never waits.
void Display::draw(Machine& machine, HostClock::time_point now) {
  constexpr double shortest = 0.033, longest = 0.1, share = 40;
  const Vga* const vga = machine.screen();
  const double since = Seconds(now - drawn_).count();
  if (vga == nullptr || (!owes_picture_ && since < look_after_)) return;
  const double before = thread_seconds();
  if (!owes_picture_ && !std::exchange(waited_, false) && before - worked_ < look_after_work_) return;
  const ScreenCopy::Update what = faces_.show(*vga);
  drawn_ = now;
  worked_ = thread_seconds();
  look_after_work_ = (worked_ - before) * share;
  look_after_ =
      what == ScreenCopy::Update::changed ? shortest : std::min(look_after_ + shortest / 2, longest);
  owes_picture_ = what == ScreenCopy::Update::busy;
}

void Display::write_status(Machine& machine, HostClock::time_point now) {
  const u64 retired = machine.retired();
  const double since = Seconds(now - told_).count();
  WindowStatus status;
  status.name = name_;
  status.mips = static_cast<double>(retired - std::min(retired_, retired)) / 1e6 / since;
  status.seconds = machine.seconds();
  for (unsigned n = 0; n < machine.cpus(); ++n) status.cpus.push_back(world_shown(machine.cpu(n)));
  status.paused = paused_ || standing_;
  status.full_speed = full_speed_;
  if (machine.repeating()) status.hears = WindowStatus::Hears::later;
  if (deaf()) status.hears = WindowStatus::Hears::recording;
  faces_.status(status);
  told_ = now;
  retired_ = retired;
}

}  // namespace ringside
