// Owns the world of the VMX fuzz target: where structures lie in memory, a host that enters its guest again
// and again, and a VMCS that VM entry accepts, for each kind of guest.
#pragma once

#include "tests/fuzz/machines.h"
#include "vmx/vmx.h"

namespace ringside::fuzz {

namespace place {
constexpr u64 pml4 = 0x1000, pdpt = 0x2000, pd = 0x3000, gdt = 0x4000, idt = 0x5000, tss = 0x6000,
              guest_code = 0x10000, host = 0x20000, guest_stack = 0x30000, host_stack = 0x38000,
              vmxon = 0x40000, vmcs = 0x41000, linked = 0x42000, entry_msrs = 0x43000, store_msrs = 0x44000,
              load_msrs = 0x45000, io_a = 0x46000, io_b = 0x47000, msr_bitmap = 0x48000, vmread = 0x49000,
              vmwrite = 0x4a000, virtual_apic = 0x4b000, apic_access = 0x4c000, descriptor = 0x4d000,
              log = 0x4e000, exception = 0x4f000, ept_list = 0x50000, ept = 0x51000, ept_table = 0x54000,
              narrow_idt = 0x55000, narrow_pd = 0x56000, pae = 0x57000, pid_pointers = 0x58000;
constexpr u64 pages[] = {pml4,       pdpt,       pd,          gdt,          idt,          tss,
                         guest_code, host,       guest_stack, host_stack,   vmxon,        vmcs,
                         linked,     entry_msrs, store_msrs,  load_msrs,    io_a,         io_b,
                         msr_bitmap, vmread,     vmwrite,     virtual_apic, apic_access,  descriptor,
                         log,        exception,  ept_list,    ept,          ept + 0x1000, ept + 0x2000,
                         ept_table,  narrow_idt, narrow_pd,   pae,          pid_pointers};
}  // namespace place

// RAM, ROM, registers of devices, nothing at all, or any number.
inline u64 address(Input& in) {
  static constexpr u64 odd[] = {0xfee00000, 0xfec00000, 0xfed00000, 0xe0000, 0xfffff000,
                                0x400000,   0xa0000,    0xb8000,    bit(45), ~u64{0}};
  const u8 kind = in.take<u8>();
  const u64 offset = kind & 0x80 ? in.take<u16>() & 0xfff : 0;
  if ((kind & 0x60) == 0x60) return in.take<u64>();
  if ((kind & 0x60) == 0x40) return odd[kind % std::size(odd)] + offset;
  return place::pages[in.pick(std::size(place::pages))] + offset;
}

struct World {
  Machine& machine;
  Cpu& cpu;
  Vmx& vmx;
  Vmcs* v = nullptr;

  explicit World(Machine& of) : machine(of), cpu(of.cpu(0)), vmx(*of.cpu(0).vmx) {}

  void put(u64 at, u64 value, unsigned size = 8) { machine.memory().write(HostPhys(at), size, value); }
  void set(Field field, u64 value) {
    v->set(field, value & info(field).value_mask());
    v->dirty.add(field);
  }
  u64 get(Field field) const { return (*v)[field]; }
  void on(VmxControl control) {
    const ControlWord word = info(control).word;
    if (word == ControlWord::secondary) on(VmxControl::secondary_controls);
    if (word == ControlWord::tertiary) on(VmxControl::tertiary_controls);
    set(control_field(word), get(control_field(word)) | mask(control));
  }
  void off(VmxControl control) {
    const Field field = control_field(info(control).word);
    set(field, get(field) & ~mask(control));
  }

