// Owns what the command line asks for, and the parser's face.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/commands/execution_log.h"
#include "frontend/inspect/story_filter.h"
#include "frontend/symbols/symbols.h"
#include "frontend/gdb/transport.h"
#include "frontend/program/chardev.h"
#include "frontend/machine/machine.h"
#include "frontend/machine/state_file.h"
#include "frontend/vnc/vnc.h"

namespace ringside {

struct Recording;

// What an address is called, and where its source line is.
struct SymbolFile {
  std::string path;
  u64 offset = 0;
  World world = World::any;
};

// What -device loader puts into memory: a file as it is, or a number.
struct LoadedBytes {
  u64 address = 0;
  std::string path;  // empty: `bytes`
  std::vector<u8> bytes;
};

// Instructions between two looks at the state that --record writes down, and where: outside of it as usual.
struct LookInterval {
  u64 every = 0;  // 0: as usual
  u64 from = 0, to = ~u64{0};
};

class OpenBundle;

struct RunOptions {
  MachineConfig machine;
  std::vector<Chardev> serials;  // COM1 to COM4; not given: standard, or none after -nodefaults
  Chardev debugcon;
  std::map<std::string, Chardev> chardevs;  // by their ids
  bool no_defaults = false, nographic = false;
  bool snapshot = false;  // of all drives: what is written is forgotten
  bool no_reboot = false;
  bool no_shutdown = false;                  // a guest that powers off leaves the machine to be looked at
  double timeout = 0;                        // host seconds; 0: no limit
  u64 max_instructions = 0;                  // by all CPUs together; 0: no limit
  u64 past_bytes = u64{1} << 30;             // of memory for going back, where that is possible; 0: it is not
  double max_seconds = 0;                    // of the machine's own time; 0: no limit
  u64 output_limit = 0;                      // bytes of all serial ports together; 0: no limit
  std::vector<std::string> expect, fail_on;  // regular expressions
  std::string stats;                         // file; empty: no statistics
  std::optional<bool> vga;                   // whether the machine has a screen; not given: as it is booted
  std::optional<bool> window;                // -display sdl or none; not given: by_itself() says
  bool inspector = false;                    // open from the start
  std::optional<VncPlace> vnc;               // -vnc; none: nobody looks from elsewhere
  bool unattended = false;                   // a flag of a batch run, or that tells of the guest, was given
  std::vector<std::string> expect_screen;    // regular expressions
  std::string screenshot;                    // file; empty: none
  struct AtCount {
    u64 count = 0;     // instructions of all CPUs together
    std::string what;  // a file, or what is typed
  };
  std::vector<AtCount> screenshots_at, typed_at;
  std::vector<std::string> typed;  // from the beginning on
  std::string sent;                // to the first serial port, from the beginning on
  struct Save {
    std::string path;
    std::optional<u64> at;  // instructions of all CPUs together; none: at the run's end
  };
  std::vector<Save> saves;
  std::string load;                        // a saved state to begin with; empty: the machine is switched on
  std::optional<StateDescription> loaded;  // what that says of itself
  std::string trace_exits;                 // file; empty: no rows for VM exits
  std::string vmx_coverage;                // file, - for standard error; empty: no report
  struct CodeCoverageFile {
    std::string path;          // lcov if it ends in .info, else drcov
    World world = World::any;  // whose code
  };
  std::vector<CodeCoverageFile> code_coverage;
  bool explain = false;          // tell every VM entry and exit in words, on standard error
  bool explain_as_json = false;  // there, as JSON
  std::string explain_json;      // file for the same as JSON; empty: none
  StoryFilter explain_only;      // what of it
  ExecutionLog::Options log;     // of what runs
  std::string log_file;          // empty: it goes to standard error
  std::optional<GdbPlace> gdb;   // where a gdb may come to
  std::vector<SymbolFile> symbols;
  std::vector<LoadedBytes> loads;             // -device loader
  std::vector<std::string> firmware_folders;  // -L
  bool boot_flag = false;                     // -boot was given
  std::string pidfile;                        // empty: none
  std::vector<std::string> scripts;           // of the debugger: files that are read
  bool start_stopped = false;                 // until that gdb says otherwise
  std::string name = "ringside";
  std::string video_bios = "/usr/share/seabios/vgabios-stdvga.bin";
  std::string record;                          // file; empty: nothing is recorded
  bool record_writes = false;                  // the guest's writes get to its drives though it is recorded
  LookInterval record_look;                    // when the state is looked at
  std::string replay;                          // file; empty: the run has input of its own
  std::shared_ptr<const Recording> recording;  // what it holds
  std::shared_ptr<const OpenBundle> bundle;    // that the file is; nullptr: it is a recording alone
  std::vector<std::string> image_folders;      // where a recording's images may be
  std::vector<std::string> machine_words;      // the flags that make this machine, a word each: --m=512
  bool emitted_by_name = false;                // so that a host without is not passed over in silence
  std::vector<std::string> warnings;           // one line each, about what was accepted but does nothing
};

// Whether a run opens a window though nobody asked for one, where there is a desktop and a person: it boots
// as a PC does, and no flag speaks of a batch run or of another place to look at.
bool window_by_itself(const RunOptions& run);

// What is to be done instead of a run.
enum class Answer : u8 { run, help, version, devices, cpus, machines, accelerators, log_words };

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
// Groups, whose flags say that nobody sits in front of the machine, or looks at its screen.
constexpr std::string_view batch_group = "Batch runs", virtualization_group = "Virtualization";

// Everything the command line knows, in groups: a row without a name is a group's title.
std::span<const Option> option_table();

// The flags for a terminal, behind the lines about subcommands; and as a table for the README. Both come from
// option_table().
std::string help_text(std::string_view subcommands);
std::string help_markdown();

// Exit statuses; QEMU's where QEMU has one, timeout(1)'s for a limit that was reached.
constexpr int exit_ok = 0, exit_failed = 1, exit_usage = 2, exit_limit = 124, exit_interrupted = 130;

}  // namespace ringside
