// Owns the set of active VMCSs of a CPU and the reset and snapshot of its VMX state.
#include "vmx/vmx.h"

#include <algorithm>
#include <string>

#include "vmx/ept.h"

namespace ringside {

Vmx::Vmx(Cpu& cpu, const CpuModel& model, Clock& clock) : capability(capabilities(model)) {
  Cpu* const owner = &cpu;
  preemption_timer =
      std::make_unique<Timer>(clock, "vmx-preemption" + std::to_string(cpu.index), [this, owner] {
        timer_expired = true;
        owner->attention |= Attention::vmx;
      });
  cpu.vmx_capability = capability.msr;
}

Vmx::~Vmx() = default;

Vmcs* Vmx::find_active(HostPhys region) {
  for (auto& vmcs : active_) {
    if (vmcs->region == region) return vmcs.get();
  }
  return nullptr;
}

Vmcs& Vmx::activate(PhysicalMemory& memory, HostPhys region) {
  const auto found =
      std::find_if(active_.begin(), active_.end(), [&](auto& v) { return v->region == region; });
  if (found != active_.end()) {
    std::rotate(active_.begin(), found, found + 1);  // the one used last stands first
    return *active_.front();
  }
  if (active_.size() == max_active) release(memory);
  active_.insert(active_.begin(), std::make_unique<Vmcs>(region));
  active_.front()->read_region(memory);
  return *active_.front();
}

void Vmx::release(PhysicalMemory& memory) {
  const bool keep_last = active_.size() > 1 && active_.back().get() == current;
  const auto victim = active_.end() - (keep_last ? 2 : 1);
  (*victim)->write_region(memory);
  deactivate(static_cast<std::size_t>(victim - active_.begin()), {.cleared = false});
}

void Vmx::clear(PhysicalMemory& memory, HostPhys region, u64 rip, u64 count) {
  const auto found =
      std::find_if(active_.begin(), active_.end(), [&](auto& v) { return v->region == region; });
  if (found == active_.end()) {
    Vmcs::clear_launch_state(memory, region);
    if (!memory.pointer(region, false)) return;
    active_.push_back(std::make_unique<Vmcs>(region));
    active_.back()->read_region(memory);
    return deactivate(active_.size() - 1, {.cleared = true, .rip = rip, .count = count});
  }
  (*found)->launched = false;
  (*found)->write_region(memory);
  deactivate(static_cast<std::size_t>(found - active_.begin()),
             {.cleared = true, .rip = rip, .count = count});
}

void Vmx::deactivate(std::size_t index, Former how) {
  how.vmcs = std::move(active_[index]);
  active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(index));
  if (current == how.vmcs.get()) current = nullptr;
  const auto before = std::find_if(former_.begin(), former_.end(),
                                   [&](const Former& p) { return p.vmcs->region == how.vmcs->region; });
  if (before != former_.end()) {
    how.vmcs->remember(*before->vmcs);
    former_.erase(before);
  } else if (former_.size() == max_active) {
    former_.pop_back();
  }
  former_.insert(former_.begin(), std::move(how));
}

void Vmx::reset() {
  vmxon_region = HostPhys();
  current = nullptr;
  controls = {};
  exit = {};
  virtual_nmi_blocked = mtf_pending = init_pending = timer_expired = virtual_interrupt_pending = false;
  requested_vector = servicing_vector = 0;
  trap_exit = TrapExit::none;
  trap_detail = 0;
  preemption_timer->disarm();
  entry_count = exit_count = ple_first = ple_last = 0;
  abort = 0;
  vectoring = {};
  nmi_unblocked = false;
  controls_of = nullptr;
  active_.clear();
  if (ept) ept->flush();
}

void Vmx::fields(Fields& visit) {
  visit.group("vmx");
  visit("vmxon_region", vmxon_region);
  u64 active = active_.size(), current_at = active;
  for (u64 i = 0; i < active; ++i) {
    if (active_[i].get() == current) current_at = i;
  }
  visit("active", active);
  visit("current", current_at);
  if (visit.restoring()) {
    active_.clear();
    former_.clear();
    for (u64 i = 0; i < std::min<u64>(active, max_active); ++i)
      active_.push_back(std::make_unique<Vmcs>(HostPhys()));
    current = current_at < active_.size() ? active_[current_at].get() : nullptr;
    controls_of = nullptr;
  }
  for (auto& vmcs : active_) vmcs->fields(visit);
  visit("control_words", controls.word);
  visit("exception_bitmap", controls.exception_bitmap);
  visit("page_fault_mask", controls.page_fault_mask);
  visit("page_fault_match", controls.page_fault_match);
  visit("cr0_mask", controls.cr0_mask);
  visit("cr0_shadow", controls.cr0_shadow);
  visit("cr4_mask", controls.cr4_mask);
  visit("cr4_shadow", controls.cr4_shadow);
  visit("cr3_target", controls.cr3_target);
  visit("cr3_target_count", controls.cr3_target_count);
  visit("io_bitmap_a", controls.io_bitmap_a);
  visit("io_bitmap_b", controls.io_bitmap_b);
  visit("msr_bitmap", controls.msr_bitmap);
  visit("virtual_apic", controls.virtual_apic);
  visit("apic_access", controls.apic_access);
  visit("posted_descriptor", controls.posted_descriptor);
  visit("pid_pointer_table", controls.pid_pointer_table);
  visit("last_pid_pointer_index", controls.last_pid_pointer_index);
  visit("tpr_threshold", controls.tpr_threshold);
  visit("vpid", controls.vpid);
  visit("pause_gap", controls.pause_gap);
  visit("pause_window", controls.pause_window);
  visit("xss_exiting_bitmap", controls.xss_exiting_bitmap);
  visit("eoi_exit_bitmap", controls.eoi_exit_bitmap);
  visit("posted_vector", controls.posted_vector);
  visit("requested_vector", requested_vector);
  visit("servicing_vector", servicing_vector);
  visit("virtual_interrupt_pending", virtual_interrupt_pending);
  visit("trap_exit", trap_exit);
  visit("trap_detail", trap_detail);
  visit("virtual_nmi_blocked", virtual_nmi_blocked);
  visit("mtf_pending", mtf_pending);
  visit("init_pending", init_pending);
  visit("timer_expired", timer_expired);
  visit("abort", abort);
  bool armed = preemption_timer->armed();
  u64 deadline = armed ? preemption_timer->deadline() : 0;  // what a timer was once armed for is no state
  visit("timer_armed", armed);
  visit("timer_deadline", deadline);
  if (visit.restoring()) {
    if (armed)
      preemption_timer->arm(deadline);
    else
      preemption_timer->disarm();
  }
  visit("entry_count", entry_count);
  visit("exit_count", exit_count);
  visit("ple_first", ple_first);
  visit("ple_last", ple_last);
  if (visit.restoring() && ept) ept->flush();
  visit.end();
}

}  // namespace ringside