  // Controls with what they need, so that most entries go through. The input chooses among the first
  // `groups`.
  static constexpr unsigned groups = 26;
  void use(unsigned group) {
    switch (group) {
      case 0: on(VmxControl::ept); break;
      case 1: on(VmxControl::vpid), set(Field::VIRTUAL_PROCESSOR_ID, 5); break;
      case 2: on(VmxControl::tpr_shadow); break;
      case 3: on(VmxControl::virtualize_apic_accesses); break;
      case 4:
        use(2), on(VmxControl::virtual_interrupt_delivery), on(VmxControl::external_interrupt_exiting);
        break;
      case 5:
        use(4), on(VmxControl::posted_interrupts), on(VmxControl::acknowledge_interrupt);
        set(Field::POSTED_INTERRUPT_VECTOR, 0xf2);
        break;
      case 6:
        use(2), on(VmxControl::virtualize_x2apic_mode), off(VmxControl::virtualize_apic_accesses);
        break;
      case 7: use(2), on(VmxControl::apic_register_virtualization); break;
      case 8: on(VmxControl::io_bitmaps); break;
      case 9: on(VmxControl::msr_bitmaps); break;
      case 10: on(VmxControl::vmcs_shadowing), set(Field::VMCS_LINK_POINTER, place::linked); break;
      case 11: use(0), on(VmxControl::pml), set(Field::EPT_POINTER, get(Field::EPT_POINTER) | 0x40); break;
      case 12: use(0), on(VmxControl::ept_violation_ve); break;
      case 13:
        use(0), on(VmxControl::vm_functions),
            set(Field::VM_FUNCTION_CONTROLS, mask(VmxControl::eptp_switching));
        break;
      case 14: use(0), on(VmxControl::mode_based_execute); break;
      case 15: on(VmxControl::preemption_timer), set(Field::VMX_PREEMPTION_TIMER_VALUE, 3); break;
      case 16: on(VmxControl::monitor_trap_flag); break;
      case 17: on(VmxControl::nmi_exiting), on(VmxControl::virtual_nmis); break;
      case 18: use(17), on(VmxControl::nmi_window_exiting); break;
      case 19: on(VmxControl::interrupt_window_exiting); break;
      case 20: set(Field::VM_ENTRY_MSR_LOAD_COUNT, 3), set(Field::VM_EXIT_MSR_LOAD_COUNT, 2); break;
      case 21: set(Field::VM_EXIT_MSR_STORE_COUNT, 3); break;
      case 22:
        on(VmxControl::tsc_offsetting), on(VmxControl::tsc_scaling), set(Field::TSC_MULTIPLIER, bit(47));
        break;
      case 23: use(15), on(VmxControl::save_preemption_timer); break;
      case 24: use(2), on(VmxControl::ipi_virtualization), set(Field::LAST_PID_POINTER_INDEX, 3); break;
      default: on(VmxControl::user_wait); break;
    }
  }

  enum Kind : unsigned { bits64, bits32, paged_pae, virtual_8086, real, kinds };

  // The host in 64-bit mode in VMX root operation, with a current VMCS whose guest is of `kind`.
  void build(unsigned kind);

