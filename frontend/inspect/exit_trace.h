// Owns what a run tells of VM entries and VM exits: one row an exit, a count by reason, the narration of
// `ringside explain`, and which rules and reasons a run met.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/symbols/symbols.h"
#include "frontend/machine/machine.h"
#include "vmx/vmx.h"

namespace ringside {

enum class TraceForm : u8 { csv, json_lines };
// By the file's extension: .csv, else JSON lines.
TraceForm trace_form(std::string_view path);

class ExitTrace final : public VmxObserver {
 public:
  using Output = std::function<void(std::string_view)>;

  // Each is off without an output. `rows`: a line for each exit, each refused entry and each VMX instruction
  // that fails, the first a header in CSV. `story`: the same at length, in words.
  void write_rows(TraceForm form, Output rows);
  void tell_story(Output story) { story_ = std::move(story); }

  // Names for the story; nullptr: none. They outlive the trace.
  void use_symbols(const Symbols* symbols) { symbols_ = symbols; }

  // To every CPU of the machine; to be called again after a reboot.
  void attach(Machine& machine);

  // Exits by reason, the most frequent first: a table with a total. Empty if there were none.
  std::string summary() const;
  // Every exit reason, VM-instruction error and entry rule with how often the run met it (a rule: broke it).
  std::string coverage() const;
  u64 exits() const { return exits_; }
  const std::array<u64, exit_reason_limit>& by_reason() const { return by_reason_; }

  void entered(Cpu& cpu) override;
  void exited(Cpu& cpu, const ExitInfo& exit) override;
  void refused(Cpu& cpu, const Rule* rule, const ExitInfo* exit) override;
  void failed(Cpu& cpu, unsigned error) override;
  void faulted(Cpu& cpu, Vector vector, std::string_view why) override;

 private:
  struct PerCpu {
    u64 entry = 0, exit = 0;  // retired instructions at the last one
    u64 root = 0;             // instructions in VMX root operation before the last entry
  };
  void row(const Cpu& cpu, const ExitInfo& exit, u64 in_guest);
  void refusal_row(const Cpu& cpu, const std::vector<const Rule*>& broken, const ExitInfo* exit);
  void failure_row(const Cpu& cpu, std::string_view name, unsigned error, std::string_view detail);
  void tell(const Cpu& cpu, const ExitInfo& exit, u64 in_guest);

  TraceForm form_ = TraceForm::json_lines;
  Output rows_, story_;
  const Symbols* symbols_ = nullptr;
  std::vector<PerCpu> cpus_;
  u64 exits_ = 0, entries_ = 0;
  std::array<u64, exit_reason_limit> by_reason_{};
  std::array<u64, 64> by_error_{};  // by VM-instruction error; 0: VMfailInvalid
  std::map<std::string, u64, std::less<>> by_rule_;
};

}  // namespace ringside
