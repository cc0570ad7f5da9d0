// Owns the machine of the VMX tests: a CPU in VMX root operation with a valid VMCS, whose guest runs 64-bit
// code, and whose host halts where VM exits end.
#pragma once

#include <doctest/doctest.h>

#include "cpu/exec/core/exit_request.h"
#include "cpu/exec/guest/vm_entry.h"
#include "frontend/machine/clock.h"
#include "tests/exec/running_machine.h"
#include "vmx/ept.h"
#include "vmx/instructions.h"
#include "vmx/transitions.h"

namespace ringside {

// Where things lie beside those of the small machine.
namespace vmx_at {
constexpr u64 vmxon = 0x200000, vmcs = 0x201000, msr_entry = 0x202000, msr_store = 0x203000,
              msr_load = 0x204000, guest_code = 0x18000, guest_stack = 0x38000, launch = 0x19000,
              resume = 0x19100, host = 0x19200, guest_idt = 0x210000, guest_handlers = 0x220000,
              guest_tss = 0x212000, ept = 0x300000;
constexpr u64 guest_handler(unsigned vector) { return guest_handlers + 16 * vector; }
}  // namespace vmx_at

struct VmxMachine : SmallMachine {
  Engine engine;
  std::unique_ptr<BlockCache> cache;  // decodes by the model, so it comes after
  MachineClock clock{1'000'000'000};
  std::unique_ptr<Vmx> vmx;
  Vmcs* v = nullptr;

  // `absent`: controls that the CPU is to lack.
  explicit VmxMachine(std::initializer_list<VmxControl> absent = {}) {
    model.features.set(static_cast<std::size_t>(Feature::vmx));
    model.vmx.set();
    for (const VmxControl control : absent) model.vmx.reset(static_cast<std::size_t>(control));
    cache = std::make_unique<BlockCache>(memory, model);
    cpu.engine = &engine;
    cache->attach(cpu);
    cache->set_dispatcher(Dispatcher::emitted);
    cpu.clock = &clock;
    vmx = std::make_unique<Vmx>(cpu, model, clock);
    cpu.vmx = vmx.get();
    long_mode();
    cpu.cr0 |= Cr0::NE;
    cpu.cr4 |= Cr4::VMXE;
    cpu.update_translation();
    put(vmx_at::vmcs, vmcs_revision, 4);
    vmx->vmxon_region = HostPhys(vmx_at::vmxon);
    cpu.vmx_operation = true;
    v = vmx->current = &vmx->activate(memory, HostPhys(vmx_at::vmcs));
    code(vmx_at::launch, {0x0f, 0x01, 0xc2, 0xf4});  // vmlaunch; hlt
    code(vmx_at::resume, {0x0f, 0x01, 0xc3, 0xf4});  // vmresume; hlt
    code(vmx_at::host, {0xf4});
    for (unsigned n = 0; n < 256; ++n) {
      put(vmx_at::guest_idt + 16 * n, gate(sel::code64, vmx_at::guest_handler(n), 14, 0));
      put(vmx_at::guest_handler(n), 0xf4, 1);
    }
    fill_controls();
    fill_host();
    fill_guest();
  }

  u64 operator[](Field field) const { return (*v)[field]; }
  // As VMWRITE does.
  void set(Field field, u64 value) { v->written(field, value & info(field).value_mask(), cpu.rip, 0); }
  void on(VmxControl control) {
    const ControlWord word = info(control).word;
    if (word == ControlWord::secondary) on(VmxControl::secondary_controls);
    if (word == ControlWord::tertiary) on(VmxControl::tertiary_controls);
    set(control_field(word), (*this)[control_field(word)] | mask(control));
  }
  void off(VmxControl control) {
    const Field field = control_field(info(control).word);
    set(field, (*this)[field] & ~mask(control));
  }

  void guest(std::initializer_list<u8> bytes) { code(vmx_at::guest_code, bytes); }
  void inject(u8 vector, EventType type, bool has_error = false, u32 error = 0, u32 length = 0) {
    set(Field::VM_ENTRY_INTERRUPTION_INFORMATION, Interruption::make(vector, type, has_error));
    set(Field::VM_ENTRY_EXCEPTION_ERROR_CODE, error);
    set(Field::VM_ENTRY_INSTRUCTION_LENGTH, length);
  }
  void msr_entry(u64 list, unsigned n, u32 number, u64 value) {
    put(list + 16 * n, number);
    put(list + 16 * n + 8, value);
  }

  // Runs up to `instructions`, with the timers of the virtual clock.
  void run(u64 instructions = 200) {
    while (instructions) {
      clock.fire_due();
      const Ticks now = clock.now(), next = clock.next_deadline();
      const u64 most = next == MachineClock::never ? instructions : std::min(instructions, next - now);
      clock.begin(cpu);
      const u64 ran = ringside::run(cpu, most);
      clock.end();
      instructions -= ran;
      if (ran) continue;
      if (!cpu.non_root || clock.next_deadline() == MachineClock::never) break;
      clock.jump_to(clock.next_deadline());
    }
  }
  // VMLAUNCH or VMRESUME in the host, then whatever follows until the host halts (or the instructions run
  // out).
  void enter(u64 instructions = 200) {
    cpu.rip = cpu.next_rip = v->launched ? vmx_at::resume : vmx_at::launch;
    cpu.activity = Activity::active;
    cpu.attention &= ~Attention::activity;
    run(instructions);
  }
  bool in_host() const { return !cpu.non_root && cpu.rip == vmx_at::host + 1; }
  u32 reason() const { return static_cast<u32>((*this)[Field::EXIT_REASON]); }
  // Enters; the reason of the exit that followed. ~0: none did.
  u32 exit_of(u64 instructions = 200) {
    enter(instructions);
    return in_host() ? reason() : ~0u;
  }
  static constexpr u32 number(ExitReason reason) { return static_cast<u32>(reason); }

  // The rules of VM entry that the VMCS breaks, by their ids: empty if it is fine.
  std::string broken_rules() const {
    std::string ids;
    for (const Rule* rule : violations({cpu, *v, vmx->capability}))
      ids += (ids.empty() ? "" : " ") + std::string(rule->id);
    return ids;
  }

  // EPT: an identity map of 2-MByte pages.
  void use_ept() {
    constexpr u64 rwx = 7, write_back = 6 << 3, large = 0x80;
    put(vmx_at::ept, (vmx_at::ept + 0x1000) | rwx);
    put(vmx_at::ept + 0x1000, (vmx_at::ept + 0x2000) | rwx);
    for (unsigned i = 0; i < 8; ++i)
      put(vmx_at::ept + 0x2000 + 8 * i, (u64{i} << 21) | rwx | write_back | large);
    on(VmxControl::ept);
    set(Field::EPT_POINTER, vmx_at::ept | 3 << 3 | 6);
  }

 private:
  void fill_controls() {
    for (const ControlWord word : {ControlWord::pin, ControlWord::primary, ControlWord::secondary,
                                   ControlWord::exit, ControlWord::entry})
      set(control_field(word), vmx->capability.required(word));
    on(VmxControl::host_address_space_size);
    on(VmxControl::ia32e_mode_guest);
    on(VmxControl::load_debug_controls);
    on(VmxControl::save_debug_controls);
    set(Field::VMCS_LINK_POINTER, ~u64{0});
  }
  void fill_host() {
    set(Field::HOST_CR0, cpu.cr0);
    set(Field::HOST_CR3, cpu.cr3);
    set(Field::HOST_CR4, cpu.cr4);
    set(Field::HOST_CS_SELECTOR, sel::code64);
    for (const Field f : {Field::HOST_ES_SELECTOR, Field::HOST_SS_SELECTOR, Field::HOST_DS_SELECTOR,
                          Field::HOST_FS_SELECTOR, Field::HOST_GS_SELECTOR})
      set(f, sel::data0);
    set(Field::HOST_TR_SELECTOR, sel::tss);
    set(Field::HOST_TR_BASE, at::tss);
    set(Field::HOST_GDTR_BASE, at::gdt);
    set(Field::HOST_IDTR_BASE, at::idt);
    set(Field::HOST_RSP, at::stack0);
    set(Field::HOST_RIP, vmx_at::host);
    set(Field::HOST_IA32_EFER, cpu.efer);
    set(Field::HOST_IA32_PAT, cpu.msr.pat);
  }
  void fill_guest() {
    set(Field::GUEST_CR0, cpu.cr0);
    set(Field::GUEST_CR3, cpu.cr3);
    set(Field::GUEST_CR4, cpu.cr4);
    set(Field::GUEST_DR7, Dr7::fixed_one);
    for (unsigned i = 0; i < 8; ++i) {
      const Segment& s = cpu.segment[i];
      set(segment_field(Field::GUEST_ES_SELECTOR, i), s.selector);
      set(segment_field(Field::GUEST_ES_BASE, i), s.base);
      set(segment_field(Field::GUEST_ES_LIMIT, i), s.limit);
      set(segment_field(Field::GUEST_ES_ACCESS_RIGHTS, i), s.rights);
    }
    set(Field::GUEST_GDTR_BASE, at::gdt);
    set(Field::GUEST_GDTR_LIMIT, sel::last);
    set(Field::GUEST_IDTR_BASE, vmx_at::guest_idt);
    set(Field::GUEST_IDTR_LIMIT, 256 * 16 - 1);
    set(Field::GUEST_RSP, vmx_at::guest_stack);
    set(Field::GUEST_RIP, vmx_at::guest_code);
    set(Field::GUEST_RFLAGS, Eflags::reserved_one);
    set(Field::GUEST_IA32_EFER, cpu.efer);
    set(Field::GUEST_IA32_PAT, cpu.msr.pat);
  }
};

}  // namespace ringside
