// Owns where a run's screen is looked at: when it is drawn, what is done with what people do there, and the
// status.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "frontend/machine/machine.h"
#include "frontend/program/faces.h"
#include "frontend/vnc/vnc.h"

namespace ringside {

// X11 or Wayland.
bool desktop_there();

// Looks at the machine between two slices of its run, and alters it by Machine::input only.
class Display {
 public:
  // False: one line in `error`. `name` is the machine's. Asked for by its flag, the line says so.
  // `panes` stand beside the picture; nullptr: `no_panes` says why there are none.
  bool open(const std::string& name, std::string& error, std::unique_ptr<Panes> panes,
            const std::string& no_panes);
  bool open_asked(const std::string& name, std::string& error, std::unique_ptr<Panes> panes,
                  const std::string& no_panes);
  // For viewers elsewhere; in addition to a window, or alone.
  bool open_vnc(const VncPlace& place, const std::string& name, std::string& error);
  bool there() const { return !faces_.empty(); }

  // Does what is due, at most some sixty times a second, and what people asked for. True: input went.
  bool serve(Machine& machine);
  bool paused() const { return paused_; }
  bool take_pause() { return std::exchange(paused_, false); }
  // As if its people had paused it, or not.
  void set_paused(bool paused);
  // Somebody else lets the machine stand still, or go on.
  void set_standing(bool standing);
  bool full_speed() const { return full_speed_; }
  // While it says so what people do is no input for the machine; closing the window ends the run at once.
  void deaf_while(std::function<bool()> replays) { replays_ = std::move(replays); }
  bool quit() const { return quit_; }
  // Readable when people have asked for something.
  int descriptor() const { return faces_.descriptor(); }
  // The thread that serves it has waited for something.
  void waited() { waited_ = true; }
  // How long nothing else has to be done, in seconds, at most.
  double longest_wait() const { return owes_picture_ ? often : seldom; }

 private:
  using HostClock = std::chrono::steady_clock;
  static constexpr double often = 0.015, seldom = 0.5;

  bool take_requests(Machine& machine);
  bool deaf() const { return replays_ && replays_(); }
  void draw(Machine& machine, HostClock::time_point now);
  void write_status(Machine& machine, HostClock::time_point now);

  std::string name_;
  Faces faces_;
  std::deque<InputEvent> input_;
  std::deque<Window::Request> requests_;
  HostClock::time_point served_{}, drawn_{}, told_{};
  u64 retired_ = 0;            // at told_
  bool owes_picture_ = false;  // the window did not take the last one
  // Until the next look at the picture, in seconds of the host, and of this thread's work.
  double look_after_ = 0, look_after_work_ = 0;
  bool waited_ = false;     // the thread had time to spare since drawn_
  double worked_ = 0;       // by this thread, at drawn_
  bool told_late_ = false;  // what the status line says is not so any more
  bool standing_ = false, paused_ = false, full_speed_ = false, quit_ = false, asked_to_power_off_ = false;
  std::function<bool()> replays_;
};

}  // namespace ringside
