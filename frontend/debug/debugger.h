// Owns the debugger's core: running to somewhere, breakpoints, and access to registers and memory. No words
// are read or printed here: the console and the gdb stub stand on it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/debug/breakpoints.h"
#include "frontend/debug/witness.h"
#include "frontend/symbols/symbols.h"
#include "frontend/machine/machine.h"
#include "frontend/replay/timeline.h"

namespace ringside {

// Where and why the machine stands still.
struct Stop {
  enum class Kind : u8 {
    step,         // the steps that were asked for are done
    breakpoint,   // one of execution, or of an event: `breakpoint` says which
    watchpoint,   // after the instruction that made the access
    event,        // the one that run_to() waited for
    interrupted,  // by interrupt()
    limit,        // the instructions that run() was given are used up
    ended,        // the machine has: Machine::ending() says how
    beginning,    // what is known of the past begins here, or nothing is known of it
  };
  Kind kind = Kind::step;
  unsigned cpu = 0;
  unsigned breakpoint = 0;  // its id; 0: none
  bool temporary = false;   // the breakpoint was removed by being hit
  std::string text;         // why, one line: "breakpoint 2", "VM exit: EPT violation: ..."
  std::string where;        // one line: CPU, root or guest of which VMCS, ring, mode, address, symbol
};

enum class RunTo : u8 { vm_exit, vm_entry, interrupt, exception, ring_change, mode_change };

class Debugger final {
 public:
  // The machine outlives the debugger. While a debugger exists it is one of the machine's observers.
  explicit Debugger(Machine& machine);
  ~Debugger();
  Debugger(const Debugger&) = delete;
  Debugger& operator=(const Debugger&) = delete;

  Machine& machine();
  // After Machine::reboot() or restore(): the new CPUs are observed as the old ones were.
  void attach();

  // -- The CPU that steps, and whose registers and memory are meant where none is named. A stop chooses the
  // CPU where it happened.
  unsigned selected() const;
  bool select(unsigned cpu);  // false: there is no such CPU
  Cpu& cpu();

  // -- Running. CPUs that Machine::hold_still() names have no turns; one of them that is to step stays where
  // it is, and the stop says so. Breakpoints stop all of these. What stands at the present instruction is not
  // met again.
  // Of the selected CPU; the others have their turns. A round of a repeated string instruction is a step, as
  // the processor's own single step has it; `together`: all its rounds are one.
  enum class Rounds : u8 { singly, together };
  Stop step(u64 instructions = 1, Rounds rounds = Rounds::singly);
  Stop step_over();  // as step(); a CALL, INT or repeated string instruction is run to its end
  Stop step_out();   // to the caller: until a return with a stack pointer above the present one
  Stop run_until(const Place& place);    // on the selected CPU
  Stop run(u64 instructions = ~u64{0});  // of all CPUs together
  Stop run_to(RunTo event, bool this_cpu = false);
  // Async-signal-safe: whatever runs returns soon with Stop::Kind::interrupted.
  void interrupt();
  // From within a run, by who sees there what it was to go on to: it ends after the present instruction of
  // the CPU whose turn it is, with Stop::Kind::event and `why`.
  void stop_after_this(std::string why);
  // Whether interrupt() was called since something ran; forgets it.
  bool take_interrupt();
  // The state as it is, without running: `where` of the selected CPU; `ended` if the machine has.
  Stop here() const;
  // Called between slices of some 100,000 instructions, for input and output of the host; it may call
  // interrupt().
  void on_slice(std::function<void()> between);
  // Asked before each slice how many of its instructions may run; 0: none any more, and what runs stops with
  // Stop::Kind::limit. Without one there is no limit.
  void on_allowance(std::function<u64(u64 slice)> allowed);
  // Called when the guest has asked for a reset, with its reason. True: it was performed, and what runs goes
  // on. Without one, or if it returns false, a reset ends the machine.
  void on_reset(std::function<bool(const std::string& why)> perform);

