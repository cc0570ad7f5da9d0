// Owns the tests of the TPR shadow and of virtualized APIC accesses: by CR8, by memory and by MSR.
#include <utility>

#include "tests/vmx/guest_box.h"
#include "vmx/apic_virtualization.h"

using namespace ringside;

namespace {

constexpr auto apic_exit = ExitReason::apic_access;

struct ApicBox : GuestBox {
  ApicBox() {
    vmx.current = &vmx.activate(memory, HostPhys(0xe000));
    cpu.gpr[RBX] = apic_access_page;
  }
  static constexpr u64 apic_access_page = GuestBox::apic_access;
  void begin() { begin_apic_virtualization(cpu); }
  u32 page(u32 offset) { return static_cast<u32>(memory.read(HostPhys(virtual_apic + offset), 4)); }
  void set_page(u32 offset, u32 value) { memory.write(HostPhys(virtual_apic + offset), 4, value); }
  // MOV EAX, [RBX + offset] and MOV [RBX + offset], EAX.
  int read(u32 offset) {
    return run({0x8b, 0x83, static_cast<u8>(offset), static_cast<u8>(offset >> 8), 0, 0}, false);
  }
  int write(u32 offset, u32 value) {
    cpu.gpr[RAX] = value;
    return run({0x89, 0x83, static_cast<u8>(offset), static_cast<u8>(offset >> 8), 0, 0}, false);
  }
  int run(std::initializer_list<u8> bytes, bool instruction = true) {
    check_length = instruction;
    return GuestBox::run(bytes);
  }
  Vmx::TrapExit trap() { return std::exchange(vmx.trap_exit, Vmx::TrapExit::none); }
};

}  // namespace

TEST_CASE("CR8 under the TPR shadow is bits 7:4 of VTPR") {
  ApicBox box;
  box.set(VmxControl::tpr_shadow);
  box.set_page(0x80, 0xdeadbeef);
  CHECK(box.run({0x44, 0x0f, 0x20, 0xc2}) == done);  // MOV RDX, CR8
  CHECK(box.cpu.gpr[RDX] == 0xe);
  box.cpu.gpr[RDX] = 0x5;
  CHECK(box.run({0x44, 0x0f, 0x22, 0xc2}) == done);  // MOV CR8, RDX
  CHECK(box.page(0x80) == 0x50);
  CHECK(box.apic.priority == 0);
  CHECK(box.trap() == Vmx::TrapExit::none);
  box.vmx.controls.tpr_threshold = 5;
  CHECK(box.run({0x44, 0x0f, 0x22, 0xc2}) == done);
  CHECK(box.trap() == Vmx::TrapExit::none);
  box.cpu.gpr[RDX] = 0x4;
  CHECK(box.run({0x44, 0x0f, 0x22, 0xc2}) == done);
  ExitInfo exit;
  REQUIRE(take_trap_exit(box.cpu, exit));
  CHECK(exit.reason == ExitReason::tpr_below_threshold);
  CHECK(exit.qualification == 0);
  CHECK(exit.cause.kind == ExitCause::Kind::threshold);
  CHECK((box.cpu.attention & Attention::vmx));
  CHECK(!take_trap_exit(box.cpu, exit));
  box.cpu.gpr[RDX] = 0x10;
  CHECK(box.run({0x44, 0x0f, 0x22, 0xc2}) == GP);
}

TEST_CASE("Without a TPR shadow every access to the APIC-access page exits") {
  ApicBox box;
  box.set(VmxControl::virtualize_apic_accesses);
  box.begin();
  CHECK(box.read(0x80) == exited);
  CHECK(box.vmx.exit.reason == apic_exit);
  CHECK(box.vmx.exit.qualification == 0x080);
  CHECK(box.write(0x300, 0) == exited);
  CHECK(box.vmx.exit.qualification == (0x300 | 1 << 12));
  CHECK(box.vmx.exit.cause.control == VmxControl::virtualize_apic_accesses);
  // An XCHG writes.
  CHECK(box.run({0x87, 0x03}, false) == exited);
  CHECK(box.vmx.exit.qualification == 1 << 12);
  // The neighbours are ordinary, and so is the page outside of VMX non-root operation.
  box.cpu.gpr[RBX] += 0x1000;
  CHECK(box.read(0x80) == done);
  box.cpu.gpr[RBX] -= 0x1000;
  end_apic_virtualization(box.cpu);
  CHECK(box.read(0x80) == done);
  CHECK(box.cpu.mmu.data_view()->read[tlb_index(ApicBox::apic_access_page)].tag == ApicBox::apic_access_page);
  // The fast tag of before is gone once the page is virtualized, and none comes back.
  box.set(VmxControl::tpr_shadow);
  box.cpu.mmu.flush_all();
  box.begin();
  CHECK(box.read(0x80) == done);
  CHECK(box.cpu.mmu.data_view()->read[tlb_index(ApicBox::apic_access_page)].tag != ApicBox::apic_access_page);
}

TEST_CASE("With a TPR shadow alone only the TPR is virtualized") {
  ApicBox box;
  box.set(VmxControl::virtualize_apic_accesses);
  box.set(VmxControl::tpr_shadow);
  box.begin();
  box.set_page(0x80, 0x70);
  CHECK(box.read(0x80) == done);
  CHECK(box.cpu.gpr[RAX] == 0x70);
  CHECK(box.write(0x80, 0x11223344) == done);
  CHECK(box.page(0x80) == 0x44);  // bytes 3:1 are cleared
  CHECK(box.read(0x81) == exited);
  CHECK(box.read(0xb0) == exited);
  CHECK(box.write(0xb0, 0) == exited);
  // 64 bits are too many.
  CHECK(box.run({0x48, 0x8b, 0x83, 0x80, 0, 0, 0}, false) == exited);
  CHECK(box.vmx.exit.qualification == 0x80);
  box.vmx.controls.tpr_threshold = 3;
  CHECK(box.write(0x80, 0x20) == done);
  CHECK(box.trap() == Vmx::TrapExit::tpr_below_threshold);
}

TEST_CASE("APIC-register virtualization: which registers are read and written, and APIC-write exits") {
  ApicBox box;
  box.set(VmxControl::virtualize_apic_accesses);
  box.set(VmxControl::tpr_shadow);
  box.set(VmxControl::apic_register_virtualization);
  box.begin();
  unsigned readable = 0, writable = 0;
  for (u32 offset = 0; offset < 0x400; offset += 16) {
    CAPTURE(offset);
    box.set_page(offset, 0x1000 + offset);
    const bool reads = box.read(offset) == done;
    if (reads) CHECK(box.cpu.gpr[RAX] == 0x1000 + offset);
    readable += reads;
    CHECK(box.read(offset + 4) == exited);
    box.vmx.trap_exit = Vmx::TrapExit::none;
    const bool writes = box.write(offset, 0x55aa55aa) == done;
    CHECK((reads || !writes));
    writable += writes;
    const bool silent = offset == 0x80 || offset == 0x310;
    CHECK(box.vmx.trap_exit == (writes && !silent ? Vmx::TrapExit::apic_write : Vmx::TrapExit::none));
    if (writes && !silent) {
      ExitInfo exit;
      CHECK(take_trap_exit(box.cpu, exit));
      CHECK(exit.reason == ExitReason::apic_write);
      CHECK(exit.qualification == offset);
      CHECK(box.page(offset) == 0x55aa55aa);
    }
  }
  CHECK(readable == 12 + 24 + 6);
  CHECK(writable == 11 + 6);
  CHECK(box.page(0x310) == 0x55000000);
  CHECK(box.read(0x3fe) == exited);
  CHECK(box.read(0xfff - 1) == exited);
}

TEST_CASE("Accesses during the delivery of an event and instruction fetches") {
  ApicBox box;
  box.set(VmxControl::virtualize_apic_accesses);
  box.begin();
  box.vmx.vectoring.information = Interruption::valid;
  CHECK(apic_access_exit(box.cpu, 0x30, AccessKind::write, true).qualification == (0x30 | 3 << 12));
  CHECK(apic_access_exit(box.cpu, 0x30, AccessKind::read, false).qualification == 10 << 12);
  box.vmx.vectoring = {};
  CHECK(apic_access_exit(box.cpu, 0x30, AccessKind::execute, true).qualification == (0x30 | 2 << 12));
  CHECK(apic_access_exit(box.cpu, 0x30, AccessKind::read, false).qualification == 15 << 12);
}

TEST_CASE("x2APIC registers by MSR") {
  ApicBox box;
  box.set(VmxControl::msr_bitmaps);
  box.set(VmxControl::tpr_shadow);
  const auto rdmsr = [&](u32 msr) {
    box.cpu.gpr[RCX] = msr;
    return box.run({0x0f, 0x32});
  };
  const auto wrmsr = [&](u32 msr, u64 value) {
    box.cpu.gpr[RCX] = msr;
    box.cpu.gpr[RAX] = static_cast<u32>(value);
    box.cpu.gpr[RDX] = value >> 32;
    return box.run({0x0f, 0x30});
  };
  CHECK(wrmsr(0x808, 0x20) == GP);  // the local APIC's own, which refuses
  box.set(VmxControl::virtualize_x2apic_mode);
  CHECK(wrmsr(0x808, 0x30) == done);
  CHECK(box.page(0x80) == 0x30);
  CHECK(rdmsr(0x808) == done);
  CHECK(box.cpu.gpr[RAX] == 0x30);
  CHECK(wrmsr(0x808, 0x100) == GP);
  CHECK(wrmsr(0x808, bit(40)) == GP);
  CHECK(wrmsr(0x80b, 0) == GP);
  box.vmx.controls.tpr_threshold = 4;
  CHECK(wrmsr(0x808, 0x30) == done);
  CHECK(box.trap() == Vmx::TrapExit::tpr_below_threshold);
  box.set(VmxControl::apic_register_virtualization);
  box.set_page(0x3e0, 0x12345678);
  box.set_page(0x3e4, 0x9abcdef0);
  CHECK(rdmsr(0x83e) == done);
  CHECK(box.cpu.gpr[RAX] == 0x12345678);
  CHECK(box.cpu.gpr[RDX] == 0x9abcdef0);
  CHECK(wrmsr(0x83e, 1) == GP);
  // The bitmap comes first.
  box.set_bit(GuestBox::msr_bitmap, 0x83e);
  CHECK(rdmsr(0x83e) == exited);
}
