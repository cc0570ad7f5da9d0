// Owns the tests of the instructions that exit always or by one control: what has priority over the exit, and
// what the exit records.
#include "tests/vmx/guest_box.h"

using namespace ringside;

// "Instructions That Cause VM Exits Unconditionally", and privilege in front of them.
TEST_CASE("CPUID, INVD and XSETBV always exit") {
  GuestBox box;
  CHECK(box.exit_of({0x0f, 0xa2}, ExitReason::cpuid).cause.kind == ExitCause::Kind::unconditional);
  box.exit_of({0x0f, 0x08}, ExitReason::invd);
  box.exit_of({0x0f, 0x01, 0xd1}, ExitReason::xsetbv);

  box.cpu.cr4 &= ~Cr4::OSXSAVE;
  CHECK(box.run({0x0f, 0x01, 0xd1}) == UD);
  box.guest64(3);
  box.exit_of({0x0f, 0xa2}, ExitReason::cpuid);
  CHECK(box.run({0x0f, 0x08}) == GP);
  CHECK(box.run({0x0f, 0x01, 0xd1}) == GP);
}

TEST_CASE("Instructions that exit by one control") {
  struct Row {
    std::initializer_list<u8> bytes;
    VmxControl control;
    ExitReason reason;
    int above;  // at CPL 3
  };
  const Row rows[] = {
      {{0xf4}, VmxControl::hlt_exiting, ExitReason::hlt, GP},
      {{0x0f, 0x31}, VmxControl::rdtsc_exiting, ExitReason::rdtsc, exited},
      {{0x0f, 0x33}, VmxControl::rdpmc_exiting, ExitReason::rdpmc, GP},
      {{0x0f, 0x09}, VmxControl::wbinvd_exiting, ExitReason::wbinvd, GP},
      {{0x0f, 0x01, 0xc8}, VmxControl::monitor_exiting, ExitReason::monitor, UD},
      {{0x0f, 0x01, 0xc9}, VmxControl::mwait_exiting, ExitReason::mwait, UD},
      {{0xf3, 0x90}, VmxControl::pause_exiting, ExitReason::pause, exited},
      {{0x0f, 0x01, 0x3f}, VmxControl::invlpg_exiting, ExitReason::invlpg, GP},
  };
  for (const Row& row : rows) {
    GuestBox box;
    CAPTURE(std::string(info(row.control).name));
    box.cpu.gpr[RDI] = 0x1234;
    CHECK(box.run(row.bytes) == done);
    box.cpu.activity = Activity::active;
    box.set(row.control);
    const ExitInfo& exit = box.exit_of(row.bytes, row.reason);
    CHECK(exit.cause.kind == ExitCause::Kind::control);
    CHECK(exit.cause.control == row.control);
    CHECK(exit.instruction_information == 0);
    CHECK(exit.qualification == (row.reason == ExitReason::invlpg ? 0x1234 : 0));
    CHECK(box.cpu.activity == Activity::active);
    box.guest64(3);
    CHECK(box.run(row.bytes) == row.above);
  }
}

TEST_CASE("Exits have priority over faults that are not about privilege") {
  GuestBox box;
  box.set(VmxControl::rdpmc_exiting);
  box.set(VmxControl::monitor_exiting);
  box.cpu.gpr[RCX] = 0xffffffff;  // no such counter, no such extension
  box.exit_of({0x0f, 0x33}, ExitReason::rdpmc);
  box.exit_of({0x0f, 0x01, 0xc8}, ExitReason::monitor);
  box.cpu.cr4 |= Cr4::TSD;
  box.cpu.cpl = 3;
  box.set(VmxControl::rdtsc_exiting);
  CHECK(box.run({0x0f, 0x31}) == GP);
}

TEST_CASE("MWAIT says whether the monitor was armed") {
  GuestBox box;
  box.set(VmxControl::mwait_exiting);
  box.cpu.monitor_armed = true;
  CHECK(box.exit_of({0x0f, 0x01, 0xc9}, ExitReason::mwait).qualification == 1);
  CHECK(box.cpu.monitor_armed);
}

TEST_CASE("INVLPG's operand: segment bases, 32 bits outside 64-bit mode") {
  GuestBox box;
  box.set(VmxControl::invlpg_exiting);
  box.cpu.gpr[RAX] = 0xffff800000001000;
  box.cpu.segment[GS].base = 0x70;
  CHECK(box.exit_of({0x65, 0x0f, 0x01, 0x78, 0x08}, ExitReason::invlpg).qualification == 0xffff800000001078);
  box.guest32();
  box.cpu.segment[DS].base = 0xfffffff0;
  box.cpu.gpr[RAX] = 0x20;
  CHECK(box.exit_of({0x0f, 0x01, 0x38}, ExitReason::invlpg).qualification == 0x10);
}

