// Owns what a run tells of VM entries and VM exits: one row an exit, a count by reason, the narration of
// `ringside explain`.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/inspect/sheet.h"
#include "frontend/inspect/story_filter.h"
#include "frontend/inspect/writers.h"
#include "frontend/symbols/symbols.h"
#include "frontend/machine/machine.h"
#include "vmx/vmx.h"

namespace ringside {

enum class TraceForm : u8 { csv, json_lines };
// By the file's extension: .csv, else JSON lines.
TraceForm trace_form(std::string_view path);

// A VM exit as it was met: what is left of it to tell later.
struct MetExit {
  ExitInfo exit;
  u64 number = 0;       // of this run
  u64 instruction = 0;  // retired by the CPU
  u64 in_guest = 0;     // instructions since the VM entry
  u64 guest_rip = 0;
  unsigned cpu = 0;
};
// Its story. `as_left`: the CPU, if the exit has just happened there; without it what is to be read there (an
// EPT violation's walk, the faults behind a triple fault) is left out.
Sheet exit_story(const MetExit& met, const Cpu* as_left, const Symbols* symbols);

class ExitTrace final : public VmxObserver {
 public:
  using Output = std::function<void(std::string_view)>;
  using Story = std::function<void(const Sheet& event)>;

  // Each is off without an output. `rows`: a line for each exit, each refused entry and each VMX instruction
  // that fails, the first a header in CSV. `story`: the same at length, as sheets for people and programs.
  void write_rows(TraceForm form, Output rows);
  void tell_story(Story story) { story_ = std::move(story); }
  // What of it is told. An exit that comes again at once, at the same RIP and with the same reason, is
  // counted and not told; what broke the row of them, or conclude(), tells how many there were.
  void filter_story(const StoryFilter& filter) { filter_ = filter; }
  void conclude();

  // Names for the story; nullptr: none. They outlive the trace.
  void use_symbols(const Symbols* symbols) { symbols_ = symbols; }

  // To every CPU of the machine; to be called again after a reboot.
  void attach(Machine& machine);

  // Exits by reason, the most frequent first: a table with a total. Empty if there were none.
  std::string summary() const;
  u64 exits() const { return exits_; }

  void entered(Cpu& cpu) override;
  void exited(Cpu& cpu, const ExitInfo& exit) override;
  void refused(Cpu& cpu, const RefusedEntry& entry) override;
  void failed(Cpu& cpu, const VmRefusal& refusal) override;
  void faulted(Cpu& cpu, const VmRefusal& refusal) override;
  void written(Cpu& cpu, const Vmcs& vmcs, Field field) override;

 private:
  struct PerCpu {
    u64 entry = 0, exit = 0;  // retired instructions at the last one
    u64 root = 0;             // instructions in VMX root operation before the last entry
    // The last exit that was told, and how often it has come again since.
    ExitInfo told;
    u64 told_rip = 0, again = 0;
    bool any_told = false;
    Observers<VmxObserver>::Attachment looks;
  };
  void row(const Cpu& cpu, const ExitInfo& exit, u64 in_guest);
  void refusal_row(const Cpu& cpu, const std::vector<const Rule*>& broken, const ExitInfo* exit);
  void failure_row(const Cpu& cpu, std::string_view name, const VmRefusal& refusal);
  void tell_failure(const Cpu& cpu, std::string_view name, std::string_view before, const VmRefusal& refusal);
  bool comes_again(const Cpu& cpu, const ExitInfo& exit, u64 in_guest);
  void tell_again(unsigned cpu);

  TraceForm form_ = TraceForm::json_lines;
  Output rows_;
  Story story_;
  StoryFilter filter_;
  u64 passed_ = 0;  // exits that the filter let through, for its every Nth
  const Symbols* symbols_ = nullptr;
  FieldWriters writers_;
  const Machine* machine_ = nullptr;  // each event is told once, however often the machine comes by it
  std::vector<PerCpu> cpus_;
  u64 exits_ = 0, entries_ = 0;
  std::array<u64, exit_reason_limit> by_reason_{};
};

}  // namespace ringside