 private:
  void write_memory();
  void fill_controls();
  void fill_host();
  void fill_guest(unsigned kind);
  void segments(u32 code, u32 data);
};

inline void World::write_memory() {
  using namespace place;
  put(pml4, pdpt | 7);
  put(pdpt, pd | 7);
  put(pdpt + 24, 0xc0000087);
  for (u64 n = 0; n < std::size(descriptors); ++n) put(gdt + 8 * n, descriptors[n]);
  put(tss + 4, host_stack);
  put(tss + 8, 0x10);
  constexpr u64 rwx = 7, write_back = 6 << 3, large = 0x80;
  put(ept, (ept + 0x1000) | rwx);
  put(ept + 0x1000, (ept + 0x2000) | rwx);
  put(ept + 0x1018, 0xc0000000 | rwx | large);
  put(ept + 0x2000, ept_table | rwx);
  for (u64 n = 0; n < 8; ++n) {
    put(pd + 8 * n, n << 21 | 0x87);
    if (n) put(ept + 0x2000 + 8 * n, n << 21 | rwx | write_back | large);
    put(narrow_pd + 4 * n, n << 22 | 0x87, 4);
    put(ept_list + 8 * n, ept | 3 << 3 | 6);
  }
  for (u64 n = 0; n < 4; ++n) put(pae + 8 * n, pd | 1);
  for (u64 n = 0; n < 512; ++n) put(ept_table + 8 * n, n << 12 | rwx | write_back);
  for (u64 n = 0; n < 256; ++n) {
    const u64 target = guest_code + 16 * (n & 31),
              gate = (target & 0xffff) | u64{0xee00} << 32 | target >> 16 << 48;
    put(idt + 16 * n, gate | 0x28 << 16);
    put(narrow_idt + 8 * n, gate | 0x08 << 16);
    put(4 * n, (n & 31) * 16 | 0x10000000, 4);
  }
  for (u64 n = 0; n < 4; ++n) put(pid_pointers + 8 * n, (descriptor + 64 * n) | 1);
  put(vmxon, vmcs_revision, 4);
  put(vmcs, vmcs_revision, 4);
  put(linked, vmcs_revision | shadow_indicator, 4);
  for (u64 n = 0; n < 4; ++n) {
    for (const u64 list : {entry_msrs, store_msrs, load_msrs}) put(list + 16 * n, 0xc0000081 + n);
  }
}

inline void World::fill_controls() {
  using enum Field;
  for (const ControlWord word : {ControlWord::pin, ControlWord::primary, ControlWord::secondary,
                                 ControlWord::exit, ControlWord::entry})
    set(control_field(word), vmx.capability.required(word));
  on(VmxControl::host_address_space_size);
  for (const VmxControl control :
       {VmxControl::load_debug_controls, VmxControl::save_debug_controls, VmxControl::entry_load_efer,
        VmxControl::save_efer, VmxControl::exit_load_efer})
    on(control);
  static constexpr std::pair<Field, u64> addresses[] = {{VMCS_LINK_POINTER, ~u64{0}},
                                                        {IO_BITMAP_A, place::io_a},
                                                        {IO_BITMAP_B, place::io_b},
                                                        {MSR_BITMAP, place::msr_bitmap},
                                                        {VMREAD_BITMAP, place::vmread},
                                                        {VMWRITE_BITMAP, place::vmwrite},
                                                        {VM_ENTRY_MSR_LOAD_ADDRESS, place::entry_msrs},
                                                        {VM_EXIT_MSR_STORE_ADDRESS, place::store_msrs},
                                                        {VM_EXIT_MSR_LOAD_ADDRESS, place::load_msrs},
                                                        {VIRTUAL_APIC_ADDRESS, place::virtual_apic},
                                                        {APIC_ACCESS_ADDRESS, place::apic_access},
                                                        {POSTED_INTERRUPT_DESCRIPTOR, place::descriptor},
                                                        {PID_POINTER_TABLE, place::pid_pointers},
                                                        {PML_ADDRESS, place::log},
                                                        {VE_INFORMATION_ADDRESS, place::exception},
                                                        {EPTP_LIST_ADDRESS, place::ept_list},
                                                        {EPT_POINTER, place::ept | 3 << 3 | 6},
                                                        {PML_INDEX, 511}};
  for (const auto& [field, value] : addresses) set(field, value);
}

inline void World::fill_host() {
  using enum Field;
  static constexpr std::pair<Field, u64> fields[] = {
      {HOST_CS_SELECTOR, 0x28},     {HOST_SS_SELECTOR, 0x10},      {HOST_DS_SELECTOR, 0x10},
      {HOST_ES_SELECTOR, 0x10},     {HOST_FS_SELECTOR, 0x10},      {HOST_GS_SELECTOR, 0x10},
      {HOST_TR_SELECTOR, 0x38},     {HOST_TR_BASE, place::tss},    {HOST_GDTR_BASE, place::gdt},
      {HOST_IDTR_BASE, place::idt}, {HOST_RSP, place::host_stack}, {HOST_RIP, place::host}};
  for (const auto& [field, value] : fields) set(field, value);
  set(HOST_CR0, cpu.cr0);
  set(HOST_CR3, cpu.cr3);
  set(HOST_CR4, cpu.cr4);
  set(HOST_IA32_EFER, cpu.efer);
  set(HOST_IA32_PAT, cpu.msr.pat);
}

inline void World::segments(u32 code, u32 data) {
  using enum Field;
  for (unsigned s = ES; s <= GS; ++s) {
    set(segment_field(GUEST_ES_SELECTOR, s), 0x10);
    set(segment_field(GUEST_ES_LIMIT, s), data & Rights::G ? 0xffffffff : 0xffff);
    set(segment_field(GUEST_ES_ACCESS_RIGHTS, s), s == CS ? code : data);
  }
  set(GUEST_CS_SELECTOR, code & Rights::L ? 0x28 : 0x08);
  set(GUEST_LDTR_ACCESS_RIGHTS, Rights::unusable);
  set(GUEST_TR_SELECTOR, 0x38);
  set(GUEST_TR_BASE, place::tss);
  set(GUEST_TR_LIMIT, 0xfff);
  set(GUEST_TR_ACCESS_RIGHTS, 0x8b);
}

inline void World::fill_guest(unsigned kind) {
  using enum Field;
  constexpr u64 paged = Cr0::PE | Cr0::PG | Cr0::NE | Cr0::ET;
  set(GUEST_CR0, paged);
  set(GUEST_CR3, kind == bits64 ? place::pml4 : kind == paged_pae ? place::pae : place::narrow_pd);
  set(GUEST_CR4, Cr4::VMXE | Cr4::OSFXSR | (kind == bits64 || kind == paged_pae ? Cr4::PAE : Cr4::PSE));
  set(GUEST_DR7, Dr7::fixed_one);
  set(GUEST_GDTR_BASE, place::gdt);
  set(GUEST_GDTR_LIMIT, 0x7f);
  set(GUEST_IDTR_BASE, kind == bits64 ? place::idt : kind == real ? 0 : place::narrow_idt);
  set(GUEST_IDTR_LIMIT, 0xfff);
  set(GUEST_RSP, kind >= virtual_8086 ? 0x8000 : place::guest_stack);
  set(GUEST_RIP, kind >= virtual_8086 ? 0 : place::guest_code);
  set(GUEST_RFLAGS, Eflags::reserved_one);
  set(GUEST_IA32_PAT, cpu.msr.pat);
  for (unsigned n = 0; n < 4; ++n)
    set(static_cast<Field>(static_cast<unsigned>(GUEST_PDPTE0) + n), place::pd | 1);
  if (kind == bits64) {
    on(VmxControl::ia32e_mode_guest);
    set(GUEST_IA32_EFER, cpu.efer);
    segments(0xa09b, 0xc093);
  } else if (kind < virtual_8086) {
    segments(0xc09b, 0xc093);
  } else {
    const bool v86 = kind == virtual_8086;
    segments(v86 ? 0xf3 : 0x9b, v86 ? 0xf3 : 0x93);
    for (unsigned s = ES; s <= GS; ++s) {
      const u64 selector = s == CS ? 0x1000 : s == SS ? 0x3000 : 0x2000;
      set(segment_field(GUEST_ES_SELECTOR, s), selector);
      set(segment_field(GUEST_ES_BASE, s), selector << 4);
    }
    if (v86) {
      set(GUEST_RFLAGS, Eflags::reserved_one | Eflags::VM);
    } else {
      use(0), on(VmxControl::unrestricted_guest);
      set(GUEST_CR0, Cr0::NE | Cr0::ET);
    }
  }
}

inline void World::build(unsigned kind) {
  write_memory();
  cpu.cr0 = (cpu.cr0 & ~u64{0x60000000}) | Cr0::PE | Cr0::PG | Cr0::NE;
  cpu.cr4 |= Cr4::PAE | Cr4::VMXE | Cr4::OSFXSR;
  cpu.efer |= Efer::LME | Efer::LMA | Efer::SCE;
  cpu.cr3 = place::pml4;
  cpu.gdtr = {place::gdt, 0x7f};
  cpu.idtr = {place::idt, 0xfff};
  load_segment(cpu, CS, 0x28, 0, 0xffffffff, 0xa09b);
  for (const SegReg reg : {ES, SS, DS, FS, GS}) load_segment(cpu, reg, 0x10, 0, 0xffffffff, 0xc093);
  load_segment(cpu, TR, 0x38, place::tss, 0xfff, 0x8b);
  cpu.cpl = 0;
  cpu.update_mode();
  cpu.update_translation();
  cpu.update_privilege();
  cpu.gpr[RSP] = place::host_stack;
  cpu.rip = cpu.next_rip = place::host;
  vmx.vmxon_region = HostPhys(place::vmxon);
  cpu.vmx_operation = true;
  v = vmx.current = &vmx.activate(machine.memory(), HostPhys(place::vmcs));
  fill_controls();
  fill_host();
  fill_guest(kind);
}

}  // namespace ringside::fuzz
