// Owns the tests of virtual interrupts: priorities, delivery, EOI, self-IPI, posted interrupts.
#include "tests/vmx/guest_box.h"
#include "vmx/apic_virtualization.h"

using namespace ringside;

namespace {

constexpr u32 TPR = 0x80, PPR = 0xa0, ISR = 0x100, IRR = 0x200;

struct InterruptBox : GuestBox {
  InterruptBox() {
    vmx.current = &vmx.activate(memory, HostPhys(0xe000));
    set(VmxControl::tpr_shadow);
    set(VmxControl::virtual_interrupt_delivery);
    set(VmxControl::virtualize_x2apic_mode);
    set(VmxControl::msr_bitmaps);
    cpu.gpr[RBX] = apic_access;
  }
  void begin(u8 requested, u8 servicing) {
    vmx.current->set(Field::GUEST_INTERRUPT_STATUS, requested | u64{servicing} << 8);
    begin_apic_virtualization(cpu);
  }
  u32 page(u32 offset) { return static_cast<u32>(memory.read(HostPhys(virtual_apic + offset), 4)); }
  void set_page(u32 offset, u32 value) { memory.write(HostPhys(virtual_apic + offset), 4, value); }
  void set_vector(u32 reg, u8 vector) {
    const u32 at = reg + 16 * (vector / 32u);
    set_page(at, page(at) | 1u << (vector % 32));
  }
  int wrmsr(u32 msr, u64 value) {
    cpu.gpr[RCX] = msr;
    cpu.gpr[RAX] = static_cast<u32>(value);
    cpu.gpr[RDX] = value >> 32;
    return run({0x0f, 0x30});
  }
};

}  // namespace

TEST_CASE("VM entry evaluates: RVI against the processor priority") {
  InterruptBox box;
  box.begin(0x45, 0x41);
  CHECK(box.page(PPR) == 0x40);
  CHECK(!virtual_interrupt_recognized(box.cpu));
  box.begin(0x51, 0x41);
  CHECK(virtual_interrupt_recognized(box.cpu));
  CHECK((box.cpu.attention & Attention::vmx));
  box.set_page(TPR, 0x57);
  box.begin(0x51, 0x41);
  CHECK(box.page(PPR) == 0x57);
  CHECK(!virtual_interrupt_recognized(box.cpu));
  box.set_page(TPR, 0);
  box.set(VmxControl::interrupt_window_exiting);
  box.begin(0x51, 0x41);
  CHECK(!virtual_interrupt_recognized(box.cpu));
}

TEST_CASE("Delivery moves the request into service; EOI ends it") {
  InterruptBox box;
  box.set_vector(IRR, 0x51);
  box.set_vector(IRR, 0x33);
  box.set_vector(ISR, 0x41);
  box.begin(0x51, 0x41);
  CHECK(acknowledge_virtual_interrupt(box.cpu) == 0x51);
  CHECK(box.vmx.servicing_vector == 0x51);
  CHECK(box.vmx.requested_vector == 0x33);
  CHECK(box.page(PPR) == 0x50);
  CHECK(box.page(IRR + 0x20) == 0);
  CHECK(box.page(ISR + 0x20) == (1u << 1 | 1u << 17));
  CHECK(!virtual_interrupt_recognized(box.cpu));

  CHECK(box.wrmsr(0x80b, 1) == GP);
  CHECK(box.wrmsr(0x80b, 0) == done);
  CHECK(box.vmx.servicing_vector == 0x41);
  CHECK(box.page(PPR) == 0x40);
  CHECK(!virtual_interrupt_recognized(box.cpu));
  CHECK(box.wrmsr(0x80b, 0) == done);
  CHECK(box.vmx.servicing_vector == 0);
  CHECK(virtual_interrupt_recognized(box.cpu));  // 0x33 now
  end_apic_virtualization(box.cpu);
  CHECK((*box.vmx.current)[Field::GUEST_INTERRUPT_STATUS] == 0x33);
}

TEST_CASE("The EOI-exit bitmap") {
  InterruptBox box;
  box.set_vector(ISR, 0x91);
  box.vmx.controls.eoi_exit_bitmap[2] = bit(0x91 - 128);
  box.begin(0, 0x91);
  CHECK(box.wrmsr(0x80b, 0) == done);
  ExitInfo exit;
  REQUIRE(take_trap_exit(box.cpu, exit));
  CHECK(exit.reason == ExitReason::virtualized_eoi);
  CHECK(exit.qualification == 0x91);
  CHECK(exit.cause.kind == ExitCause::Kind::eoi_bitmap);
  CHECK(box.vmx.servicing_vector == 0);
}

