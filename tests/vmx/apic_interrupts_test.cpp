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

namespace {

// A table of three pointers: virtual CPU 1 has a descriptor, 0 has an invalid pointer, 2 one beyond memory.
struct IpiBox : InterruptBox {
  static constexpr u64 table = 0x21000, posted = 0x22040;
  IpiBox() {
    set(VmxControl::ipi_virtualization);
    vmx.controls.pid_pointer_table = HostPhys(table);
    vmx.controls.last_pid_pointer_index = 2;
    memory.write(HostPhys(table), 8, posted);
    memory.write(HostPhys(table + 8), 8, posted | 1);
    memory.write(HostPhys(table + 16), 8, bit(vmx.capability.physical_bits) | 1);
    describe(0);
  }
  void describe(u8 flags) {
    for (unsigned n = 0; n < 8; ++n) memory.write(HostPhys(posted + 8 * n), 8, 0);
    memory.write(HostPhys(posted + 32), 1, flags);
    memory.write(HostPhys(posted + 34), 1, 0xf2);
    memory.write(HostPhys(posted + 36), 4, 0x12345678);
  }
  u64 word(unsigned n) { return memory.read(HostPhys(posted + 8 * n), 8); }
  bool exits() {
    ExitInfo exit;
    if (!take_trap_exit(cpu, exit)) return false;
    CHECK(exit.reason == ExitReason::apic_write);
    CHECK(exit.qualification == 0x300);
    CHECK(exit.cause.control == VmxControl::ipi_virtualization);
    return true;
  }
};

}  // namespace

TEST_CASE("IPI virtualization posts an interrupt by WRMSR and notifies once") {
  IpiBox box;
  CHECK(box.wrmsr(0x830, u64{1} << 32 | 0x51) == done);
  CHECK_FALSE(box.exits());
  CHECK(box.word(1) == bit(0x51 - 64));
  CHECK((box.word(4) & 3) == 1);  // ON
  REQUIRE(box.apic.notified.size() == 1);
  CHECK(box.apic.notified[0] == std::pair<u8, u32>(0xf2, 0x12345678));
  CHECK(box.page(0x300) == 0x51);
  CHECK(box.page(0x304) == 1);
  CHECK(box.wrmsr(0x830, u64{1} << 32 | 0xff) == done);  // outstanding: no second notification
  CHECK(box.word(3) == bit(63));
  CHECK(box.apic.notified.size() == 1);
  box.describe(2);  // suppressed
  CHECK(box.wrmsr(0x830, u64{1} << 32 | 0x10) == done);
  CHECK(box.word(0) == bit(0x10));
  CHECK((box.word(4) & 3) == 2);
  CHECK(box.apic.notified.size() == 1);
  CHECK_FALSE(box.exits());
}

TEST_CASE("IPIs that are not virtualized make APIC-write VM exits; reserved bits are #GP(0)") {
  IpiBox box;
  for (const u64 command :
       {u64{1} << 32 | 0x0f,  // an illegal vector
        u64{0} << 32 | 0x51,  // the valid bit of the pointer is 0
        u64{2} << 32 | 0x51,  // the pointer is too wide
        u64{3} << 32 | 0x51,  // beyond the last index
        u64{1} << 32 | 0x51 | bit(8), u64{1} << 32 | 0x51 | bit(11), u64{1} << 32 | 0x51 | bit(12),
        u64{1} << 32 | 0x51 | bit(15), u64{1} << 32 | 0x51 | bit(18), u64{1} << 32 | 0x51 | bit(19)}) {
    CAPTURE(command);
    CHECK(box.wrmsr(0x830, command) == done);
    CHECK(box.exits());
    CHECK((box.page(0x300) | u64{box.page(0x304)} << 32) == command);
  }
  CHECK(box.word(1) == 0);
  for (const unsigned reserved : {13u, 16u, 17u, 20u, 31u})
    CHECK(box.wrmsr(0x830, 0x51 | bit(reserved)) == GP);
  box.set(VmxControl::ipi_virtualization, false);
  CHECK(box.wrmsr(0x830, u64{1} << 32 | 0x51) == GP);  // the local APIC's own, which refuses
  box.set(VmxControl::ipi_virtualization);
  box.set(VmxControl::virtualize_x2apic_mode, false);
  CHECK(box.wrmsr(0x830, u64{1} << 32 | 0x51) == GP);
}

TEST_CASE("IPI virtualization of a write to the APIC-access page") {
  IpiBox box;
  box.set(VmxControl::virtualize_x2apic_mode, false);
  box.set(VmxControl::virtual_interrupt_delivery, false);
  box.set(VmxControl::virtualize_apic_accesses);
  box.check_length = false;
  box.begin(0, 0);
  const auto write = [&](u32 value) {
    box.cpu.gpr[RAX] = value;
    return box.run({0x89, 0x83, 0x00, 0x03, 0, 0});  // mov [rbx + 300h], eax
  };
  box.set_page(0x310, 1u << 24);
  CHECK(write(0x51) == done);
  CHECK_FALSE(box.exits());
  CHECK(box.word(1) == bit(0x51 - 64));
  CHECK(box.apic.notified.size() == 1);
  CHECK(write(1u << 18 | 0x51) == done);  // to itself, without virtual-interrupt delivery
  CHECK(box.exits());
  box.set_page(0x310, 5u << 24);
  CHECK(write(0x51) == done);
  CHECK(box.exits());
  box.set(VmxControl::ipi_virtualization, false);
  CHECK(write(0x51) == exited);
}

TEST_CASE(
    "With virtual-interrupt delivery alone EOI and the low interrupt command are read from the page, too") {
  InterruptBox box;
  box.set(VmxControl::virtualize_x2apic_mode, false);
  box.set(VmxControl::virtualize_apic_accesses);
  box.check_length = false;
  box.begin(0, 0);
  const auto read = [&](u32 offset) {
    return box.run({0x8b, 0x83, static_cast<u8>(offset), static_cast<u8>(offset >> 8), 0, 0});
  };
  box.set_page(0x300, 0x12345);
  CHECK(read(0x300) == done);
  CHECK(box.cpu.gpr[RAX] == 0x12345);
  CHECK(read(0xb0) == done);
  CHECK(read(0x80) == done);
  CHECK(read(0x310) == exited);
  CHECK(read(0xf0) == exited);
  box.set(VmxControl::virtual_interrupt_delivery, false);
  CHECK(read(0x300) == exited);
}
