// Owns the host's side of the console: the terminal's modes, the signals, and what is typed or piped in.
#include "frontend/program/terminal.h"

// First: <termios.h> defines macros by names that the manual uses too.
#include "frontend/machine/machine.h"

#include <poll.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <vector>

#include "frontend/program/output.h"

namespace ringside {
namespace {

// What signal handlers must reach; nothing else is kept outside objects.
std::atomic<int> signal_caught{0};
std::atomic<Machine*> watched{nullptr};
std::atomic<bool> terminal_is_raw{false}, power_button{false}, time_is_up{false};
termios terminal_before, terminal_raw;

constexpr std::array<int, 4> ending_signals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
constexpr std::array<int, 5> crash_signals = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

void restore_terminal() {
  if (terminal_is_raw) tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
}

void die_of(int number) {
  std::signal(number, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  raise(number);
}

void on_end(int number) {
  const int saved = errno;
  if (signal_caught.exchange(number)) {
    restore_terminal();
    die_of(number);
  }
  if (Machine* machine = watched) machine->interrupt();
  errno = saved;
}

// What waits ends its wait, to look who came.
void on_alarm(int) { time_is_up = true; }

void on_power(int) {
  const int saved = errno;
  power_button = true;
  if (Machine* machine = watched) machine->interrupt();
  errno = saved;
}

void on_crash(int number) {
  restore_terminal();
  die_of(number);
}

void on_stop(int) {
  const int saved = errno;
  restore_terminal();
  raise(SIGSTOP);
  errno = saved;
}

void on_continue(int) {
  const int saved = errno;
  if (terminal_is_raw && tcgetpgrp(STDIN_FILENO) == getpgrp()) {
    tcsetattr(STDIN_FILENO, TCSANOW, &terminal_raw);
  }
  errno = saved;
}

void handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, nullptr);  // no SA_RESTART: a wait for input ends
}

}  // namespace

SignalGuard::SignalGuard() {
  for (const int number : ending_signals) handle(number, on_end);
  handle(SIGPWR, on_power);
  handle(SIGPIPE, SIG_IGN);  // a reader that went away is a failed write, which is reported
}

SignalGuard::~SignalGuard() {
  watched = nullptr;
  for (const int number : ending_signals) handle(number, SIG_DFL);
  handle(SIGPWR, SIG_DFL);
}

void SignalGuard::watch(Machine* machine) { watched = machine; }
int SignalGuard::caught() const { return signal_caught; }
bool SignalGuard::take_power_button() { return power_button.exchange(false); }

TimeLimit::TimeLimit(double seconds) {
  if (seconds <= 0) return;
  handle(SIGALRM, on_alarm);
  // Again and again: a wait that begins when the time has passed is to end, too.
  constexpr suseconds_t again = 100'000, million = 1'000'000;
  // A millisecond later, so that whoever looks at the clock then finds that the time has passed.
  const auto all = static_cast<s64>(seconds * million) + 1000;
  const itimerval times = {{0, again}, {all / million, all % million}};
  setitimer(ITIMER_REAL, &times, nullptr);
}

TimeLimit::~TimeLimit() {
  const itimerval none{};
  setitimer(ITIMER_REAL, &none, nullptr);
  handle(SIGALRM, SIG_DFL);
  time_is_up = false;
}

bool asked_to_stop() { return signal_caught != 0 || time_is_up; }

Input::Input(bool wanted) {
  if (!wanted) return;
  if (!isatty(STDIN_FILENO)) {
    open_ = true;
    return;
  }
  if (tcgetpgrp(STDIN_FILENO) != getpgrp() || tcgetattr(STDIN_FILENO, &terminal_before) != 0) return;
  terminal_raw = terminal_before;
  cfmakeraw(&terminal_raw);
  terminal_raw.c_oflag |= OPOST;  // a guest's bare line feed, and our own lines, start at the left
  for (const int number : crash_signals) handle(number, on_crash);
  handle(SIGTSTP, on_stop);
  handle(SIGCONT, on_continue);
  terminal_is_raw = true;
  tcsetattr(STDIN_FILENO, TCSANOW, &terminal_raw);
  open_ = interactive_ = true;
  say("Ctrl-A x ends the run, Ctrl-A h shows the other keys");
}

Input::~Input() {
  if (!interactive_) return;
  restore_terminal();
  terminal_is_raw = false;
  for (const int number : crash_signals) handle(number, SIG_DFL);
  handle(SIGTSTP, SIG_DFL);
  handle(SIGCONT, SIG_DFL);
}

void Input::poll(int milliseconds, std::span<const int> others) {
  // A negative descriptor is none. One read() after poll() says so: standard input is shared with other
  // programs and must stay in blocking mode.
  const bool full = !open_ || bytes_.size() >= most_waiting;
  if (full && others.empty() && milliseconds < 0) return;
  std::vector<pollfd> wait = {{full ? -1 : STDIN_FILENO, POLLIN, 0}};
  for (const int other : others) wait.push_back({other, POLLIN, 0});
  if (::poll(wait.data(), wait.size(), milliseconds) <= 0 || wait[0].revents == 0) return;
  std::array<u8, 512> chunk;
  const ssize_t got = ::read(STDIN_FILENO, chunk.data(), chunk.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got <= 0) {
    open_ = false;
    return;
  }
  for (ssize_t i = 0; i < got; ++i) {
    const u8 byte = chunk[static_cast<std::size_t>(i)];
    if (interactive_) {
      typed(byte);
    } else {
      bytes_.push_back(byte);
    }
  }
}

void Input::typed(u8 byte) {
  if (!escaped_) {
    escaped_ = byte == escape;
    if (!escaped_) bytes_.push_back(byte);
    constexpr u8 control_c = 0x03;
    if (byte == control_c && !std::exchange(told_the_way_out_, true))
      tell("\nringside: Ctrl-C went to the guest; Ctrl-A x ends the run\n");
    return;
  }
  escaped_ = false;
  switch (byte) {
    case escape:
    case 'a': bytes_.push_back(escape); break;
    case 'x': quit_ = true; break;
    case 'p': power_button_ = true; break;
    case 'h':
    case '?':
      tell(
          "\nCtrl-A x       end the run\nCtrl-A p       press the power button\n"
          "Ctrl-A Ctrl-A  send Ctrl-A to the guest\n"
          "Ctrl-A h       this help\n");
      break;
    default: break;
  }
}

}  // namespace ringside