  // -- Going back, where somebody knows the machine's past. The machine runs by that timeline from here on;
  // nullptr: by itself. It outlives its use here.
  void use_timeline(Timeline* timeline);
  Timeline* timeline() const;
  // To the first moment when all CPUs together had retired `count`.
  Stop go_to(u64 count);
  // As their counterparts, backwards. An event stops where it does forwards, after it; a watchpoint before
  // the instruction that made the access.
  Stop reverse_step(u64 instructions = 1);  // a repeated string instruction is one
  Stop reverse_over();
  Stop reverse_out();                      // to the call that led here
  Stop reverse_until(const Place& place);  // on the selected CPU
  Stop reverse();                          // to the last stop before here
  Stop reverse_to(RunTo event, bool this_cpu = false);
  // To after the selected CPU's VM exit or VM entry of this number, 1 being the first that the debugger saw.
  Stop go_to_event(RunTo event, u64 number);
  // A stop that would be made: where, and what it says.
  struct Met {
    u64 count = 0;  // Machine::retired()
    Stop stop;
  };
  // The last one before `count`, or the first after it, that a breakpoint would make, whose condition is not
  // asked. The machine stays where it is. nullopt: none, or it was broken off.
  std::optional<Met> last_met(const Breakpoint& point, u64 before);
  std::optional<Met> first_met(const Breakpoint& point, u64 after);
  // From `after` to the end of the known past: stops at what `points` gives, which is asked anew each time,
  // and tells `met`, with the machine where it stopped; false from it ends that. The machine is back where it
  // was. False: it was broken off.
  bool look_through(u64 after, const std::function<std::vector<Breakpoint>()>& points,
                    const std::function<bool(const Met&)>& met);
  // The last `most` VM exits, VM entries, ... of all CPUs before here, in their order.
  std::vector<Met> last_events(RunTo event, std::size_t most);
  // How many VM exits of all CPUs were in each of so many equal parts of the time between two counts, about.
  std::vector<u32> exits_over(u64 begin, u64 end, unsigned parts) const;
  // Moments that have names: Machine::retired().
  using Bookmarks = std::map<std::string, u64, std::less<>>;
  Bookmarks& bookmarks();
  // For those who look through the past themselves: nobody stops them and nobody is told on the way. False:
  // it is not known so far, or it was broken off; the machine is somewhere in its past.
  bool travel(u64 count);
  bool travel_before(u64 cpu_count);  // to before the selected CPU's instruction that made its count this
  bool travel_back(const Timeline::Place& place);  // to where nothing that stands there is met again
  // Runs on. `each`: observers are asked before every instruction, which is slow.
  bool run_unseen(u64 instructions, bool each = false);

  // Who writes down what happens, also while the machine runs without this debugger's functions; nullptr:
  // nobody. Not from inside a run.
  void let_witness(std::shared_ptr<Witness> witness);
  const std::shared_ptr<Witness>& witness() const;

  // -- Breakpoints. Ids count from 1 and are not used again.
  unsigned add(Breakpoint breakpoint);
  bool remove(unsigned id);  // false: there is none of this id
  void remove_all();
  // nullptr: none of this id. Its members but the id may be changed.
  Breakpoint* find(unsigned id);
  const std::vector<Breakpoint>& breakpoints() const;
  // Decides for a breakpoint with a condition; without it conditions hold. Errors stop, with `error` in the
  // text.
  using Evaluate = std::function<bool(const Breakpoint& breakpoint, Cpu& cpu, std::string& error)>;
  void on_condition(Evaluate evaluate);

  // -- Looking. Nothing that the guest could notice is changed by a read: no accessed flags, no device.
  // The place of one byte; nullopt: it does not translate, `why` says in words.
  std::optional<HostPhys> translate(const Place& place, std::string* why = nullptr) const;
  // Bytes that were read, up to the first that does not translate or that is no memory.
  std::size_t read(const Place& place, std::span<u8> out) const;
  // As read(). ROM is not written to; code that changes is decoded anew.
  std::size_t write(const Place& place, std::span<const u8> in);
  // "cr3", "RAX", "cs.base", "eflags.if", "efer", "xmm0" (its low half; "xmm0.h" the high one),
  // "msr.c0000080", "st0" (the significand; "st0.e" sign and exponent), "vmcs.GUEST_RIP" (of the current
  // VMCS), "count" (retired by this CPU), "exits", "entries". nullopt: no such register.
  std::optional<u64> read_register(std::string_view name) const;
  // False: no such register, or it cannot be written, or not with this value: `why` says in words.
  bool write_register(std::string_view name, u64 value, std::string& why);
  // What a person wrote when a run was recorded; the selected CPU stays. False: it is no write, or cannot be
  // done here.
  bool write_again(const Happening& what);
  static std::vector<std::string> register_names();  // those without MSRs and VMCS fields, for completion

  // One line: "CPU 0, root, ring 0, 64-bit, 0x101234 <main+4>". `cpu`: another than the selected one.
  std::string where(std::optional<unsigned> cpu = std::nullopt) const;
  // Names and source lines for `where`; nullptr: none. They outlive their use here.
  void use_symbols(const Symbols* symbols);

  // The last event of VMX on each CPU, for explanations; nullptr: there was none.
  const VmxEvent* last_vmx_event(unsigned cpu) const;
  // Who called the VMWRITEs that the run has met.
  const FieldWriters& writers() const;

 private:
  struct Impl;
  bool set_register(std::string_view name, u64 value, std::string& why);

  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside
