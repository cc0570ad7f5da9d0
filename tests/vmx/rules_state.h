// Owns VMCSs on which every rule of VM entry holds, one for each kind of guest: what the tests of rules
// break.
#pragma once

#include "vmx/explain_rule.h"
#include "vmx/rules.h"

namespace ringside {

struct RulesBox {
  // Where structures stand in memory; all of it is RAM.
  static constexpr u64 region = 0x1000, link = 0x2000, virtual_apic = 0x3000, tables = 0x4000;

  PhysicalMemory memory;
  CpuModel model;
  Mmu mmu{memory, 46};
  Cpu cpu{mmu};
  Capabilities capability;
  Vmcs vmcs{HostPhys(region)};

  RulesBox() {
    memory.add_ram(HostPhys(0), 0x100000, "ram");
    std::string error;
    model = *parse_cpu_model("max", error);
    model.features.set(static_cast<std::size_t>(Feature::vmx));
    model.physical_bits = 46;
    model.linear_bits = 48;
    model.vmx.set();
    model.vmx.reset(static_cast<std::size_t>(VmxControl::ept_5_levels));
    cpu.model = &model;
    cpu.reset(false);
    cpu.efer = Efer::LME | Efer::LMA;
    derive();
  }

  EntryView view() const { return {cpu, vmcs, capability}; }
  u64 get(Field field) const { return vmcs[field]; }
  // Values are cut to the field's width, as VMWRITE does.
  void set(Field field, u64 value) { vmcs.set(field, value & info(field).value_mask()); }
  void flip(Field field, u64 bits) { set(field, get(field) ^ bits); }

  // Of the model: the capabilities follow.
  void has(Flag flag, bool yes) {
    model.flags.set(static_cast<std::size_t>(flag), yes);
    derive();
  }
  void lacks(VmxControl control) {
    model.vmx.reset(static_cast<std::size_t>(control));
    derive();
  }
  void supports(VmxControl control) {
    model.vmx.set(static_cast<std::size_t>(control));
    derive();
  }

  // In the VMCS, with what activates its word.
  void on(VmxControl control) {
    const ControlWord word = info(control).word;
    if (word == ControlWord::secondary) on(VmxControl::secondary_controls);
    if (word == ControlWord::tertiary) on(VmxControl::tertiary_controls);
    if (word == ControlWord::vm_function) on(VmxControl::vm_functions);
    set(control_field(word), get(control_field(word)) | mask(control));
  }
  void off(VmxControl control) {
    const Field field = control_field(info(control).word);
    set(field, get(field) & ~mask(control));
  }

  void inject(unsigned type, u8 vector, bool error_code = false) {
    set(Field::VM_ENTRY_INTERRUPTION_INFORMATION,
        Interruption::make(vector, static_cast<EventType>(type), error_code));
    set(Field::VM_ENTRY_INSTRUCTION_LENGTH, type >= 4 && type <= 6 ? 2 : 0);
  }
  void use_ept() {
    on(VmxControl::ept);
    set(Field::EPT_POINTER, 0x8000 | 3 << 3 | 6);
  }
  void use_tpr_shadow() {
    on(VmxControl::tpr_shadow);
    set(Field::VIRTUAL_APIC_ADDRESS, virtual_apic);
  }
  void use_interrupt_delivery() {
    use_tpr_shadow();
    on(VmxControl::virtual_interrupt_delivery);
    on(VmxControl::external_interrupt_exiting);
  }
  void use_posted_interrupts() {
    use_interrupt_delivery();
    on(VmxControl::posted_interrupts);
    on(VmxControl::acknowledge_interrupt);
    set(Field::POSTED_INTERRUPT_VECTOR, 0xf2);
    set(Field::POSTED_INTERRUPT_DESCRIPTOR, 0x5040);
  }
  void use_eptp_switching() {
    use_ept();
    on(VmxControl::vm_functions);
    on(VmxControl::eptp_switching);
    set(Field::EPTP_LIST_ADDRESS, 0x6000);
  }
  void link_to(u64 address, u32 first_word) {
    memory.write(HostPhys(address), 4, first_word);
    set(Field::VMCS_LINK_POINTER, address);
  }

