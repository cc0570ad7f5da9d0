// Owns what the flags of a run ask to be told of VMX as it happens: --trace-exits, --explain and
// --explain-json.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "frontend/inspect/exit_trace.h"
#include "frontend/symbols/symbols.h"
#include "frontend/program/output.h"

namespace ringside {

class ExitReports {
 public:
  // Files are opened, the machine is observed. `before_story` is called before each piece of the story,
  // to let out what the guest has printed so far. `names` is asked if anything is to be told; they outlive
  // this. False and one line in `error`.
  bool prepare(const RunOptions& options, Machine& machine, const std::function<const Symbols&()>& names,
               std::function<void()> before_story, std::string& error);
  // After Machine::reboot().
  void attach(Machine& machine);
  // Whether a story is told, in words or as JSON; and one more piece of it that is no VMX event: what became
  // of the machine.
  bool tells() const { return story_teller_ != nullptr; }
  void tell_more(const Sheet& piece) { story_teller_(piece); }
  void flush() {
    rows_.flush();
    json_.flush();
  }
  const std::string& failure() const {
    if (!json_.failure().empty()) return json_.failure();
    return rows_.failure().empty() ? story_.failure() : rows_.failure();
  }
  void conclude(const RunOptions& options);  // the summary

 private:
  Stream rows_, story_, json_;
  ExitTrace::Story story_teller_;     // empty: nobody asked for a story
  std::unique_ptr<ExitTrace> trace_;  // nullptr: nobody asked for VM exits
};

}  // namespace ringside
