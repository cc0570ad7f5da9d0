// Owns the visit of a CPU's architectural state: names, order and extent of what snapshots and dumps hold.
#include "cpu/state/msrs.h"
#include "cpu/state/register_table.h"

namespace ringside {
namespace {

// tsc_offset is no register: IA32_TIME_STAMP_COUNTER reads through it. IA32_SMBASE is read-only to software.
void visit_msrs(Cpu::Msrs& msr, Fields& visit) {
  for (const MsrInfo& row : msr_table()) {
    if (u64* const kept = row.place(msr)) visit(row.name, *kept);
  }
  visit("tsc_offset", msr.tsc_offset);
  visit("ia32_smbase", msr.smbase);
  visit("last_branch_time", msr.last_branch_time);
}

void visit_events(Cpu& cpu, Fields& visit) {
  // Lines and latches that wait for a boundary; `step` is derived.
  visit("attention", cpu.attention);
  visit("interrupt_shadow", cpu.interrupt_shadow);
  visit("nmi_blocked", cpu.nmi_blocked);
  visit("nmi_pending", cpu.nmi_pending);
  visit("activity", cpu.activity);
  visit("sipi_vector", cpu.sipi_vector);
  visit("pending_debug", cpu.pending_debug);
  visit("step_consumed", cpu.step_consumed);
  for (Cpu::FailedDelivery& f : cpu.shutdown_chain) {
    visit("shutdown_vector", f.vector);
    visit("shutdown_error", f.error);
    visit("shutdown_address", f.address);
    visit("shutdown_cs", f.cs);
    visit("shutdown_rip", f.rip);
  }
  visit("shutdown_chain_length", cpu.shutdown_chain_length);
  visit("monitor_address", cpu.monitor_address);
  visit("monitor_armed", cpu.monitor_armed);
  visit("random_state", cpu.random_state);
  visit("vmx_operation", cpu.vmx_operation);
  visit("non_root", cpu.non_root);
  visit("interrupt_window", cpu.interrupt_window);
  visit("guest_tsc_offset", cpu.guest_tsc_offset);
  visit("guest_tsc_multiplier", cpu.guest_tsc_multiplier);
}

}  // namespace

void Cpu::fields(Fields& visit) {
  using Group = RegisterGroup;
  const auto group = [&](std::string_view name, std::initializer_list<RegisterGroup> members) {
    visit.group(name);
    visit_registers(*this, visit, {members.begin(), members.size()});
    visit.end();
  };
  group("registers", {Group::general});
  group("segments", {Group::segment, Group::table});
  group("control", {Group::control, Group::debug, Group::privilege});
  group("x87", {Group::x87});
  group("sse", {Group::vector});
  visit.group("msrs");
  visit_msrs(msr, visit);
  visit.end();
  visit.group("events");
  visit_events(*this, visit);
  visit.end();
}

}  // namespace ringside
