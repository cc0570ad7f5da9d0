// Owns the counting of what a machine's VMX does, and what of it a CPU model offers.
#include <fmt/format.h>

#include <bit>

#include "frontend/coverage/vmx_coverage.h"
#include "vmx/ept.h"
#include "vmx/instruction_errors.h"
#include "vmx/refusals.h"

namespace ringside {
namespace {

// VM exits that there are only with a control, which a CPU model may lack.
struct ReasonNeeds {
  ExitReason reason;
  VmxControl control;
};
constexpr ReasonNeeds reason_needs[] = {
    {ExitReason::monitor_trap_flag, VmxControl::monitor_trap_flag},
    {ExitReason::tpr_below_threshold, VmxControl::tpr_shadow},
    {ExitReason::apic_access, VmxControl::virtualize_apic_accesses},
    {ExitReason::virtualized_eoi, VmxControl::virtual_interrupt_delivery},
    {ExitReason::gdtr_or_idtr_access, VmxControl::descriptor_table_exiting},
    {ExitReason::ldtr_or_tr_access, VmxControl::descriptor_table_exiting},
    {ExitReason::ept_violation, VmxControl::ept},
    {ExitReason::ept_misconfiguration, VmxControl::ept},
    {ExitReason::invept, VmxControl::invept},
    {ExitReason::rdtscp, VmxControl::rdtscp},
    {ExitReason::preemption_timer_expired, VmxControl::preemption_timer},
    {ExitReason::invvpid, VmxControl::invvpid},
    {ExitReason::wbinvd, VmxControl::wbinvd_exiting},
    {ExitReason::apic_write, VmxControl::apic_register_virtualization},
    {ExitReason::rdrand, VmxControl::rdrand_exiting},
    {ExitReason::invpcid, VmxControl::invpcid},
    {ExitReason::vmfunc, VmxControl::vm_functions},
    {ExitReason::rdseed, VmxControl::rdseed_exiting},
    {ExitReason::page_modification_log_full, VmxControl::pml},
    {ExitReason::xsaves, VmxControl::xsaves},
    {ExitReason::xrstors, VmxControl::xsaves},
    {ExitReason::umwait, VmxControl::user_wait},
    {ExitReason::tpause, VmxControl::user_wait},
};

bool offers(const Capabilities& capability, ExitReason reason) {
  for (const ReasonNeeds& row : reason_needs) {
    if (row.reason == reason) return capability.has(row.control);
  }
  // There is no SMM here that could leave by RSM or meet a parallel one, no SMX, and no machine check.
  return reason != ExitReason::getsec && reason != ExitReason::rsm &&
         reason != ExitReason::entry_failure_machine_check;
}

// A rule about a field that the CPU does not have cannot be broken.
bool offers(const Capabilities& capability, const Rule& rule) {
  for (const Field field : rule.fields) {
    if (field != Field::count && !capability.has(field)) return false;
  }
  return true;
}

// An event that can be injected: the manual's "VM-Entry Interruption-Information Field".
struct InjectedEvent {
  EventType type;
  int vector;  // -1: any
  std::string_view title;
};
constexpr InjectedEvent injected_events[] = {
    {EventType::external_interrupt, -1, "External interrupt"},
    {EventType::nmi, -1, "NMI"},
    {EventType::hardware_exception, 0, "#DE, divide error"},
    {EventType::hardware_exception, 1, "#DB, debug exception"},
    {EventType::hardware_exception, 3, "#BP as a hardware exception"},
    {EventType::hardware_exception, 4, "#OF as a hardware exception"},
    {EventType::hardware_exception, 5, "#BR, BOUND range exceeded"},
    {EventType::hardware_exception, 6, "#UD, invalid opcode"},
    {EventType::hardware_exception, 7, "#NM, device not available"},
    {EventType::hardware_exception, 8, "#DF, double fault"},
    {EventType::hardware_exception, 10, "#TS, invalid TSS"},
    {EventType::hardware_exception, 11, "#NP, segment not present"},
    {EventType::hardware_exception, 12, "#SS, stack fault"},
    {EventType::hardware_exception, 13, "#GP, general protection"},
    {EventType::hardware_exception, 14, "#PF, page fault"},
    {EventType::hardware_exception, 16, "#MF, x87 floating-point error"},
    {EventType::hardware_exception, 17, "#AC, alignment check"},
    {EventType::hardware_exception, 18, "#MC, machine check"},
    {EventType::hardware_exception, 19, "#XM, SIMD floating-point exception"},
    {EventType::hardware_exception, 20, "#VE, virtualization exception"},
    {EventType::hardware_exception, 21, "#CP, control protection"},
    {EventType::software_interrupt, -1, "Software interrupt (INT n)"},
    {EventType::privileged_software_exception, -1, "Privileged software exception (INT1)"},
    {EventType::software_exception, 3, "Software exception (INT3)"},
    {EventType::software_exception, 4, "Software exception (INTO)"},
    {EventType::other_event, -1, "Other event: pending MTF VM exit"},
};

constexpr std::array<std::string_view, 3> accesses = {"read", "write", "fetch"};

}  // namespace

VmxCoverageCounter::VmxCoverageCounter(const CpuModel& model)
    : model_(model.name), capability_(capabilities(model)), by_rule_(entry_rules().size()) {}

void VmxCoverageCounter::attach(Machine& machine) {
  machine_ = &machine;
  looks_.clear();
  for (unsigned n = 0; n < machine.cpus(); ++n) {
    if (Vmx* vmx = machine.cpu(n).vmx) looks_.push_back(vmx->observers.attach(*this));
  }
}

void VmxCoverageCounter::entered(Cpu& cpu) {
  if (machine_->repeating()) return;
  const ActiveControls& active = cpu.vmx->controls;
  for (unsigned n = 0; n < vmx_control_count; ++n) {
    const auto control = static_cast<VmxControl>(n);
    const auto word = static_cast<unsigned>(info(control).word);
    if (word < control_word_count && active.has(control)) ++by_control_[n];
  }
  const u64 injected = (*cpu.vmx->current)[Field::VM_ENTRY_INTERRUPTION_INFORMATION];
  if (injected & Interruption::valid)
    ++by_event_[static_cast<unsigned>(Interruption::type(injected))][(injected & 0xff) % vectors];
}

void VmxCoverageCounter::exited(Cpu&, const ExitInfo& exit) {
  if (machine_->repeating()) return;
  ++by_reason_[static_cast<unsigned>(exit.reason) % exit_reason_limit];
  if (exit.reason != ExitReason::ept_violation) return;
  using Q = EptQualification;
  const u64 q = exit.qualification;
  const bool nothing = !(q & (Q::readable | Q::writable | Q::executable | Q::user_executable));
  const bool walk = (q & Q::linear_valid) && !(q & Q::translation);
  for (unsigned access = 0; access < accesses.size(); ++access) {
    if (q >> access & 1) ++by_violation_[access][nothing ? 0 : 1][walk ? 1 : 0];
  }
}

void VmxCoverageCounter::refused(Cpu&, const RefusedEntry& entry) {
  if (machine_->repeating()) return;
  for (const Rule* one : entry.broken) ++by_rule_[static_cast<std::size_t>(one - entry_rules().data())];
  if (entry.exit) ++by_reason_[static_cast<unsigned>(entry.exit->reason) % exit_reason_limit];
}

void VmxCoverageCounter::failed(Cpu&, const VmRefusal& refusal) {
  if (machine_->repeating()) return;
  ++by_error_[refusal.error % by_error_.size()];
}

VmxCoverage::Group VmxCoverageCounter::exit_reasons() const {
  VmxCoverage::Group group{"exit_reasons", "Exit reasons", "exit reasons were met", {}};
  for (unsigned n = 0; n < exit_reason_limit; ++n) {
    const auto reason = static_cast<ExitReason>(n);
    const std::string_view title = name(reason);
    if (title == "reserved") continue;
    group.items.push_back(
        {fmt::format("{}", n), std::string(title), by_reason_[n], offers(capability_, reason)});
  }
  return group;
}

VmxCoverage::Group VmxCoverageCounter::errors() const {
  VmxCoverage::Group group{"errors", "VM-instruction errors", "errors were met", {}};
  for (unsigned n = 0; n < by_error_.size(); ++n) {
    const std::string_view title = n ? instruction_error_name(n) : "VMfailInvalid";
    if (title != "reserved")
      group.items.push_back({fmt::format("{}", n), std::string(title), by_error_[n], true});
  }
  return group;
}

VmxCoverage::Group VmxCoverageCounter::rules() const {
  VmxCoverage::Group group{
      "entry_rules", "Entry rules (how often a run broke each)", "entry rules were broken", {}};
  for (std::size_t n = 0; n < entry_rules().size(); ++n) {
    const Rule& rule = entry_rules()[n];
    group.items.push_back({std::string(rule.id), "", by_rule_[n], offers(capability_, rule)});
  }
  return group;
}

VmxCoverage::Group VmxCoverageCounter::controls() const {
  VmxCoverage::Group group{"controls", "Controls (VM entries with each set)", "controls were set", {}};
  for (unsigned n = 0; n < vmx_control_count; ++n) {
    const VmxControlInfo& control = vmx_controls[n];
    if (static_cast<unsigned>(control.word) >= control_word_count) continue;
    // Several are called the same by VM exits and by VM entries.
    const std::string_view of = control.word == ControlWord::exit    ? "VM exit: "
                                : control.word == ControlWord::entry ? "VM entry: "
                                                                     : "";
    group.items.push_back({std::string(control.id), fmt::format("{}{}", of, control.name), by_control_[n],
                           capability_.has(static_cast<VmxControl>(n))});
  }
  return group;
}

VmxCoverage::Group VmxCoverageCounter::events() const {
  VmxCoverage::Group group{"events", "Events injected by VM entry", "kinds of events were injected", {}};
  for (const InjectedEvent& event : injected_events) {
    const auto& counts = by_event_[static_cast<unsigned>(event.type)];
    u64 count = 0;
    if (event.vector >= 0) count = counts[static_cast<unsigned>(event.vector)];
    for (unsigned n = 0; event.vector < 0 && n < vectors; ++n) count += counts[n];
    const unsigned type = static_cast<unsigned>(event.type);
    group.items.push_back(
        {event.vector < 0 ? fmt::format("{}", type) : fmt::format("{}.{}", type, event.vector),
         std::string(event.title), count,
         event.type != EventType::other_event || capability_.has(VmxControl::monitor_trap_flag)});
  }
  return group;
}

VmxCoverage::Group VmxCoverageCounter::ept_violations() const {
  VmxCoverage::Group group{"ept_violations", "EPT violations", "kinds of EPT violations were met", {}};
  for (unsigned access = 0; access < accesses.size(); ++access) {
    for (unsigned right = 0; right < 2; ++right) {
      for (unsigned walk = 0; walk < 2; ++walk) {
        // A walk of the guest's paging structures fetches no instructions.
        if (walk && access == 2) continue;
        const std::string_view of = walk ? "of a guest paging-structure entry" : "of the access itself";
        const std::string_view why = right ? "a right is missing" : "nothing is there";
        group.items.push_back(
            {fmt::format("{}.{}.{}", accesses[access], right ? "right" : "absent", walk ? "walk" : "access"),
             fmt::format("{} {}: {}", accesses[access], of, why), by_violation_[access][right][walk],
             capability_.has(VmxControl::ept)});
      }
    }
  }
  return group;
}

VmxCoverage VmxCoverageCounter::values() const {
  return {{model_}, 1, {exit_reasons(), errors(), rules(), controls(), events(), ept_violations()}};
}

}  // namespace ringside
