// Owns the debugger's insides: what it waits for while the machine runs, and what it was told.
#pragma once

#include "cpu/state/observer.h"
#include "frontend/debug/debugger.h"
#include "frontend/debug/density.h"

namespace ringside {

struct Debugger::Impl final : CpuObserver, VmxObserver {
  Impl(Debugger& d, Machine& m) : debugger(d), machine(m) {}

  // A reason to stop that came up in the middle of an instruction: judged once it is over.
  struct Pending {
    unsigned breakpoint = 0;  // its id; 0: what run_to() waits for
    unsigned cpu = 0;
    Stop::Kind kind = Stop::Kind::breakpoint;
    std::string text;
    u64 rip = 0;  // linear, of the instruction that made an access
  };
  // An instruction to run to, unseen by the user: what step_over(), step_out() and run_until() aim at.
  struct Target {
    unsigned cpu = 0;
    Place at;
    bool same_world = false;  // only in root or only in non-root operation, as `non_root` says
    bool non_root = false;
    u64 lowest_rsp = 0;  // deeper calls of the same code pass over it
    // The call, or other instruction that comes back to `at`, rather than `at`; with this stack pointer.
    std::optional<u64> call_with_rsp;
  };
  // What "ring change" and "mode change" compare.
  struct World {
    u8 cpl = 0;
    std::string_view mode;
    bool operator==(const World&) const = default;
  };
  struct PerCpu {
    Observers<CpuObserver>::Attachment looks_at_cpu;
    Observers<VmxObserver>::Attachment looks_at_vmx;
    std::optional<VmxEvent> last;
    u64 entries = 0, exits = 0;
    // The instruction at which the last stop was reported, which is not met again.
    u64 stopped_count = ~u64{0}, stopped_rip = 0;
    // The instruction that the witness was told of last.
    u64 told_count = ~u64{0}, told_rip = 0;
    World world;  // when the run began
    // In place: entries and exits are many, and leave alone what only refusals have.
    VmxEvent& note(VmxEvent::Kind kind, u64 count) {
      if (!last) last.emplace();
      last->kind = kind;
      last->count = count;
      return *last;
    }
  };

  // What is known of the past here: goes with the machine when it is taken elsewhere.
  struct Known {
    struct Events {
      std::optional<VmxEvent> last;
      u64 entries = 0, exits = 0;
      ExitInfo exit;  // no part of the machine's state: only people ask for it
    };
    std::vector<Events> cpus;
    FieldWriters writers;
  };

  Debugger& debugger;
  Machine& machine;
  Timeline* timeline = nullptr;
  bool travelling = false;  // nothing stops the machine
  bool searching = false;   // stops are only looked at: nobody counts them
  // An interrupt or exception out of this instruction is what is searched for.
  struct Origin {
    unsigned cpu = 0;
    u64 rip = 0;  // linear
  };
  std::optional<Origin> origin;
  Density exits_over_time;
  Bookmarks bookmarks;
  u64 accessed_rip = 0;  // of the access that stopped the machine last
  std::vector<PerCpu> cpus;
  unsigned selected = 0;
  std::vector<Breakpoint> points;
  unsigned next_id = 1;
  bool points_touched = false;  // since the machine was told of them
  std::vector<u16> offsets;     // that the machine was told of
  u32 armed = 0;                // kinds of breakpoints that somebody may hit, a bit each
  bool watching = false;        // some CPU has watched pages
  Evaluate evaluate;
  const Symbols* symbols = nullptr;
  FieldWriters writers;
  std::function<void()> between;
  std::function<u64(u64)> allowed;
  std::function<bool(const std::string&)> perform_reset;
  std::shared_ptr<Witness> witness;
  bool witness_hears = false;  // of instructions: the machine was told so
  u64 since_between = 0;       // instructions
  volatile bool interrupted = false;

  std::optional<Stop> stop;  // set while the machine runs: the first reason
  std::vector<Pending> pending;
  std::optional<RunTo> awaited;
  std::optional<unsigned> awaited_cpu;
  std::optional<Target> target;
  std::optional<unsigned> turn_of;  // the run is over once this CPU has had an instruction
  bool look_again = false;          // the mode may have changed
  // Whose repeated string instructions go round by round, and how many rounds were no instruction.
  std::optional<unsigned> rounds_of;
  u64 rounds = 0;
  bool round_ended = false;

