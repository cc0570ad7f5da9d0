// Owns coverage of VMX: which exit reasons, errors, entry rules, controls, injected events and kinds of EPT
// violations runs met, beside what their CPU models offer. As values: written down, read back, added up.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/machine/machine.h"
#include "vmx/rules.h"

namespace ringside {

struct VmxCoverage {
  struct Item {
    std::string id,
        title;      // "guest.ss.dpl_is_rpl" or a number; and the manual's name, empty where the id is one
    u64 count = 0;  // how often it was met
    bool offered = true;  // the CPU model can do it
  };
  struct Group {
    std::string id;
    std::string title;  // "Exit reasons"
    std::string met;    // ends "3 of 5 ...": "exit reasons were met"
    std::vector<Item> items;
    // Of those that are offered, and those beyond that were met nevertheless.
    u64 met_count() const;
    u64 offered_count() const;
  };
  std::vector<std::string> models;  // names of the CPU models, sorted, each once
  u64 runs = 0;                     // how many are added up
  std::vector<Group> groups;
};

// Hears of what a machine's VMX does from attach() on.
class VmxCoverageCounter final : public VmxObserver {
 public:
  explicit VmxCoverageCounter(const CpuModel& model);
  // To every CPU of the machine; to be called again after a reboot.
  void attach(Machine& machine);
  VmxCoverage values() const;

  void entered(Cpu& cpu) override;
  void exited(Cpu& cpu, const ExitInfo& exit) override;
  void refused(Cpu& cpu, const RefusedEntry& entry) override;
  void failed(Cpu& cpu, const VmRefusal& refusal) override;

 private:
  static constexpr unsigned vectors = 32, event_types = 8;
  VmxCoverage::Group exit_reasons() const;
  VmxCoverage::Group errors() const;
  VmxCoverage::Group rules() const;
  VmxCoverage::Group controls() const;
  VmxCoverage::Group events() const;
  VmxCoverage::Group ept_violations() const;

  const Machine* machine_ = nullptr;  // what it repeats is not counted again
  std::string model_;
  Capabilities capability_;
  std::vector<Observers<VmxObserver>::Attachment> looks_;
  std::array<u64, exit_reason_limit> by_reason_{};
  std::array<u64, 64> by_error_{};  // by VM-instruction error; 0: VMfailInvalid
  std::vector<u64> by_rule_;        // in the order of entry_rules()
  std::array<u64, vmx_control_count> by_control_{};
  std::array<std::array<u64, vectors>, event_types> by_event_{};
  // Read, write, fetch; by nothing at the address, by a right that is missing; the access, a walk for it.
  std::array<std::array<std::array<u64, 2>, 2>, 3> by_violation_{};
};

// Adds what another run met. What only one of them knows is kept.
void add(VmxCoverage& all, const VmxCoverage& more);

std::string vmx_coverage_text(const VmxCoverage& coverage);
// As vmx_coverage_text(), for programs; read_vmx_coverage() reads it back without loss.
std::string vmx_coverage_json(const VmxCoverage& coverage);
// False and what is wrong in `error`; `coverage` is then not to be used.
bool read_vmx_coverage(std::string_view json, VmxCoverage& coverage, std::string& error);
// A page that needs nothing else, for a browser.
std::string vmx_coverage_html(const VmxCoverage& coverage);
// By the ending of the file's name: .json, .html, else text.
std::string vmx_coverage_for(std::string_view path, const VmxCoverage& coverage);

}  // namespace ringside
