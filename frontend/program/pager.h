// Owns the showing of long output to a person: a screen at a time, wrapped at the terminal's width.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace ringside {

struct TerminalSize {
  unsigned width = 0, height = 0;  // characters; 0: not a terminal, or it does not say
};
TerminalSize terminal_size(int file);

class Pager {
 public:
  // Writes as it is; false: it could not.
  using Write = std::function<bool(std::string_view)>;
  explicit Pager(Write write) : write_(std::move(write)) {}

  // A command begins: what is on the screen has been read. `size`: 0 where nothing is to be wrapped, or to
  // be stopped at.
  void begin(TerminalSize size);
  // Whole lines. After a screenful "--More--" waits for a key: space for the next screen, return for a line,
  // q or Ctrl-C for nothing more of this command. False: it could not be written.
  bool show(std::string_view text);

 private:
  bool ask();

  Write write_;
  TerminalSize size_;
  unsigned rows_ = 0;  // of the screen that are used
  bool enough_ = false;
};

}  // namespace ringside