  const Ending& run_machine(u64 instructions) {
    return timeline ? timeline->run(instructions) : machine.run(instructions);
  }
  std::shared_ptr<const Known> keep() const;
  void give_back(const Known& known);
  u64 retired_now() const;
  void note(Happening what);  // that somebody did to the machine, for its timeline
  void forget_stops();        // what stands where the machine was taken to is still to be met
  bool travel(u64 count);
  bool go_back_to(const Timeline::Place& place);
  bool before_instruction(u64 count);
  bool to_first_round();
  std::optional<Met> scan(u64 end, u64 before, u64 floor);
  std::optional<Met> last_stop(u64 before, u64 floor);
  std::optional<Stop> no_past() const;
  Stop arrived(const Met& met, const Timeline::Place& from);
  Stop search_back(u64 floor = 0);
  Stop walk_out();
  bool points_armed(bool watchpoints) const;  // any of them; any watchpoint
  Stop gave_up(const Timeline::Place& here);

  // Runs until something stops the machine, a round is over, or `instructions` are used up, which is
  // Stop::Kind::limit.
  Stop go(u64 instructions);
  bool decide_stop();  // of what is pending; true: `stop` is set
  Stop finish(Stop made);
  bool take_interrupt();  // as Debugger's
  Stop interruption() const;
  Stop step(u64 instructions);
  void tell_instruction(Cpu& cpu);
  void arm();
  void arm_watches(Cpu& cpu);
  std::optional<Stop> stands_still() const;
  World world(const Cpu& cpu) const;
  std::optional<Stop> over() const;  // the machine has ended
  bool reached(const Target& t, Cpu& cpu, u64 linear, HostPhys physical) const;
  bool matches(const Breakpoint& point, const Cpu& cpu, u64 linear, HostPhys physical) const;
  // Counts the hit and asks the condition. True: stop; `note` is what to add to the text.
  bool hit(Breakpoint& point, Cpu& cpu, std::string& note);
  bool waits(const Breakpoint& point, Breakpoint::Kind kind, const Cpu& cpu) const {
    return point.enabled && point.kind == kind && (!point.cpu || *point.cpu == cpu.index);
  }
  // Whether anybody wants to hear of such an event: words are not made for nobody.
  bool hears(Breakpoint::Kind kind) const {
    return !travelling && (armed >> static_cast<unsigned>(kind) & 1) != 0;
  }
  bool hears(Breakpoint::Kind kind, RunTo event) const {
    return hears(kind) || (!travelling && awaited == event);
  }
  bool tells() const { return witness && !machine.repeating(); }
  // Ends the run after the present instruction.
  void stop_after(Cpu& cpu, Pending reason);
  void tell_exit(Cpu& cpu, const ExitInfo& exit);
  void await(Cpu& cpu, RunTo event, const std::string& text);
  void meet_origin(Cpu& cpu, u64 from);
  template <class Test>
  void meet(Cpu& cpu, Breakpoint::Kind kind, const std::string& text, Test test) {
    for (const Breakpoint& point : points) {
      if (waits(point, kind, cpu) && (point.any || test(point)))
        stop_after(cpu, {point.id, cpu.index, Stop::Kind::breakpoint, text});
    }
  }
  std::size_t peek_at(const Cpu& cpu, const Place& place, std::span<u8> out) const;
  std::optional<HostPhys> locate_at(const Cpu& cpu, const Place& place, std::string* why) const;

  bool stops_before(Cpu& cpu, LinAddr linear, HostPhys physical) override;
  bool watches(const Cpu& cpu, const ObservedAccess& access) const override;
  void accessed(Cpu& cpu, const ObservedAccess& access) override;
  void exception(Cpu& cpu, const Fault& fault, u64 from) override;
  void interrupt(Cpu& cpu, u8 vector, u64 from) override;
  void msr_access(Cpu& cpu, u32 number, bool write, u64 value) override;
  void port_access(Cpu& cpu, u16 port, unsigned size, bool write, u32 value) override;
  bool hears_vmwrites() const override { return hears(Breakpoint::Kind::vmwrite); }
  void vmcs_written(Cpu& cpu, HostPhys region, u64 encoding, u64 value) override;
  void mode_changed(Cpu& cpu) override;
  bool wants_rounds(const Cpu& cpu) const override { return rounds_of == cpu.index; }
  void round_over(Cpu& cpu) override;
  void was_reset(Cpu& cpu, bool init) override;
  void entered(Cpu& cpu) override;
  void exited(Cpu& cpu, const ExitInfo& exit) override;
  void refused(Cpu& cpu, const RefusedEntry& entry) override;
  void failed(Cpu& cpu, const VmRefusal& refusal) override;
  void faulted(Cpu& cpu, const VmRefusal& refusal) override;
  void written(Cpu& cpu, const Vmcs& vmcs, Field field) override;
};

}  // namespace ringside
