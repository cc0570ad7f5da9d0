// Owns what the command line asks for, and the parser's face.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/inspect/story_filter.h"
#include "frontend/symbols/symbols.h"
#include "frontend/gdb/transport.h"
#include "frontend/machine/machine.h"

namespace ringside {

// Where bytes from the guest go to.
struct Sink {
  enum class Kind : u8 { none, standard, file } kind = Kind::none;
  std::string path;  // of a file
};

// What an address is called, and where its source line is.
struct SymbolFile {
  std::string path;
  u64 offset = 0;
  World world = World::any;
};

struct RunOptions {
  MachineConfig machine;
  std::optional<Sink> serial;    // not given: standard, or none after -nodefaults
  std::optional<Sink> debugcon;  // not given: none
  bool no_defaults = false;
  bool no_reboot = false;
  double timeout = 0;            // host seconds; 0: no limit
  u64 max_instructions = 0;      // by all CPUs together; 0: no limit
  std::string expect;            // regular expression; empty: nothing is expected
  std::string stats;             // file; empty: no statistics
  std::string trace_exits;       // file; empty: no rows for VM exits
  std::string vmx_coverage;      // file, - for standard error; empty: no report
  bool explain = false;          // tell every VM entry and exit in words, on standard error
  bool explain_as_json = false;  // there, as JSON
  std::string explain_json;      // file for the same as JSON; empty: none
  StoryFilter explain_only;      // what of it
  std::optional<GdbPlace> gdb;   // where a gdb may come to
  std::vector<SymbolFile> symbols;
  bool start_stopped = false;  // until that gdb says otherwise
  std::string name = "ringside";
  std::vector<std::string> warnings;  // one line each, about what was accepted but does nothing
};

// What is to be done instead of a run.
enum class Answer : u8 { run, help, version, devices, cpus, machines, accelerators };

struct Parsed {
  RunOptions run;
  Answer answer = Answer::run;
  std::vector<std::string> run_only;  // the flags given that only a run makes something of
};

// Reads QEMU's style: "-flag value", "--flag value", "--flag=value". On error nullopt and one line in `error`
// that names the thing and the cure.
std::optional<Parsed> parse_options(std::span<const std::string_view> arguments, std::string& error);

// One flag. `argument` is what help shows for its value; empty: the flag stands alone.
struct Option {
  std::string_view name;
  std::string_view argument;
  std::string_view help;
  using Apply = bool (*)(Parsed& parsed, std::string_view value, std::string& error);
  Apply apply;
  bool own = false;  // Ringside's, written with two dashes; QEMU's have one. Both spellings are read
  // What a session of the debugger makes nothing of.
  bool run_only = false;
};

// Everything the command line knows, in groups: a row without a name is a group's title.
std::span<const Option> option_table();

// The flags for a terminal, behind the lines about subcommands; and as a table for the README. Both come from
// option_table().
std::string help_text(std::string_view subcommands);
std::string help_markdown();

// Exit statuses; QEMU's where QEMU has one, timeout(1)'s for a limit that was reached.
constexpr int exit_ok = 0, exit_failed = 1, exit_usage = 2, exit_limit = 124, exit_interrupted = 130;

}  // namespace ringside
