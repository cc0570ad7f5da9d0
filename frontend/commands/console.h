// Owns the debugger's conversation: lines from a terminal with history and completion, from a script, or from
// a pipe.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "frontend/commands/commands.h"

namespace ringside {

class Console {
 public:
  // `commands` outlives it. Lines come from standard input, with editing if it is a terminal.
  explicit Console(Commands& commands);
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  // Called before each command and after it: what runs may be interrupted between them. False after one: the
  // conversation is over.
  void on_command(std::function<bool(bool begins)> around) { around_ = std::move(around); }

  // Called before input is waited for; says what came first. `over` ends the conversation.
  enum class Waited : u8 { input, interrupted, over };
  void on_wait(std::function<Waited()> wait) { wait_ = std::move(wait); }
  // Shows the prompt again, with what is typed so far, after something else was printed.
  void show_prompt();

  // Until "quit" or the end of the input.
  void converse();

 private:
  struct Editor;
  std::optional<std::string> line();  // nullopt: the input has ended
  std::optional<std::string> edited_line();
  std::optional<std::string> plain_line();
  bool asks(const std::string& question);

  Commands& commands_;
  std::function<bool(bool)> around_;
  std::function<Waited()> wait_;
  std::string read_;                // from a file or a pipe, and not taken yet
  std::unique_ptr<Editor> editor_;  // nullptr: standard input is no terminal
};

}  // namespace ringside
