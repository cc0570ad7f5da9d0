// Owns the debugger's commands: the table that help, completion and the gdb stub's "monitor" come from.
#pragma once

#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/debug/debugger.h"
#include "frontend/debug/expression.h"
#include "frontend/inspect/sheet.h"
#include "frontend/screen/keys.h"
#include "frontend/symbols/source.h"

namespace ringside {

class Commands {
 public:
  using Print = std::function<void(std::string_view text)>;
  // All outlive it. `print` gets whole lines.
  Commands(Debugger& debugger, Symbols& symbols, Print print);

  enum class Result : u8 { done, failed, quit };
  // One line. A failure is told in one line by `print`.
  Result execute(std::string_view line);
  // Lines of a script; # begins a comment. Ends at the first failure, which is told with its file and line.
  Result execute_script(std::string_view text, std::string_view name);
  // Whether an empty line after this one means it again.
  static bool repeats(std::string_view line);
  // Whether the line lets the machine run, or may.
  static bool runs(std::string_view line);

  // What the word that ends `line` may go on as.
  std::vector<std::string> complete(std::string_view line) const;

  void show(const Stop& stop);  // the lines that a stop prints
  // Prints a look: in words, or as JSON where the line asks for it. What has changed since the same look
  // before is marked.
  void look(Sheet sheet);
  // Bytes for the guest's serial port; returns how many went.
  void on_send(std::function<std::size_t(std::string_view bytes)> send) { send_ = std::move(send); }
  // Takes what is to be typed while the machine runs, and writes a picture of its screen.
  void on_type(std::function<void(std::vector<TypedStep>)> type) { type_ = std::move(type); }
  using Screenshot = std::function<bool(const std::string& path, std::string& error)>;
  void on_screenshot(Screenshot screenshot) { screenshot_ = std::move(screenshot); }
  // Starts the machine again, as it was at first; Debugger::attach() follows by itself. False: `error` says
  // why not, and the machine is as it was. Without it the machine's own reboot() does.
  void on_restart(std::function<bool(std::string& error)> restart) { restart_ = std::move(restart); }
  // Brings the machine to a state in a file; Debugger::attach() follows by itself. False: as before. Without
  // it load_state_file() does.
  void on_load(std::function<bool(const std::string& path, std::string& error)> load) {
    load_ = std::move(load);
  }
  // Told of each stop of what a command ran.
  void on_stop(std::function<void(const Stop&)> told) { stop_told_ = std::move(told); }
  // Asks a person, who may say no; without one the answer is yes.
  void on_question(std::function<bool(const std::string& question)> ask) { ask_ = std::move(ask); }
  // Where failures of scripts are told, if not where everything is.
  void on_failure(Print tell) { tell_ = std::move(tell); }
  // Asked before a command writes a file. False: `error` says why it must not.
  void on_output(std::function<bool(const std::string& path, std::string& error)> may) {
    may_write_ = std::move(may);
  }
  // Colours and bold for what a stop prints.
  void set_colour(bool on) { colour_ = on; }

