// Owns the C++ face of libringside: a machine that a program makes, runs, looks at and changes. It includes
// nothing of the house, so that it can be installed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)

namespace ringside {

// One machine with its debugger. Several of them in one process know nothing of each other; one of them is
// for one thread at a time, but for interrupt(). What fails says so in one line in `error`, and has changed
// nothing.
class Instance {
 public:
  // The flags of `ringside run`, a word each. What goes to standard output there, the first serial port's
  // bytes, is gathered here: see serial(). No window is opened. nullptr: `error`.
  static std::unique_ptr<Instance> create(const std::vector<std::string>& flags, std::string& error);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // What the flags asked for and the machine makes nothing of, one line each.
  const std::vector<std::string>& warnings() const;

  // -- Running.

  enum class Why : unsigned char {
    count,        // the instructions that were asked for have run
    step,         // the steps have
    reached,      // the place or the event
    serial,       // the expression over serial output has matched
    screen,       // that over the screen's lines
    predicate,    // it said so
    breakpoint,   // `breakpoint` says which
    watchpoint,   // after the instruction that made the access
    interrupted,  // by interrupt(), or by on_slice()
    time,         // the host seconds are over
    limit,  // a flag's: --max-instructions, --timeout, --output-limit, or --expect and --fail-on are decided
    ended,  // the machine has, or nothing can wake it any more: `ending` says how
    beginning,  // what is known of the past begins here
  };
  struct Halt {
    Why why = Why::step;
    unsigned cpu = 0;
    unsigned breakpoint = 0;  // its number; 0: none
    std::string text;         // why, in one line; may be empty
    std::string where;        // in one line: CPU, root or guest of which VMCS, ring, mode, address, symbol
    std::string ending;  // "power-off", "reset", "debug-exit", "shutdown", "idle"; empty: it has not ended
    int status = 0;      // of "debug-exit": what the guest gave
  };
  // The first that comes true ends the run. Without any the machine runs to its end.
  struct Until {
    std::uint64_t instructions = ~std::uint64_t{0};  // so many more of all CPUs together
    std::string address;  // as the debugger's break takes it: "main", "guest 0x1000 if rax == 1"
    // "entry", "interrupt", "exception", "ring", "mode"; else as the debugger's catch takes it: "exit", "exit
    // cpuid", "refused", "vmfail", ...
    std::string event;
    // POSIX extended regular expressions: over the lines of serial port `port` from where the last one
    // matched, and over those of the screen.
    std::string serial, screen;
    unsigned port = 0;
    // Asked before the first instruction and after each `every` ones; true: enough.
    std::function<bool()> predicate;
    std::uint64_t every = 10'000;
    double seconds = 0;  // of the host; 0: no limit
  };
  // nullopt: something in `until` is wrong, and nothing has run.
  std::optional<Halt> run(const Until& until, std::string& error);
  // So many instructions of the selected CPU. A round of a repeated string instruction is one.
  Halt step(std::uint64_t instructions = 1);
  // The selected CPU's call, INT or repeated string instruction is run to its end; and to the caller.
  Halt step_over();
  Halt step_out();
  // The state as it is; nothing runs.
  Halt here() const;
  // What runs stops soon, at the latest after a slice of 200,000 instructions; one that comes while a run
  // starts counts, too. Where nothing runs it is forgotten. Async-signal-safe, and for any thread.
  void interrupt();
  // Asked between slices of at most 200,000 instructions while something runs; false: it stops.
  void on_slice(std::function<bool()> go_on);
  // To the first instruction again, at any time. Breakpoints stay.
  bool restart(std::string& error);

  // -- Going back. What runs on the way is not heard again by anybody: serial() stays as it is, and input
  // waits for the present. Who changes the machine in its past gives up what came after.

  // From here on the past is kept, in so many bytes at most, about: at least 16 MiB.
  bool keep_past(std::uint64_t bytes, std::string& error);
  struct Past {
    std::uint64_t first = 0, last = 0;  // instructions of all CPUs: where it begins, and the present
    bool present = true;                // the machine is there
    std::uint64_t checkpoints = 0, bytes = 0;
  };
  std::optional<Past> past() const;  // nullopt: nobody keeps it
  // To the first moment when all CPUs together had retired so many. nullopt: `error`; the machine has not
  // moved.
  std::optional<Halt> go_to(std::uint64_t instructions, std::string& error);
  std::optional<Halt> step_back(std::uint64_t instructions, std::string& error);
  std::optional<Halt> step_back_over(std::string& error);
  std::optional<Halt> step_back_out(std::string& error);  // to the call that led here
  // To the last time before here that a breakpoint stopped, or what `until` names by `address` or `event`,
  // which alone count here. A watchpoint stops before the instruction that made the access.
  std::optional<Halt> run_back(const Until& until, std::string& error);

  // -- Breakpoints.

  // As the debugger's break, tbreak, watch, rwatch, awatch and catch are written: "break vm_exit if rax !=
  // 0", "watch gpa 0x7000 8", "catch exit cpuid". Its number; 0: `error`.
  unsigned add_breakpoint(std::string_view line, std::string& error);
  // `goes_on` is asked at each of its stops; true: the run goes on. It looks and changes, but cannot run the
  // machine.
  bool on_breakpoint(unsigned number, std::function<bool(const Halt&)> goes_on);
  bool remove_breakpoint(unsigned number);  // false: there is none
  struct BreakpointState {
    unsigned number = 0;
    std::string text;  // as it was written
    bool enabled = true;
    std::uint64_t hits = 0;
  };
  std::vector<BreakpointState> breakpoints() const;

