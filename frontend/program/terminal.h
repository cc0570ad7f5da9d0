// Owns the host's side of the console: the terminal's modes, the signals, and what is typed or piped in.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <utility>

#include "cpu/arch/types.h"

namespace ringside {

class Machine;

// While one exists, signals that end a program stop `machine` instead, so that statistics are written; a
// second one ends the program at once. At most one at a time.
class SignalGuard {
 public:
  SignalGuard();
  ~SignalGuard();
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

  void watch(Machine* machine);
  int caught() const;  // the signal's number, 0: none yet
  // SIGPWR came since the last call: the guest's power button is to be pressed.
  bool take_power_button();
};

// While one exists, what waits for somebody outside (the reader of a pipe, a file that is a pipe, a socket's
// other side) is interrupted when so many seconds of the host have passed since it was made; 0: never. At
// most one at a time.
class TimeLimit {
 public:
  explicit TimeLimit(double seconds);
  ~TimeLimit();
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;
};

// A signal that ends the program was caught, or a TimeLimit has passed: nobody is waited for any more.
bool asked_to_stop();

// Standard input as a source of bytes for the guest. A terminal is made raw, so that Ctrl-C and its like
// reach the guest, and is restored by the destructor, and also when a signal or a fault ends or stops the
// program. Bytes from a terminal pass the escape key, Ctrl-A; those from a file or a pipe do not.
class Input {
 public:
  static constexpr u8 escape = 0x01;  // Ctrl-A

  // Not `wanted`, or a terminal that belongs to another job: closed from the start.
  explicit Input(bool wanted);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  bool open() const { return open_; }                                       // more may come
  bool interactive() const { return interactive_; }                         // a person types
  bool quit() const { return quit_; }                                       // by the escape key
  bool take_power_button() { return std::exchange(power_button_, false); }  // by the escape key
  // Reads what there is. Waits up to `milliseconds` for it, for ever if negative, less if a signal comes or
  // there is something to read at one of the descriptors `others`.
  void poll(int milliseconds, std::span<const int> others = {});
  bool empty() const { return bytes_.empty(); }
  u8 front() const { return bytes_.front(); }
  void pop() { bytes_.pop_front(); }

 private:
  void typed(u8 byte);

  static constexpr std::size_t most_waiting = 4096;  // the rest stays in the pipe
  std::deque<u8> bytes_;
  bool open_ = false, interactive_ = false, quit_ = false, escaped_ = false, power_button_ = false;
  bool told_the_way_out_ = false;
};

}  // namespace ringside
