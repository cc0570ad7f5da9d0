// Owns the last VM exits, refused VM entries and failed VMX instructions of a machine, as the inspector lists
// them.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "frontend/inspect/exit_trace.h"
#include "frontend/inspect/sheet.h"
#include "frontend/inspect/writers.h"
#include "frontend/machine/machine.h"
#include "frontend/symbols/symbols.h"
#include "vmx/vmx.h"

namespace ringside {

class ExitList final : private VmxObserver {
 public:
  // Names for the stories, and who called those who wrote fields. They outlive the list.
  ExitList(const Symbols* symbols, const FieldWriters* writers) : symbols_(symbols), writers_(writers) {}

  // Looks at every CPU from here on, also at one that was made anew by a reboot. Costs next to nothing where
  // it looks already.
  void attach(Machine& machine);
  void detach();

  // What happens is told at length for so many more events; of those after them the walk through EPT is not
  // kept, as memory is another when somebody asks.
  void tell_at_length(unsigned events) { at_length_ = events; }

  u64 seen() const { return seen_; }  // events since the list was made
  // Those before here, the newest first, at most `limit`: their numbers, where they happened, and a line of
  // words.
  Sheet list(std::size_t limit) const;
  // One of them at length; 0: the newest before here. Forgotten ones say so.
  Sheet explain(u64 number) const;

 private:
  struct Event {
    MetExit met;                         // its number counts all events here
    std::string what;                    // one line; empty: of an exit, made of `met` when it is asked for
    std::shared_ptr<const Sheet> story;  // nullptr: none was kept
  };
  struct PerCpu {
    const Vmx* vmx = nullptr;
    u64 entry = 0;  // instructions retired at the last VM entry
    Observers<VmxObserver>::Attachment looks;
  };
  static constexpr std::size_t most = 1000;

  void keep(Event event);
  void forget_later();
  bool before_here(const Event& event) const;
  std::size_t count_before_here() const;
  Event event_at(const Cpu& cpu);
  void refuse(const Cpu& cpu, std::string_view before, const VmRefusal& refusal);

  void entered(Cpu& cpu) override;
  void exited(Cpu& cpu, const ExitInfo& exit) override;
  void refused(Cpu& cpu, const RefusedEntry& entry) override;
  void failed(Cpu& cpu, const VmRefusal& refusal) override;
  void faulted(Cpu& cpu, const VmRefusal& refusal) override;

  const Symbols* symbols_;
  const FieldWriters* writers_;
  Machine* machine_ = nullptr;  // that was attached to
  std::vector<PerCpu> cpus_;
  std::deque<Event> events_;
  u64 seen_ = 0;
  unsigned at_length_ = 0;
};

}  // namespace ringside