  // -- VM exits.

  struct Exit {
    unsigned cpu = 0;
    std::uint64_t instructions = 0;  // that the CPU had retired
    unsigned reason = 0;             // the basic exit reason
    std::string name;                // the manual's
    std::string text;                // one line
    std::uint64_t qualification = 0, guest_rip = 0, guest_linear = 0, guest_physical = 0;
    std::uint32_t instruction_length = 0, instruction_information = 0;
    std::uint32_t interruption_information = 0, interruption_error = 0;  // of the exit, with its valid bit
    std::uint32_t vectoring_information = 0, vectoring_error = 0;        // IDT vectoring
  };
  // Runs to the next one. nullopt with an empty `error`: something else came first, and `halt` says what.
  std::optional<Exit> next_exit(const Until& limit, Halt& halt, std::string& error);
  // The last one of the selected CPU; nullopt: there was none.
  std::optional<Exit> last_exit() const;

  // -- CPUs and registers, those of the selected CPU: a stop selects the one where it happened.

  unsigned cpus() const;
  unsigned selected_cpu() const;
  bool select_cpu(unsigned cpu);       // false: there is none
  std::uint64_t instructions() const;  // retired by all CPUs
  double seconds() const;              // virtual time
  // "rax", "cr0.pg", "cs.base", "efer", "xmm0" (its low half; "xmm0.h"), "msr.c0000080", "vmcs.GUEST_RIP".
  std::optional<std::uint64_t> read_register(std::string_view name, std::string& error) const;
  bool write_register(std::string_view name, std::uint64_t value, std::string& error);
  std::vector<std::string> register_names() const;  // without MSRs and VMCS fields
  std::vector<std::string> vmcs_field_names() const;
  // The debugger's expressions: "[rsp] + 8", "guest[0x1000].4", "task->pid".
  std::optional<std::uint64_t> evaluate(std::string_view expression, std::string& error) const;

  // -- Memory. A read changes nothing that the guest could notice: no accessed flags, no device.

  enum class Space : unsigned char {
    linear,          // of what the selected CPU runs now
    guest_linear,    // of the guest of the current VMCS, also while the hypervisor runs
    guest_physical,  // of the guest of the current VMCS
    host_physical,   // of the machine
  };
  // Whole, or nullopt: `error` names the first byte that cannot be read, and why.
  std::optional<std::vector<std::uint8_t>> read(Space space, std::uint64_t address, std::size_t bytes,
                                                std::string& error) const;
  // Through write protection, but not into ROM. False: bytes before the one that `error` names are written.
  bool write(Space space, std::uint64_t address, std::span<const std::uint8_t> bytes, std::string& error);
  // To a host-physical address, whatever the rights.
  std::optional<std::uint64_t> translate(Space space, std::uint64_t address, std::string& error) const;
  // Of a symbol, a line ("run.inc:33") or an expression. nullopt: `error`.
  struct Address {
    Space space = Space::linear;
    std::uint64_t value = 0;
  };
  std::optional<Address> place(std::string_view text, std::string& error) const;

  // -- Looking at the rest.

  // Any line of the debugger: what it prints. nullopt: it failed, and `error` is what it said.
  std::optional<std::string> command(std::string_view line, std::string& error);
  // A line that looks ("explain", "vmcs check", "walk guest 0x1000", "info idt"): JSON, a line for each
  // sheet.
  std::optional<std::string> look(std::string_view line, std::string& error);

  // -- The outside world.

  // What a serial port has sent, 0 being COM1: the last 16 MiB of it, the first of which is byte number
  // `first`.
  std::string_view serial(unsigned port = 0, std::uint64_t* first = nullptr) const;
  std::string_view debug_console() const;  // with -debugcon stdio
  // Bytes for a serial port, as fast as the guest takes them while it runs.
  bool send(std::string_view bytes, unsigned port, std::string& error);
  // On the keyboard, with virtual time between the strokes: "ls\n", "<ctrl-alt-delete>", "<wait 2>".
  bool type(std::string_view text, std::string& error);
  bool power_button();
  // Rows of a text mode; empty: there is none.
  std::vector<std::string> screen_text() const;
  // A PNG file's bytes; empty: there is no picture.
  std::vector<std::uint8_t> screen_png() const;

  // -- State.

  std::vector<std::uint8_t> save();
  // A state of a machine with the same flags. Disks are not in it.
  bool restore(std::span<const std::uint8_t> saved, std::string& error);
  // The same in a file, which the flag --load takes, too: with what drives were given. It is written whole or
  // not at all.
  bool save_file(const std::string& path, std::string& error);
  bool load_file(const std::string& path, std::string& error);
  std::string state_hash() const;  // of everything the guest could notice

 private:
  struct [[gnu::visibility("hidden")]] Impl;
  explicit Instance(std::unique_ptr<Impl> impl);
  bool set_temporary(const Until& until, bool own, std::vector<unsigned>& temporary, std::string& error);
  std::unique_ptr<Impl> impl_;
};

// "count", "step", ...: for people and other languages.
std::string_view name(Instance::Why why);

}  // namespace ringside

#pragma GCC visibility pop