TEST_CASE("Lowering the TPR lets a virtual interrupt through, without a threshold") {
  InterruptBox box;
  box.vmx.controls.tpr_threshold = 15;
  box.set_page(TPR, 0x60);
  box.begin(0x51, 0);
  CHECK(!virtual_interrupt_recognized(box.cpu));
  CHECK(box.wrmsr(0x808, 0x40) == done);
  CHECK(box.vmx.trap_exit == Vmx::TrapExit::none);
  CHECK(virtual_interrupt_recognized(box.cpu));
}

TEST_CASE("Self-IPI by MSR and by the interrupt command register") {
  InterruptBox box;
  box.set(VmxControl::virtualize_apic_accesses);
  box.begin(0x20, 0);
  CHECK(box.wrmsr(0x83f, 0x1ff) == GP);
  CHECK(box.wrmsr(0x83f, 0x62) == done);
  CHECK(box.vmx.requested_vector == 0x62);
  CHECK(box.page(IRR + 0x30) == 1u << 2);
  CHECK(virtual_interrupt_recognized(box.cpu));
  ExitInfo exit;
  CHECK(box.wrmsr(0x83f, 0x0f) == done);
  REQUIRE(take_trap_exit(box.cpu, exit));
  CHECK(exit.reason == ExitReason::apic_write);
  CHECK(exit.qualification == 0x3f0);

  box.check_length = false;
  const auto command = [&](u32 value) {
    box.cpu.gpr[RAX] = value;
    CHECK(box.run({0x89, 0x83, 0x00, 0x03, 0, 0}) == done);
    ExitInfo info;
    return take_trap_exit(box.cpu, info) && info.qualification == 0x300;
  };
  constexpr u32 self = 1u << 18;
  CHECK(!command(self | 0x71));
  CHECK(box.vmx.requested_vector == 0x71);
  for (const u32 other : {0x71u, self | 0x0f, self | 0x171, self | 1u << 15 | 0x71, self | 1u << 12 | 0x71,
                          2u << 18 | 0x71, self | 1u << 13 | 0x71, self | 1u << 31 | 0x71}) {
    CAPTURE(other);
    CHECK(command(other));
  }
  // EOI in memory.
  box.vmx.servicing_vector = 0x71;
  box.cpu.gpr[RAX] = 0x1234;
  CHECK(box.run({0x89, 0x83, 0xb0, 0x00, 0, 0}) == done);
  CHECK(box.vmx.servicing_vector == 0);
  CHECK(box.page(0xb0) == 0);
}

TEST_CASE("Posted interrupts: the notification vector, ON, PIR") {
  struct Source : SystemApic {
    unsigned ended = 0;
    void end_of_interrupt() override { ++ended; }
  } source;
  InterruptBox box;
  box.cpu.interrupts = &source;
  box.set(VmxControl::posted_interrupts);
  box.vmx.controls.posted_vector = 0xf2;
  box.begin(0x30, 0);
  box.memory.write(HostPhys(GuestBox::descriptor + 0x10), 4, 1u << 5);   // vector 133
  box.memory.write(HostPhys(GuestBox::descriptor + 0x04), 4, 1u << 31);  // vector 63
  box.memory.write(HostPhys(GuestBox::descriptor + 0x20), 8, 0xff03);
  CHECK(!process_posted_interrupts(box.cpu, 0xf1));
  CHECK(source.ended == 0);
  CHECK(process_posted_interrupts(box.cpu, 0xf2));
  CHECK(source.ended == 1);
  CHECK(box.memory.read(HostPhys(GuestBox::descriptor + 0x20), 8) == 0xff02);
  CHECK(box.memory.read(HostPhys(GuestBox::descriptor + 0x10), 4) == 0);
  CHECK(box.page(IRR + 0x40) == 1u << 5);
  CHECK(box.page(IRR + 0x10) == 1u << 31);
  CHECK(box.vmx.requested_vector == 133);
  CHECK(virtual_interrupt_recognized(box.cpu));
}

TEST_CASE("The TPR threshold at VM entry") {
  InterruptBox box;
  box.set(VmxControl::virtual_interrupt_delivery, false);
  box.vmx.controls.tpr_threshold = 2;
  box.set_page(TPR, 0x1f);
  box.begin(0, 0);
  CHECK(box.vmx.trap_exit == Vmx::TrapExit::none);  // a rule of VM entry instead
  box.set(VmxControl::virtualize_apic_accesses);
  box.begin(0, 0);
  CHECK(box.vmx.trap_exit == Vmx::TrapExit::tpr_below_threshold);
  box.set_page(TPR, 0x20);
  box.begin(0, 0);
  CHECK(box.vmx.trap_exit == Vmx::TrapExit::none);
}
