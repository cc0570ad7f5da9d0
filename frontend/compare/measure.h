// Owns looking at a machine while it is measured: each instruction, access, VM entry and VM exit.
#pragma once

#include <memory>
#include <unordered_map>

#include "cpu/state/observer.h"
#include "frontend/compare/measured.h"
#include "frontend/machine/machine.h"
#include "vmx/vmx.h"

namespace ringside::compare {

// How many different numbers were met since begin().
class Distinct {
 public:
  void begin() {
    ++round_;
    count_ = 0;
    last_ = ~u64{0};
  }
  void meet(u64 number) {
    if (number == last_) return;
    last_ = number;
    u32& when = rounds_[number];
    if (when != round_) ++count_;
    when = round_;
  }
  u32 count() const { return count_; }

 private:
  std::unordered_map<u64, u32> rounds_;
  u32 round_ = 1, count_ = 0;
  u64 last_ = ~u64{0};
};

// From its making on it notes which guests are entered; from start() to stop() it measures, and the machine
// runs some fifty times slower. Nothing that it does reaches the guest.
class Measure final : private CpuObserver, private VmxObserver {
 public:
  // The first `control_cpus` virtual CPUs that are entered are a trusted guest's.
  Measure(Machine& machine, unsigned control_cpus);
  ~Measure() override;
  Measure(const Measure&) = delete;
  Measure& operator=(const Measure&) = delete;

  // Not from inside a run.
  void start();
  void stop();
  // From inside a run, too: what was done since the last one, or since start(), is a piece of work.
  void piece(std::string name, u64 units, std::string units_are);

  const Measured& measured() const { return measured_; }
  // The hypervisor, the guests that were entered, and the processes that ran: those whose page tables were in
  // use at VM entries, and all others as one. `users`: the name of all that ran at CPL 3 as one; empty: as
  // said. A process that has ended since is not among them.
  std::vector<Domain> domains(const std::string& users) const;

 private:
  struct Seat {
    Observers<CpuObserver>::Attachment looks;
    Observers<VmxObserver>::Attachment hears;
    // Of the last instruction; `user` and `space` (CR3) of the last one in root operation, if `known`.
    bool was_guest = false, known = false, user = false;
    u64 space = 0;
    bool control = false;  // the guest that was entered last is a trusted one
    bool open = false;     // a VM exit of the measured guest is being handled
    ExitCost cost;
    std::array<Distinct, 2> pages, lines;
    bool pending = false;  // an interrupt is asserted
    u64 asserted = 0;      // when it was
    bool to_come = false;  // it was, and no guest's handler has been entered since
  };
  struct Guest {
    u64 region = 0, root = 0;  // its EPT pointer, or with shadow page tables its CR3
    bool shadow = false;
    bool met = false;  // since start(): others may have ended long ago
    bool control = false;
  };

  void touch(Seat& seat, unsigned part, HostPhys at, unsigned bytes);
  void look_at_interrupts(const Cpu& cpu, Seat& seat);
  void asserted(Seat& seat);
  void close(Seat& seat);
  void note_switch(const Cpu& cpu, Seat& seat);
  bool lives(u64 cr3) const;

  bool stops_before(Cpu& cpu, LinAddr linear, HostPhys physical) override;
  bool watches(const Cpu& cpu, const ObservedAccess& access) const override;
  void accessed(Cpu& cpu, const ObservedAccess& access) override;
  void exception(Cpu&, const Fault&, u64) override {}
  void interrupt(Cpu& cpu, u8 vector, u64 from) override;
  void msr_access(Cpu&, u32, bool, u64) override {}
  void port_access(Cpu&, u16, unsigned, bool, u32) override {}
  bool hears_vmwrites() const override { return false; }
  void vmcs_written(Cpu&, HostPhys, u64, u64) override {}
  void mode_changed(Cpu&) override {}
  bool wants_rounds(const Cpu&) const override { return false; }
  void round_over(Cpu&) override {}
  void was_reset(Cpu&, bool) override {}
  void entered(Cpu& cpu) override;
  void exited(Cpu& cpu, const ExitInfo& exit) override;
  void refused(Cpu&, const RefusedEntry&) override {}
  void failed(Cpu&, const VmRefusal&) override {}

  Machine& machine_;
  const unsigned control_cpus_;
  bool measuring_ = false;
  u64 counted_ = 0;  // instructions begun by all CPUs since start()
  Piece now_;
  Measured measured_;
  std::vector<std::unique_ptr<Seat>> seats_;  // by the CPU's number
  std::vector<Guest> guests_;
  std::vector<u64> processes_;     // CR3 at CPL 3 in root operation
  std::vector<u64> entry_spaces_;  // CR3 of root operation at VM entries
};

// What the exit's own words are: "port 0x3f8, out", "CPUID leaf 0x1", "hypercall 3". Empty: there are none.
std::string exit_detail(const Cpu& cpu, const ExitInfo& exit);

}  // namespace ringside::compare
