// Owns a run's window: when it is drawn, what is done with what people do in it, and the line of its title.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "frontend/machine/machine.h"
#include "frontend/sdl/window.h"

namespace ringside {

// Looks at the machine between two slices of its run, and alters it by Machine::input only.
class Display {
 public:
  // False: one line in `error`.
  bool open(std::string& error);
  bool there() const { return window_ != nullptr; }

  // Does what is due, at most some sixty times a second. True: input went.
  bool serve(Machine& machine);
  bool paused() const { return paused_; }
  bool full_speed() const { return full_speed_; }
  bool quit() const { return quit_; }
  // How long nothing has to be done, in seconds, at most.
  static constexpr double longest_wait = 0.015;

 private:
  using HostClock = std::chrono::steady_clock;

  void take_requests(Machine& machine);
  void draw(Machine& machine);
  void write_title(Machine& machine, HostClock::time_point now);

  std::unique_ptr<Window> window_;
  HostClock::time_point served_{}, drawn_{}, titled_{};
  u64 shown_ = ~u64{0}, blink_ = 0;  // the card's changes and the phase of blinking that are shown
  u64 retired_ = 0;                  // at titled_
  bool paused_ = false, full_speed_ = false, quit_ = false, asked_to_power_off_ = false;
};

}  // namespace ringside
