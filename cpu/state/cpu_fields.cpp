// Owns the visit of a CPU's architectural state: names, order and extent of what snapshots and dumps hold.
#include "cpu/state/cpu.h"

namespace ringside {
namespace {

void visit_registers(Cpu& cpu, Fields& visit) {
  static constexpr std::string_view names[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                                 "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
  for (unsigned i = 0; i < 16; ++i) visit(names[i], cpu.gpr[i]);
  visit("rip", cpu.rip);
  // One register for the reader, two halves inside.
  u64 rflags = cpu.eflags();
  visit("rflags", rflags);
  if (visit.restoring()) {
    cpu.flags.set_image(rflags);
    cpu.system_flags = rflags & ~(Eflags::arithmetic | Eflags::reserved_one);
  }
}

void visit_segments(Cpu& cpu, Fields& visit) {
  static constexpr std::string_view names[8] = {"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"};
  for (unsigned i = 0; i < 8; ++i) {
    visit.group(names[i]);
    Segment& s = cpu.segment[i];
    visit("selector", s.selector);
    visit("base", s.base);
    visit("limit", s.limit);
    visit("rights", s.rights);
    visit.end();
  }
  const auto visit_table = [&](std::string_view name, Cpu::Table& table) {
    visit.group(name);
    visit("base", table.base);
    visit("limit", table.limit);
    visit.end();
  };
  visit_table("gdtr", cpu.gdtr);
  visit_table("idtr", cpu.idtr);
}

void visit_control(Cpu& cpu, Fields& visit) {
  visit("cr0", cpu.cr0);
  visit("cr2", cpu.cr2);
  visit("cr3", cpu.cr3);
  visit("cr4", cpu.cr4);
  visit("efer", cpu.efer);
  visit("xcr0", cpu.xcr0);
  visit("pkru", cpu.pkru);
  visit("dr", cpu.dr);
  visit("dr6", cpu.dr6);
  visit("dr7", cpu.dr7);
  visit("cpl", cpu.cpl);
  visit("pdpte", cpu.mmu.pdptes());
}

void visit_vectors(Cpu& cpu, Fields& visit) {
  visit.group("x87");
  for (X87Register& r : cpu.x87.physical) {
    visit("significand", r.significand);
    visit("sign_exponent", r.sign_exponent);
  }
  visit("fcw", cpu.x87.control);
  visit("fsw", cpu.x87.status);
  visit("top", cpu.x87.top);
  visit("ftw", cpu.x87.valid);
  visit("fop", cpu.x87.opcode);
  visit("fcs", cpu.x87.code_selector);
  visit("fds", cpu.x87.data_selector);
  visit("fip", cpu.x87.instruction_pointer);
  visit("fdp", cpu.x87.data_pointer);
  visit("ferr", cpu.ferr);
  visit.end();
  visit.group("sse");
  for (V128& v : cpu.vector.xmm) visit("xmm", v.q);
  visit("mxcsr", cpu.vector.mxcsr);
  visit.end();
}

void visit_msrs(Cpu::Msrs& msr, Fields& visit) {
  visit("ia32_star", msr.star);
  visit("ia32_lstar", msr.lstar);
  visit("ia32_cstar", msr.cstar);
  visit("ia32_fmask", msr.fmask);
  visit("ia32_kernel_gs_base", msr.kernel_gs_base);
  visit("ia32_tsc_aux", msr.tsc_aux);
  visit("ia32_sysenter_cs", msr.sysenter_cs);
  visit("ia32_sysenter_esp", msr.sysenter_esp);
  visit("ia32_sysenter_eip", msr.sysenter_eip);
  visit("ia32_pat", msr.pat);
  visit("ia32_misc_enable", msr.misc_enable);
  visit("ia32_debugctl", msr.debugctl);
  visit("ia32_feature_control", msr.feature_control);
  visit("tsc_offset", msr.tsc_offset);
  visit("ia32_tsc_adjust", msr.tsc_adjust);
  visit("ia32_xss", msr.xss);
  visit("ia32_spec_ctrl", msr.spec_ctrl);
  visit("ia32_smbase", msr.smbase);
  visit("ia32_bios_sign_id", msr.microcode);
  visit("ia32_mtrr_def_type", msr.mtrr_def_type);
  visit("ia32_mtrr_fixed", msr.mtrr_fixed);
  visit("ia32_mtrr_variable", msr.mtrr_variable);
  visit("ia32_mcg_status", msr.mcg_status);
  visit("ia32_mc", msr.mc_banks);
  visit("ia32_pkrs", msr.pkrs);
  visit("ia32_umwait_control", msr.umwait_control);
  visit("ia32_mc_ctl2", msr.mc_ctl2);
  visit("ia32_mcg_ctl", msr.mcg_ctl);
  visit("misc_features_enables", msr.misc_features);
  visit("power_ctl", msr.power_ctl);
  visit("ia32_monitor_filter_line_size", msr.monitor_filter);
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
  visit.group("registers");
  visit_registers(*this, visit);
  visit.end();
  visit.group("segments");
  visit_segments(*this, visit);
  visit.end();
  visit.group("control");
  visit_control(*this, visit);
  visit.end();
  visit_vectors(*this, visit);
  visit.group("msrs");
  visit_msrs(msr, visit);
  visit.end();
  visit.group("events");
  visit_events(*this, visit);
  visit.end();
}

}  // namespace ringside
