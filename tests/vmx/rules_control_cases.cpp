// Owns the cases that break the rules for controls and for the host.
#include "tests/vmx/rules_cases.h"

namespace ringside {
namespace {

using Box = RulesBox;
using C = VmxControl;
using enum Field;
constexpr auto bits32 = &Box::bits32, bits64 = &Box::bits64, real = &Box::real;
constexpr u64 beyond_width = bit(46), not_canonical = bit(47);

RuleCase::Act setting(Field field, u64 value) {
  return [=](Box& b) { b.set(field, value); };
}
RuleCase::Act adding(Field field, u64 value) {
  return [=](Box& b) { b.set(field, b.get(field) | value); };
}
RuleCase::Act turning_on(C control) {
  return [=](Box& b) { b.on(control); };
}
RuleCase::Act turning_off(C control) {
  return [=](Box& b) { b.off(control); };
}

// An address that a control makes count: rules NAME.aligned and NAME.width.
void page_address(std::vector<RuleCase>& all, const std::string& name, Field field, RuleCase::Act setup) {
  all.push_back({name + ".aligned", bits32, adding(field, 0x10), setup});
  all.push_back({name + ".width", bits32, adding(field, beyond_width), setup});
}
void msr_list(std::vector<RuleCase>& all, const std::string& name, Field address, Field count) {
  const auto list = [=](Box& b) {
    b.set(address, beyond_width - 0x1000);
    b.set(count, 256);
  };
  all.push_back({name + ".aligned", bits32, setting(address, 0x1008), list});
  all.push_back({name + ".width", bits32, setting(count, 257), list});
}

}  // namespace

std::vector<RuleCase> control_cases() {
  std::vector<RuleCase> all = {
      {"controls.pin.reserved", bits32, adding(PIN_BASED_CONTROLS, bit(31))},
      {"controls.primary.reserved", bits32, [](Box& b) { b.flip(PRIMARY_CONTROLS, bit(1)); }},
      {"controls.secondary.reserved", bits32, adding(SECONDARY_CONTROLS, mask(C::vpid)),
       [](Box& b) {
         b.lacks(C::vpid);
         b.on(C::secondary_controls);
       }},
      {"controls.tertiary.reserved", bits32, adding(TERTIARY_CONTROLS, bit(40)),
       turning_on(C::tertiary_controls)},
      {"controls.cr3_target_count", bits32, setting(CR3_TARGET_COUNT, 5), setting(CR3_TARGET_COUNT, 4)},
      {"controls.tpr_threshold.reserved", bits32, setting(TPR_THRESHOLD, 0x10),
       [](Box& b) { b.use_tpr_shadow(); }},
      {"controls.tpr_threshold.above_vtpr", bits32, setting(TPR_THRESHOLD, 6),
       [](Box& b) {
         b.use_tpr_shadow();
         b.memory.write(HostPhys(Box::virtual_apic + 0x80), 1, 0x5f);
         b.set(TPR_THRESHOLD, 5);
       }},
      {"controls.pin.virtual_nmis", bits32, turning_off(C::nmi_exiting),
       [](Box& b) {
         b.on(C::nmi_exiting);
         b.on(C::virtual_nmis);
       }},
      {"controls.primary.nmi_window", bits32, turning_off(C::virtual_nmis),
       [](Box& b) {
         b.on(C::nmi_exiting);
         b.on(C::virtual_nmis);
         b.on(C::nmi_window_exiting);
       }},
      {"controls.secondary.x2apic_mode_tpr_shadow", bits32, turning_off(C::tpr_shadow),
       [](Box& b) {
         b.use_tpr_shadow();
         b.on(C::virtualize_x2apic_mode);
       }},
      {"controls.secondary.apic_register_tpr_shadow", bits32, turning_on(C::apic_register_virtualization)},
      {"controls.secondary.interrupt_delivery_tpr_shadow", bits32, turning_off(C::tpr_shadow),
       [](Box& b) { b.use_interrupt_delivery(); }},
      {"controls.secondary.x2apic_mode_alone", bits32, turning_on(C::virtualize_apic_accesses),
       [](Box& b) {
         b.use_tpr_shadow();
         b.on(C::virtualize_x2apic_mode);
       }},
      {"controls.secondary.interrupt_delivery_external", bits32, turning_off(C::external_interrupt_exiting),
       [](Box& b) { b.use_interrupt_delivery(); }},
      {"controls.pin.posted_interrupt_delivery", bits32, turning_off(C::virtual_interrupt_delivery),
       [](Box& b) { b.use_posted_interrupts(); }},
      {"controls.pin.posted_interrupt_acknowledge", bits32, turning_off(C::acknowledge_interrupt),
       [](Box& b) { b.use_posted_interrupts(); }},
      {"controls.posted_interrupt_vector", bits32, setting(POSTED_INTERRUPT_VECTOR, 0x100),
       [](Box& b) { b.use_posted_interrupts(); }},
      {"controls.posted_interrupt_descriptor.aligned", bits32, adding(POSTED_INTERRUPT_DESCRIPTOR, 0x20),
       [](Box& b) { b.use_posted_interrupts(); }},
      {"controls.posted_interrupt_descriptor.width", bits32,
       adding(POSTED_INTERRUPT_DESCRIPTOR, beyond_width), [](Box& b) { b.use_posted_interrupts(); }},
      {"controls.vpid", bits32, setting(VIRTUAL_PROCESSOR_ID, 0),
       [](Box& b) {
         b.on(C::vpid);
         b.set(VIRTUAL_PROCESSOR_ID, 0xffff);
       }},
      {"controls.ept_pointer.memory_type", bits32, [](Box& b) { b.flip(EPT_POINTER, 6 ^ 1); },
       [](Box& b) { b.use_ept(); }},
      {"controls.ept_pointer.walk_length", bits32, [](Box& b) { b.flip(EPT_POINTER, (3 ^ 4) << 3); },
       [](Box& b) { b.use_ept(); }},
      {"controls.ept_pointer.accessed_dirty", bits32, adding(EPT_POINTER, bit(6)),
       [](Box& b) {
         b.lacks(C::ept_accessed_dirty);
         b.use_ept();
       }},
      {"controls.ept_pointer.reserved", bits32, adding(EPT_POINTER, bit(7)), [](Box& b) { b.use_ept(); }},
      {"controls.secondary.pml_ept", bits32, turning_on(C::pml)},
      {"controls.secondary.unrestricted_guest_ept", bits32, turning_on(C::unrestricted_guest)},
      {"controls.secondary.mode_based_execute_ept", bits32, turning_on(C::mode_based_execute)},
      {"controls.vm_function.reserved", bits32, adding(VM_FUNCTION_CONTROLS, bit(63)),
       [](Box& b) { b.on(C::vm_functions); }},
      {"controls.vm_function.eptp_switching_ept", bits32, turning_off(C::ept),
       [](Box& b) { b.use_eptp_switching(); }},
      {"controls.tsc_multiplier", bits32, setting(TSC_MULTIPLIER, 0), turning_on(C::tsc_scaling)},
      {"controls.tertiary.ipi_virtualization_tpr_shadow", bits32, turning_off(C::tpr_shadow),
       [](Box& b) {
         b.use_tpr_shadow();
         b.on(C::ipi_virtualization);
       }},
      {"controls.pid_pointer_table.last", bits32, setting(LAST_PID_POINTER_INDEX, 2),
       [](Box& b) {
         b.use_tpr_shadow();
         b.on(C::ipi_virtualization);
         b.set(PID_POINTER_TABLE, beyond_width - 16);
         b.set(LAST_PID_POINTER_INDEX, 1);
       }},

      {"controls.exit.reserved", bits32, [](Box& b) { b.flip(VM_EXIT_CONTROLS, bit(0)); }},
      {"controls.exit.save_preemption_timer", bits32, turning_off(C::preemption_timer),
       [](Box& b) {
         b.on(C::preemption_timer);
         b.on(C::save_preemption_timer);
       }},

      {"controls.entry.reserved", bits32, [](Box& b) { b.flip(VM_ENTRY_CONTROLS, bit(31)); }},
      {"controls.injection.type", bits32, [](Box& b) { b.inject(1, 0x20); }},
      {"controls.injection.vector_of_nmi", bits32, [](Box& b) { b.inject(2, 3); },
       [](Box& b) { b.inject(2, 2); }},
      {"controls.injection.vector_of_exception", bits32, [](Box& b) { b.inject(3, 32); },
       [](Box& b) { b.inject(3, 31); }},
      {"controls.injection.vector_of_other_event", bits32, [](Box& b) { b.inject(7, 1); },
       [](Box& b) { b.inject(7, 0); }},
      {"controls.injection.error_code_not_deliverable", real, [](Box& b) { b.inject(3, 13, true); },
       [](Box& b) { b.inject(3, 13); }},
      {"controls.injection.error_code_of_vector", bits32, [](Box& b) { b.inject(3, 13); },
       [](Box& b) {
         b.lacks(C::any_error_code);
         b.set(VM_ENTRY_CONTROLS, b.get(VM_ENTRY_CONTROLS));
         b.inject(3, 13, true);
       }},
      {"controls.injection.reserved", bits32, adding(VM_ENTRY_INTERRUPTION_INFORMATION, bit(30)),
       [](Box& b) { b.inject(0, 0x20); }},
      {"controls.injection.error_code_reserved", bits32, setting(VM_ENTRY_EXCEPTION_ERROR_CODE, 0x10000),
       [](Box& b) {
         b.inject(3, 13, true);
         b.set(VM_ENTRY_EXCEPTION_ERROR_CODE, 0xffff);
       }},
      {"controls.injection.length_range", bits32, setting(VM_ENTRY_INSTRUCTION_LENGTH, 16),
       [](Box& b) { b.inject(4, 0x80); }},
      {"controls.injection.length_zero", bits32, setting(VM_ENTRY_INSTRUCTION_LENGTH, 0),
       [](Box& b) {
         b.lacks(C::zero_length_injection);
         b.inject(6, 3);
       }},
      {"controls.entry.outside_smm",
       bits32,
       adding(VM_ENTRY_CONTROLS, bit(10)),
       [](Box&) {},
       {"controls.entry.reserved"}},
  };
  page_address(all, "controls.io_bitmap_a", IO_BITMAP_A, turning_on(C::io_bitmaps));
  page_address(all, "controls.io_bitmap_b", IO_BITMAP_B, turning_on(C::io_bitmaps));
  page_address(all, "controls.msr_bitmap", MSR_BITMAP, turning_on(C::msr_bitmaps));
  page_address(all, "controls.virtual_apic", VIRTUAL_APIC_ADDRESS, turning_on(C::tpr_shadow));
  page_address(all, "controls.apic_access", APIC_ACCESS_ADDRESS, turning_on(C::virtualize_apic_accesses));
  page_address(all, "controls.pml_address", PML_ADDRESS, [](Box& b) {
    b.use_ept();
    b.on(C::pml);
  });
  page_address(all, "controls.eptp_list", EPTP_LIST_ADDRESS, [](Box& b) { b.use_eptp_switching(); });
  page_address(all, "controls.vmread_bitmap", VMREAD_BITMAP, turning_on(C::vmcs_shadowing));
  page_address(all, "controls.vmwrite_bitmap", VMWRITE_BITMAP, turning_on(C::vmcs_shadowing));
  page_address(all, "controls.ve_information", VE_INFORMATION_ADDRESS, turning_on(C::ept_violation_ve));
  page_address(all, "controls.pid_pointer_table", PID_POINTER_TABLE, [](Box& b) {
    b.use_tpr_shadow();
    b.on(C::ipi_virtualization);
  });
  all.back().breaks = adding(PID_POINTER_TABLE, beyond_width);
  all[all.size() - 2].breaks = adding(PID_POINTER_TABLE, 4);
  msr_list(all, "controls.exit_msr_store", VM_EXIT_MSR_STORE_ADDRESS, VM_EXIT_MSR_STORE_COUNT);
  msr_list(all, "controls.exit_msr_load", VM_EXIT_MSR_LOAD_ADDRESS, VM_EXIT_MSR_LOAD_COUNT);
  msr_list(all, "controls.entry_msr_load", VM_ENTRY_MSR_LOAD_ADDRESS, VM_ENTRY_MSR_LOAD_COUNT);
  return all;
}

std::vector<RuleCase> host_cases() {
  // A host outside IA-32e mode.
  const auto legacy = [](Box& b) {
    b.cpu.efer = 0;
    b.off(C::host_address_space_size);
    b.set(HOST_RIP, 0x1000);
  };
  std::vector<RuleCase> all = {
      {"host.cr0.fixed_bits", bits32, [](Box& b) { b.flip(HOST_CR0, Cr0::NE); }},
      {"host.cr4.fixed_bits", bits32, [](Box& b) { b.flip(HOST_CR4, Cr4::VMXE); }},
      {"host.cr3.width", bits32, adding(HOST_CR3, beyond_width)},
      {"host.sysenter_esp.canonical", bits32, setting(HOST_IA32_SYSENTER_ESP, not_canonical)},
      {"host.sysenter_eip.canonical", bits32, setting(HOST_IA32_SYSENTER_EIP, not_canonical)},
      {"host.pat.types", bits32, setting(HOST_IA32_PAT, 0x0007040602070406), turning_on(C::exit_load_pat)},
      {"host.efer.reserved", bits32, adding(HOST_IA32_EFER, bit(1)), turning_on(C::exit_load_efer)},
      {"host.efer.address_space_size", bits32, [](Box& b) { b.flip(HOST_IA32_EFER, Efer::LME); },
       turning_on(C::exit_load_efer)},
      {"host.pkrs.upper", bits32, adding(HOST_IA32_PKRS, bit(32)), turning_on(C::exit_load_pkrs)},
      {"host.cs.not_null", bits32, setting(HOST_CS_SELECTOR, 0)},
      {"host.tr.not_null", bits32, setting(HOST_TR_SELECTOR, 0)},
      {"host.ss.not_null", bits32, setting(HOST_SS_SELECTOR, 0), legacy},
      {"host.fs.base", bits32, setting(HOST_FS_BASE, not_canonical)},
      {"host.gs.base", bits32, setting(HOST_GS_BASE, not_canonical)},
      {"host.gdtr.base", bits32, setting(HOST_GDTR_BASE, not_canonical)},
      {"host.idtr.base", bits32, setting(HOST_IDTR_BASE, not_canonical)},
      {"host.tr.base", bits32, setting(HOST_TR_BASE, not_canonical)},
      {"host.legacy.guest_is_legacy",
       bits64,
       [](Box& b) { b.cpu.efer = 0; },
       [](Box&) {},
       {"host.legacy.host_is_legacy"}},
      {"host.legacy.host_is_legacy", bits32, [](Box& b) { b.cpu.efer = 0; }},
      {"host.ia32e.host_is_ia32e", bits32, [](Box& b) { b.cpu.efer = Efer::LME | Efer::LMA; }, legacy},
      {"host.address_space_32.guest",
       bits64,
       [](Box& b) {
         b.off(C::host_address_space_size);
         b.set(HOST_RIP, 0x1000);
       },
       [](Box&) {},
       {"host.ia32e.host_is_ia32e"}},
      {"host.address_space_32.pcide", bits32, adding(HOST_CR4, Cr4::PCIDE), legacy},
      {"host.address_space_32.rip", bits32, adding(HOST_RIP, bit(32)), legacy},
      {"host.address_space_64.pae", bits32, [](Box& b) { b.flip(HOST_CR4, Cr4::PAE); }},
      {"host.address_space_64.rip", bits32, setting(HOST_RIP, not_canonical)},
  };
  constexpr std::string_view names[] = {"es", "cs", "ss", "ds", "fs", "gs", "tr"};
  for (unsigned i = 0; i < std::size(names); ++i) {
    all.push_back({"host." + std::string(names[i]) + ".selector", bits32,
                   adding(static_cast<Field>(static_cast<unsigned>(HOST_ES_SELECTOR) + i), i & 1 ? 4 : 1)});
  }
  return all;
}

}  // namespace ringside