  // -- For the commands themselves.
  Debugger& debugger() { return debugger_; }
  Symbols& symbols() { return symbols_; }
  SourceFiles& sources() { return sources_; }
  // The lines that `list` showed last, and the stop at which it did.
  struct Listed {
    std::string file;
    unsigned first = 0, last = 0;
    u64 count = ~u64{0};  // retired by the CPU
    unsigned cpu = 0;
  };
  Listed& listed() { return listed_; }
  const Expressions& expressions() const { return expressions_; }
  // Command lines that run at each stop, by number, and those that run at the stops of one breakpoint.
  struct Display {
    unsigned id = 0;
    std::string line;
  };
  Debugger::Bookmarks& bookmarks() { return debugger_.bookmarks(); }
  // Before the machine is changed: in its past that gives up what came after, which somebody may not want.
  // False: he does not, and it was told.
  bool may_change();
  // False, and it was told: the machine is in its past, where what comes to it is known.
  bool takes_input();
  std::vector<Display>& displays() { return displays_; }
  std::map<unsigned, std::vector<std::string>>& scripts() { return scripts_; }
  // Lines go into the breakpoint's script from here on, until one that says "end".
  void collect(unsigned breakpoint) {
    scripts_[breakpoint].clear();
    collecting_ = breakpoint;
  }
  // After what a stop prints: the displays; the script of its breakpoint runs once the command is over.
  void stopped(const Stop& stop);
  // The frame of the stack that `frame`, `up` and `down` chose since the stop; 0: the innermost.
  unsigned& frame() { return frame_; }
  void print(std::string_view text);  // with a newline at its end, if it has none
  bool fail(std::string_view why);    // always false
  // A value, or a failure that is told.
  std::optional<u64> value(std::string_view text);
  // The address at the beginning of `text`, which may say in which space: "guest main", "gpa 0x1000",
  // "phys 0x1000", else linear; or "file:line".
  // `storage`: a variable, or what a pointer points at, is the place itself, and its size in bytes goes
  // there.
  std::optional<Place> place(std::string_view& text, std::optional<u64>* storage = nullptr);
  bool may_write(const std::string& path, std::string& error) const {
    return !may_write_ || may_write_(path, error);
  }
  // The file that `trace` writes into; empty: none.
  const std::string& trace_file() const { return trace_name_; }
  void trace_into(std::string name, std::shared_ptr<std::FILE> file) {
    trace_name_ = std::move(name);
    trace_file_ = std::move(file);
  }
  // How the console shows what is long. 0: as the terminal is.
  struct Screen {
    static constexpr unsigned unlimited = ~0u;
    bool pager = true;
    unsigned width = 0, height = 0;
  };
  Screen& screen() { return screen_; }
  void leave() { leaving_ = true; }  // as "quit" does, once the command is over
  bool send(std::string_view bytes);
  bool type(std::string_view text);
  bool screenshot(std::string_view path);
  bool restart();  // false: it cannot, and it was told
  bool load(std::string_view path);

 private:
  Result act(std::string_view line);

  Debugger& debugger_;
  Symbols& symbols_;
  Expressions expressions_;
  SourceFiles sources_;
  Listed listed_;
  Print print_;
  std::function<std::size_t(std::string_view)> send_;
  std::function<void(std::vector<TypedStep>)> type_;
  Screenshot screenshot_;
  std::function<bool(std::string&)> restart_;
  std::function<bool(const std::string&, std::string&)> load_;
  std::function<void(const Stop&)> stop_told_;
  bool colour_ = false;
  std::vector<Display> displays_;
  std::function<bool(const std::string&)> ask_;
  bool was_in_past_ = false;  // at the last stop
  std::map<unsigned, std::vector<std::string>> scripts_;
  std::optional<unsigned> collecting_;
  std::vector<std::string> to_do_;  // of the script of the breakpoint that was met last
  bool doing_ = false;
  unsigned frame_ = 0;
  Print tell_;
  std::function<bool(const std::string&, std::string&)> may_write_;
  std::string trace_name_;
  std::shared_ptr<std::FILE> trace_file_;
  Screen screen_;
  bool leaving_ = false;
  unsigned scripts_open_ = 0;                            // one that runs another
  std::string script_place_;                             // "FILE:LINE: " while a script runs
  bool as_json_ = false;                                 // the line that runs says -json
  std::map<std::string, Sheet, std::less<>> looked_at_;  // the last of each name
};

struct Command {
  std::string_view name;
  std::string_view arguments;
  std::string_view help;     // one line, no full stop
  std::string_view example;  // a command line
  // False: it failed, and has said why.
  bool (*act)(Commands& commands, std::string_view arguments);
  // What it prints is a look: "-json" behind its arguments prints it as JSON.
  bool looks = false;
};
// Why the machine stands still, and where.
Sheet stop_sheet(const Stop& stop);

// In groups: a row without `act` is a group's title.
std::span<const Command> command_table();

// Another spelling: gdb's habits and Bochs'. The first word of a line is replaced by `stands_for`.
struct Alias {
  std::string_view name, stands_for;
};
std::span<const Alias> alias_table();
// What to write instead of another debugger's word ("modebp", "info block"); empty: it is none.
std::string_view foreign_word(std::string_view word);

// All commands, or one of them with its aliases and example; empty: there is none of this name.
std::string help_of_commands();
std::string help_of_command(std::string_view name);

// Leading and trailing blanks taken away; the first word of `text`, which loses it.
std::string_view trimmed(std::string_view text);
std::string_view next_word(std::string_view& text);

}  // namespace ringside