  // A 64-bit host; the guest is 32-bit protected mode with 32-bit paging, at privilege 0.
  void bits32() {
    using enum Field;
    set(PIN_BASED_CONTROLS, capability.required(ControlWord::pin));
    set(PRIMARY_CONTROLS, capability.required(ControlWord::primary));
    set(VM_EXIT_CONTROLS, capability.required(ControlWord::exit));
    set(VM_ENTRY_CONTROLS, capability.required(ControlWord::entry));
    on(VmxControl::host_address_space_size);
    set(TSC_MULTIPLIER, bit(48));
    set(VMCS_LINK_POINTER, ~u64{0});

    set(HOST_CR0, Cr0::PE | Cr0::NE | Cr0::PG | Cr0::ET);
    set(HOST_CR4, Cr4::PAE | Cr4::VMXE);
    set(HOST_CR3, tables);
    set(HOST_CS_SELECTOR, 8);
    set(HOST_SS_SELECTOR, 0x10);
    set(HOST_TR_SELECTOR, 0x40);
    set(HOST_RIP, 0xffffffff80001000);
    set(HOST_IA32_PAT, 0x0007040600070406);
    set(HOST_IA32_EFER, Efer::LMA | Efer::LME | Efer::NXE);

    set(GUEST_CR0, Cr0::PE | Cr0::NE | Cr0::PG | Cr0::ET);
    set(GUEST_CR4, Cr4::VMXE);
    set(GUEST_CR3, tables);
    set(GUEST_DR7, Dr7::fixed_one);
    set(GUEST_IA32_PAT, 0x0007040600070406);
    set(GUEST_RFLAGS, Eflags::reserved_one | Eflags::IF);
    set(GUEST_RIP, 0x1000);
    for (unsigned s = ES; s <= GS; ++s) segment(s, 0x10, 0xc093);
    segment(CS, 0x08, 0xc09b);
    segment(LDTR, 0x28, 0x82);
    segment(TR, 0x30, 0x8b);
    set(GUEST_LDTR_LIMIT, 0xff);
    set(GUEST_TR_LIMIT, 0x67);
    set(GUEST_GDTR_LIMIT, 0xffff);
    set(GUEST_IDTR_LIMIT, 0xffff);
  }
  void bits64() {
    using enum Field;
    bits32();
    on(VmxControl::ia32e_mode_guest);
    set(GUEST_CR4, Cr4::VMXE | Cr4::PAE);
    set(GUEST_IA32_EFER, Efer::LMA | Efer::LME);
    segment(CS, 0x08, 0xa09b);
    set(GUEST_RIP, 0xffffffff81000000);
    set(GUEST_GS_BASE, 0xffff888000000000);
  }
  void v86() {
    using enum Field;
    bits32();
    set(GUEST_RFLAGS, get(GUEST_RFLAGS) | Eflags::VM);
    for (unsigned s = ES; s <= GS; ++s) {
      segment(s, static_cast<u16>(0x1000 + s), 0xf3);
      set(segment_field(GUEST_ES_BASE, s), u64{0x1000 + s} << 4);
      set(segment_field(GUEST_ES_LIMIT, s), 0xffff);
    }
  }
  // Unrestricted, without protection and paging.
  void real() {
    using enum Field;
    bits32();
    use_ept();
    on(VmxControl::unrestricted_guest);
    set(GUEST_CR0, Cr0::NE | Cr0::ET);
    for (unsigned s = ES; s <= GS; ++s) {
      segment(s, static_cast<u16>(0x1003 + s), 0x93);
      set(segment_field(GUEST_ES_BASE, s), u64{0x1003 + s} << 4);
      set(segment_field(GUEST_ES_LIMIT, s), 0xffff);
    }
    segment(CS, 0xf000, 0x9b);
    set(GUEST_CS_LIMIT, 0xffff);
  }
  void pae() {
    bits32();
    set(Field::GUEST_CR4, Cr4::VMXE | Cr4::PAE);
    for (unsigned i = 0; i < 4; ++i) memory.write(HostPhys(tables + 8 * i), 8, 0x9001 + 0x1000 * i);
  }
  void pae_with_ept() {
    pae();
    use_ept();
    set(Field::GUEST_CR3, 0xdeadbee000);  // not looked at
    for (unsigned i = 0; i < 4; ++i)
      set(static_cast<Field>(static_cast<unsigned>(Field::GUEST_PDPTE0) + i), 0x9001 + 0x1000 * i);
  }

 private:
  void derive() { capability = capabilities(model); }
  void segment(unsigned s, u16 selector, u32 rights) {
    set(segment_field(Field::GUEST_ES_SELECTOR, s), selector);
    set(segment_field(Field::GUEST_ES_BASE, s), 0);
    set(segment_field(Field::GUEST_ES_LIMIT, s), 0xffffffff);
    set(segment_field(Field::GUEST_ES_ACCESS_RIGHTS, s), rights);
  }
};

}  // namespace ringside