TEST_CASE("Instructions that are #UD unless a control enables them") {
  GuestBox box;
  box.cpu.gpr[RCX] = 2;
  box.cpu.gpr[RAX] = GuestBox::data;
  CHECK(box.run({0x0f, 0x01, 0xf9}) == UD);              // RDTSCP
  CHECK(box.run({0xf3, 0x0f, 0xc7, 0xf8}) == UD);        // RDPID EAX
  CHECK(box.run({0x66, 0x0f, 0x38, 0x82, 0x08}) == UD);  // INVPCID RCX, [RAX]
  CHECK(box.run({0x0f, 0xc7, 0x28}) == UD);              // XSAVES [RAX]
  CHECK(box.run({0x0f, 0xc7, 0x18}) == UD);              // XRSTORS [RAX]
  // #UD comes before privilege, too.
  box.guest64(3);
  CHECK(box.run({0x66, 0x0f, 0x38, 0x82, 0x08}) == UD);
  box.guest64();
  box.set(VmxControl::rdtscp);
  box.set(VmxControl::invpcid);
  box.cpu.gpr[RAX] = GuestBox::data;
  CHECK(box.run({0xf3, 0x0f, 0xc7, 0xf9}) == done);  // RDPID ECX
  box.cpu.gpr[RCX] = 2;
  CHECK(box.run({0x66, 0x0f, 0x38, 0x82, 0x08}) == done);
  CHECK(box.run({0x0f, 0x01, 0xf9}) == done);
  box.set(VmxControl::rdtsc_exiting);
  box.exit_of({0x0f, 0x01, 0xf9}, ExitReason::rdtscp);
}

TEST_CASE("XSAVES and XRSTORS exit for components in IA32_XSS and the bitmap, before #NM") {
  GuestBox box;
  box.set(VmxControl::xsaves);
  box.cpu.gpr[RAX] = bit(8) | 3;
  box.cpu.gpr[RDX] = 0;
  box.cpu.gpr[RBX] = GuestBox::data;
  box.cpu.msr.xss = bit(8);
  CHECK(box.run({0x0f, 0xc7, 0x2b}) == done);
  box.vmx.controls.xss_exiting_bitmap = bit(8) | bit(10);
  box.cpu.cr0 |= Cr0::TS;
  const ExitInfo& exit = box.exit_of({0x0f, 0xc7, 0x6b, 0x40}, ExitReason::xsaves);
  CHECK(exit.cause.kind == ExitCause::Kind::xss_bitmap);
  CHECK(exit.cause.detail == bit(8));
  CHECK(exit.qualification == 0x40);
  CHECK(exit.instruction_information == (2u << 7 | 3u << 15 | 1u << 22 | 3u << 23));
  box.exit_of({0x0f, 0xc7, 0x1b}, ExitReason::xrstors);
  box.cpu.msr.xss = 0;
  CHECK(box.run({0x0f, 0xc7, 0x2b}) == static_cast<int>(Vector::NM));
  box.guest64(3);
  CHECK(box.run({0x0f, 0xc7, 0x2b}) == GP);
}

TEST_CASE("PAUSE-loop exiting: at CPL 0, after a window of PAUSEs without a gap") {
  GuestBox box;
  box.set(VmxControl::pause_loop_exiting);
  box.vmx.controls.pause_gap = 128;
  box.vmx.controls.pause_window = 4096;
  const auto pause = [&](u64 later) {
    box.clock.time += later;
    return box.run({0xf3, 0x90});
  };
  CHECK(pause(5000) == done);
  for (unsigned i = 0; i < 32; ++i) CHECK(pause(128) == done);  // 4096 ticks: not more than the window
  CHECK(pause(1) == exited);
  CHECK(box.vmx.exit.cause.control == VmxControl::pause_loop_exiting);
  CHECK(pause(1) == exited);
  CHECK(pause(200) == done);  // a gap: a new loop
  CHECK(pause(10) == done);
  box.cpu.cpl = 3;
  for (unsigned i = 0; i < 50; ++i) CHECK(pause(100) == done);
}

TEST_CASE("The guest's time: offset and scaling, for RDTSC, RDTSCP and RDMSR") {
  GuestBox box;
  box.set(VmxControl::rdtscp);
  box.set(VmxControl::msr_bitmaps);
  box.cpu.msr.tsc_offset = 0;
  box.clock.time = 1000;
  box.cpu.guest_tsc_offset = 50;
  box.cpu.guest_tsc_multiplier = u64{3} << 47;  // 1.5
  CHECK(box.run({0x0f, 0x31}) == done);
  CHECK(box.cpu.gpr[RAX] == 1550);
  CHECK(box.run({0x0f, 0x01, 0xf9}) == done);
  CHECK(box.cpu.gpr[RAX] == 1550);
  box.cpu.gpr[RCX] = 0x10;
  CHECK(box.run({0x0f, 0x32}) == done);
  CHECK(box.cpu.gpr[RAX] == 1550);
  // WRMSR writes the processor's own counter.
  box.cpu.gpr[RAX] = 2000;
  box.cpu.gpr[RDX] = 0;
  CHECK(box.run({0x0f, 0x30}) == done);
  CHECK(host_tsc(box.cpu) == 2000);
  box.cpu.non_root = false;
  CHECK(box.run({0x0f, 0x31}) == done);
  CHECK(box.cpu.gpr[RAX] == 2000);
}

