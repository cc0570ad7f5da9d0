// Owns the terminal's size, and the question after a screenful.
#include "frontend/program/pager.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "frontend/render/wrap.h"

namespace ringside {
namespace {

constexpr char interrupt_key = 3, end_key = 4;

// One key, as it is typed; q where the terminal gives none.
char key_of_terminal() {
  termios before{};
  if (::tcgetattr(STDIN_FILENO, &before) != 0) return 'q';
  termios now = before;
  now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
  now.c_cc[VMIN] = 1;
  now.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &now);
  char key = 'q';
  ssize_t got = 0;
  do {
    got = ::read(STDIN_FILENO, &key, 1);
  } while (got < 0 && errno == EINTR);
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
  return got == 1 ? key : 'q';
}

}  // namespace

TerminalSize terminal_size(int file) {
  winsize size{};
  if (!::isatty(file) || ::ioctl(file, TIOCGWINSZ, &size) != 0) return {};
  return {size.ws_col, size.ws_row};
}

void Pager::begin(TerminalSize size) {
  size_ = size;
  rows_ = 0;
  enough_ = false;
}

bool Pager::show(std::string_view text) {
  const std::string all = wrapped(text, size_.width);
  if (size_.height < 3) return write_(all);
  for (std::string_view rest = all; !rest.empty() && !enough_;) {
    const std::size_t end = std::min(rest.find('\n'), rest.size() - 1) + 1;
    const std::string_view line = rest.substr(0, end);
    const unsigned rows = rows_of(line.substr(0, line.size() - (line.ends_with('\n') ? 1 : 0)), size_.width);
    if (rows_ > 0 && rows_ + rows >= size_.height && !ask()) return false;
    if (enough_) break;
    if (!write_(line)) return false;
    rows_ += rows;
    rest.remove_prefix(end);
  }
  return true;
}

bool Pager::ask() {
  constexpr std::string_view question = "\033[7m--More--\033[0m (space: a page, return: a line, q: no more)",
                             away = "\r\033[K";
  if (!write_(question)) return false;
  for (;;) {
    const char key = key_of_terminal();
    if (key == 'q' || key == 'Q' || key == interrupt_key || key == end_key) enough_ = true;
    if (key == '\r' || key == '\n' || key == 'j') rows_ -= 1;
    if (key == ' ' || key == 'f') rows_ = 0;
    if (enough_ || key == '\r' || key == '\n' || key == 'j' || key == ' ' || key == 'f') break;
  }
  return write_(away);
}

}  // namespace ringside