TEST_CASE("IRET and blocking by NMI") {
  const auto iret = [](bool nmi_exiting, bool virtual_nmis, bool faults) {
    GuestBox box;
    box.set(VmxControl::nmi_exiting, nmi_exiting);
    box.set(VmxControl::virtual_nmis, virtual_nmis);
    box.cpu.nmi_blocked = box.vmx.virtual_nmi_blocked = true;
    box.guest32();
    box.cpu.gpr[RSP] = GuestBox::data;
    box.memory.write(HostPhys(GuestBox::data), 4, 0x600);
    box.memory.write(HostPhys(GuestBox::data + 4), 4, faults ? 0 : 8);
    box.memory.write(HostPhys(GuestBox::data + 8), 4, 2);
    box.memory.write(HostPhys(0x7008), 8, 0x00cf9b000000ffff);
    box.cpu.gdtr = {0x7000, 0xff};
    CHECK(box.run({0xcf}) == (faults ? GP : done));
    CHECK(box.vmx.nmi_unblocked == (faults && (virtual_nmis || !nmi_exiting)));
    return std::pair(box.cpu.nmi_blocked, box.vmx.virtual_nmi_blocked);
  };
  for (const bool faults : {false, true}) {
    CHECK(iret(false, false, faults) == std::pair(false, true));
    CHECK(iret(true, false, faults) == std::pair(true, true));
    CHECK(iret(true, true, faults) == std::pair(true, false));
  }
}

// "VMCALL": in VMX non-root operation nothing goes before the exit. The other VMX instructions are #UD
// outside 64-bit and protected mode.
TEST_CASE("VMCALL exits in every mode and at every privilege") {
  const auto check = [](GuestBox& box) {
    box.exit_of({0x0f, 0x01, 0xc1}, ExitReason::vmcall);
    CHECK(box.run({0x0f, 0x01, 0xc4}) == UD);  // VMXOFF
  };
  GuestBox box;
  box.exit_of({0x0f, 0x01, 0xc1}, ExitReason::vmcall);
  box.guest64(3);
  box.exit_of({0x0f, 0x01, 0xc1}, ExitReason::vmcall);
  box.guest32(3);
  box.exit_of({0x0f, 0x01, 0xc1}, ExitReason::vmcall);
  GuestBox compatibility;
  compatibility.cpu.segment[CS].rights &= ~Rights::L;
  compatibility.cpu.segment[CS].rights |= Rights::DB;
  compatibility.cpu.segment[CS].update();
  compatibility.cpu.update_mode();
  check(compatibility);
  GuestBox real;
  real.guest32();
  real.cpu.cr0 &= ~Cr0::PE;
  real.real_mode();
  check(real);
  GuestBox v86;
  v86.guest32();
  v86.virtual_8086();
  check(v86);
}

TEST_CASE("UMONITOR, UMWAIT and TPAUSE: #UD without the control, exits with RDTSC exiting") {
  const std::initializer_list<u8> umonitor = {0xf3, 0x0f, 0xae, 0xf0}, umwait = {0xf2, 0x0f, 0xae, 0xf1},
                                  tpause = {0x66, 0x0f, 0xae, 0xf3};  // RAX; ECX; EBX
  GuestBox box;
  box.cpu.gpr[RAX] = GuestBox::data;
  box.cpu.gpr[RCX] = 0;
  box.cpu.gpr[RBX] = 2;  // a reserved bit: less urgent than the exit
  for (const auto& instruction : {umonitor, umwait, tpause}) CHECK(box.run(instruction) == UD);
  box.set(VmxControl::rdtsc_exiting);
  for (const auto& instruction : {umonitor, umwait, tpause}) CHECK(box.run(instruction) == UD);
  box.set(VmxControl::user_wait);
  CHECK(box.run(umonitor) == done);
  CHECK(box.cpu.monitor_armed);
  CHECK(box.exit_of(umwait, ExitReason::umwait).instruction_information == (1 << 3 | 1 << 11));
  CHECK(box.cpu.monitor_armed);
  CHECK(box.exit_of(tpause, ExitReason::tpause).instruction_information == (3 << 3 | 1 << 11));
  CHECK(box.vmx.exit.qualification == 0);
  CHECK(box.vmx.exit.cause.control == VmxControl::rdtsc_exiting);
  box.guest64(3);
  box.cpu.cr4 |= Cr4::TSD;
  CHECK(box.run(tpause) == GP);
  box.guest64();
  box.set(VmxControl::rdtsc_exiting, false);
  CHECK(box.run(tpause) == GP);
  CHECK(box.run(umwait) == done);
}
