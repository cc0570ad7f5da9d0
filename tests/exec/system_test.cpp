// Owns the tests of the remaining system instructions: tables, MSRs, time, CPUID, interrupt flag, bases,
// MONITOR.
#include <utility>

#include "cpu/exec/descriptors/descriptor_instructions.h"
#include "tests/exec/system_box.h"

using namespace ringside;

TEST_CASE("LGDT and LIDT: width by mode and operand size, privilege, canonical bases") {
  SystemBox b;
  b.memory.write(HostPhys(0x8000), 8, 0xab87654321001234);
  b.memory.write(HostPhys(0x8008), 8, 0);
  b.cpu.gpr[RBX] = 0x8000;
  b.protected_mode();
  CHECK(b.run({0x0f, 0x01, 0x13}) == done);  // lgdt [ebx]
  CHECK(b.cpu.gdtr.limit == 0x1234);
  CHECK(b.cpu.gdtr.base == 0x65432100);
  CHECK(b.run({0x66, 0x0f, 0x01, 0x1b}) == done);  // lidt [ebx] with a 16-bit operand: 24 bits of base
  CHECK(b.cpu.idtr.base == 0x432100);
  b.cpu.gpr[RBX] = 0x9000;
  b.memory.write(HostPhys(0x9000), 8, ~u64{0});
  CHECK(b.run({0x66, 0x0f, 0x01, 0x03}) == done);  // sgdt [ebx] stores 32 bits at either size
  CHECK(b.memory.read(HostPhys(0x9000), 8) == 0xffff654321001234);
  b.long_mode();
  b.cpu.gpr[RBX] = 0x8000;
  b.memory.write(HostPhys(0x8008), 8, 0x1000);
  CHECK(b.run({0x66, 0x0f, 0x01, 0x13}) == GP);  // ten bytes in 64-bit mode: not canonical
  b.memory.write(HostPhys(0x8006), 4, 0xffffffff);
  CHECK(b.run({0x66, 0x0f, 0x01, 0x13}) == done);
  CHECK(b.cpu.gdtr.base == 0xffffffff65432100);
}

TEST_CASE("SGDT and SIDT store what LGDT and LIDT load; UMIP keeps users out") {
  SystemBox b;
  b.long_mode();
  b.cpu.gpr[RBX] = 0x8000;
  b.memory.write(HostPhys(0x8000), 8, 0x7654321089ab1234);
  b.memory.write(HostPhys(0x8008), 2, 0x0000);
  CHECK(b.run({0x0f, 0x01, 0x1b}) == done);  // lidt [rbx]
  CHECK(b.cpu.idtr.limit == 0x1234);
  CHECK(b.cpu.idtr.base == 0x00007654321089ab);
  b.cpu.gpr[RBX] = 0x9000;
  CHECK(b.run({0x0f, 0x01, 0x0b}) == done);  // sidt [rbx]
  CHECK(b.memory.read(HostPhys(0x9000), 8) == 0x7654321089ab1234);
  CHECK(b.memory.read(HostPhys(0x9008), 2) == 0);
  b.memory.write(HostPhys(0x8008), 2, 0x1000);  // not canonical
  b.cpu.gpr[RBX] = 0x8000;
  CHECK(b.run({0x0f, 0x01, 0x1b}) == GP);
  CHECK(b.run({0x0f, 0x01, 0x13}) == GP);

  b.long_mode(3);
  CHECK(b.run({0x0f, 0x01, 0x13}) == GP);
  CHECK(b.run({0x0f, 0x01, 0x1b}) == GP);
  CHECK(b.run({0x0f, 0x01, 0x03}) == done);
  CHECK(b.run({0x0f, 0x01, 0x0b}) == done);
  b.cpu.cr4 |= Cr4::UMIP;
  CHECK(b.run({0x0f, 0x01, 0x03}) == GP);
  CHECK(b.run({0x0f, 0x01, 0x0b}) == GP);
}

TEST_CASE("SLDT and STR under UMIP; LLDT and LTR above level 0; none in real-address mode") {
  SystemBox b;
  Lowered sldt_eax, str_eax;
  REQUIRE((b.lower(b.decoder, {0x0f, 0x00, 0xc0}, sldt_eax) != nullptr));
  REQUIRE((b.lower(b.decoder, {0x0f, 0x00, 0xc8}, str_eax) != nullptr));
  // Both go on in their block, so that their bodies are called alone.
  const auto stores = [&] {
    return std::pair(sldt<Gpr<0, u32>>(b.cpu, sldt_eax.op), str<Gpr<0, u32>>(b.cpu, str_eax.op));
  };
  CHECK(stores() == std::pair(false, false));
  CHECK(b.cpu.fault.vector == Vector::UD);
  CHECK(b.run({0x0f, 0x00, 0xd0}) == UD);  // lldt eax
  CHECK(b.run({0x0f, 0x00, 0xd8}) == UD);  // ltr eax
  b.protected_mode(3);
  b.cpu.segment[LDTR].selector = 0x28;
  CHECK(stores() == std::pair(true, true));
  CHECK(b.run({0x0f, 0x00, 0xd0}) == GP);
  CHECK(b.run({0x0f, 0x00, 0xd8}) == GP);
  b.cpu.cr4 |= Cr4::UMIP;
  CHECK(stores() == std::pair(false, false));
  CHECK(b.cpu.fault.vector == Vector::GP);
  b.protected_mode();
  CHECK(stores() == std::pair(true, true));
}

TEST_CASE("RDMSR and WRMSR: privilege, EDX:EAX, unknown numbers") {
  SystemBox b;
  b.long_mode();
  b.cpu.gpr[RCX] = 0xc0000102;
  b.cpu.gpr[RAX] = 0xffffffff12345678;
  b.cpu.gpr[RDX] = 0xffffffff00007abc;
  CHECK(b.run({0x0f, 0x30}) == done);
  CHECK(b.cpu.msr.kernel_gs_base == 0x7abc12345678);
  CHECK(b.run({0x0f, 0x32}) == done);
  CHECK(b.cpu.gpr[RAX] == 0x12345678);
  CHECK(b.cpu.gpr[RDX] == 0x7abc);
  b.cpu.gpr[RDX] = 0x1000000;
  CHECK(b.run({0x0f, 0x30}) == GP);
  b.cpu.gpr[RCX] = 0xdead;
  CHECK(b.run({0x0f, 0x32}) == GP);
  CHECK(b.cpu.gpr[RDX] == 0x1000000);
  REQUIRE(b.cpu.unknown_msrs.size() == 1);
  CHECK(b.cpu.unknown_msrs[0].first_rip == 0x500);
  b.cpu.gpr[RCX] = 0xc0000102;
  b.long_mode(3);
  CHECK(b.run({0x0f, 0x32}) == GP);
  CHECK(b.run({0x0f, 0x30}) == GP);
}

TEST_CASE("RDTSC, RDTSCP, RDPMC and RDPID: values and who may") {
  SystemBox b;
  b.long_mode(3);
  b.cpu.msr.tsc_aux = 0x55;
  b.clock.time += 0x500000007;
  CHECK(b.run({0x0f, 0x31}) == done);
  CHECK(b.cpu.gpr[RAX] == 7);
  CHECK(b.cpu.gpr[RDX] == 5);
  CHECK(b.run({0x0f, 0x01, 0xf9}) == done);
  CHECK(b.cpu.gpr[RCX] == 0x55);
  CHECK(b.run({0xf3, 0x0f, 0xc7, 0xf8}) == done);
  CHECK(b.cpu.gpr[RAX] == 0x55);
  b.cpu.gpr[RCX] = 0;
  CHECK(b.run({0x0f, 0x33}) == GP);
  b.cpu.cr4 |= Cr4::TSD | Cr4::PCE;
  CHECK(b.run({0x0f, 0x31}) == GP);
  CHECK(b.run({0x0f, 0x01, 0xf9}) == GP);
  CHECK(b.run({0x0f, 0x33}) == done);
  b.cpu.gpr[RCX] = 0x40000000;
  CHECK(b.run({0x0f, 0x33}) == GP);
  b.long_mode(0);
  b.cpu.cr4 |= Cr4::TSD;
  CHECK(b.run({0x0f, 0x31}) == done);
  SystemBox poor("qemu64");
  poor.long_mode();
  CHECK(poor.run({0x0f, 0x01, 0xf9}) == undecoded);
}

TEST_CASE("CPUID: leaves, the microcode's revision, faulting") {
  SystemBox b;
  b.long_mode();
  b.cpu.gpr[RAX] = 0xffffffff00000000;
  CHECK(b.run({0x0f, 0xa2}) == done);
  CHECK(b.cpu.gpr[RBX] == 0x756e6547);
  b.cpu.msr.microcode = 0;
  b.cpu.gpr[RAX] = 1;
  CHECK(b.run({0x0f, 0xa2}) == done);
  CHECK(b.cpu.gpr[RAX] == b.model.signature);
  CHECK((b.cpu.gpr[RDX] >> 9 & 1) == 1);
  CHECK((b.cpu.msr.microcode >> 32) == b.model.microcode);
  b.apic.base &= ~bit(11);
  b.cpu.gpr[RAX] = 1;
  CHECK(b.run({0x0f, 0xa2}) == done);
  CHECK((b.cpu.gpr[RDX] >> 9 & 1) == 0);
  b.cpu.msr.misc_features = 1;
  CHECK(b.run({0x0f, 0xa2}) == done);
  b.long_mode(3);
  CHECK(b.run({0x0f, 0xa2}) == GP);
  b.cpu.msr.misc_features = 0;
  CHECK(b.run({0x0f, 0xa2}) == done);
}

TEST_CASE("CLI and STI by mode, IOPL, PVI and VME") {
  struct {
    bool v86;
    u8 cpl, iopl;
    u64 cr4;
    u64 flag;  // that changes; 0: #GP
  } const rows[] = {{false, 0, 0, 0, Eflags::IF},
                    {false, 3, 3, 0, Eflags::IF},
                    {false, 3, 2, 0, 0},
                    {false, 3, 2, Cr4::PVI, Eflags::VIF},
                    {false, 2, 1, Cr4::PVI, 0},
                    {false, 3, 0, Cr4::VME, 0},
                    {true, 3, 3, 0, Eflags::IF},
                    {true, 3, 0, 0, 0},
                    {true, 3, 0, Cr4::VME, Eflags::VIF},
                    {true, 3, 0, Cr4::PVI, 0},
                    {true, 3, 3, Cr4::VME, Eflags::IF}};
  for (const auto& row : rows) {
    CAPTURE(row.v86);
    CAPTURE(row.cpl);
    CAPTURE(row.iopl);
    SystemBox b;
    row.v86 ? b.virtual_8086() : b.protected_mode(row.cpl);
    b.cpu.cr4 = row.cr4;
    b.cpu.set_eflags(u64{row.iopl} << 12, Eflags::IOPL);
    const u64 before = b.cpu.eflags();
    CHECK(b.run({0xfb}) == (row.flag ? done : GP));
    CHECK(b.cpu.eflags() == (before | row.flag));
    CHECK((b.cpu.interrupt_shadow == Shadow::sti) == (row.flag == Eflags::IF));
    CHECK(b.run({0xfa}) == (row.flag ? done : GP));
    CHECK(b.cpu.eflags() == before);
    if (row.flag == Eflags::VIF) {
      b.cpu.set_eflags(Eflags::VIP, Eflags::VIP);
      CHECK(b.run({0xfb}) == GP);
    }
  }
}

TEST_CASE("STI blocks interrupts for one instruction only if they were off, and notices one that waits") {
  SystemBox b;
  b.apic.waiting = true;
  CHECK(b.run({0xfb}) == done);
  CHECK(b.cpu.interrupt_shadow == Shadow::sti);
  CHECK((b.cpu.attention & Attention::shadow));
  CHECK((b.cpu.attention & Attention::interrupt));
  b.cpu.interrupt_shadow = 0;
  CHECK(b.run({0xfb}) == done);
  CHECK(b.cpu.interrupt_shadow == 0);
}

TEST_CASE("HLT halts CPL 0 alone; WBINVD and INVD are its too") {
  SystemBox b;
  b.protected_mode(3);
  for (auto bytes : {std::initializer_list<u8>{0xf4}, {0x0f, 0x09}, {0x0f, 0x08}, {0xf3, 0x0f, 0x09}})
    CHECK(b.run(bytes) == GP);
  CHECK(b.cpu.activity == Activity::active);
  b.protected_mode(0);
  for (auto bytes : {std::initializer_list<u8>{0x0f, 0x09}, {0x0f, 0x08}, {0xf3, 0x0f, 0x09}, {0xf4}})
    CHECK(b.run(bytes) == done);
  CHECK(b.cpu.activity == Activity::hlt);
  CHECK((b.cpu.attention & Attention::activity));
}

TEST_CASE("CLAC, STAC and SWAPGS") {
  SystemBox b;
  b.long_mode();
  CHECK(b.run({0x0f, 0x01, 0xcb}) == done);
  CHECK(b.cpu.flag(Eflags::AC));
  CHECK(b.run({0x0f, 0x01, 0xca}) == done);
  CHECK_FALSE(b.cpu.flag(Eflags::AC));
  b.cpu.segment[GS].base = 1;
  b.cpu.msr.kernel_gs_base = 2;
  CHECK(b.run({0x0f, 0x01, 0xf8}) == done);
  CHECK(b.cpu.segment[GS].base == 2);
  CHECK(b.cpu.msr.kernel_gs_base == 1);
  b.long_mode(3);
  CHECK(b.run({0x0f, 0x01, 0xcb}) == UD);
  CHECK(b.run({0x0f, 0x01, 0xca}) == UD);
  CHECK(b.run({0x0f, 0x01, 0xf8}) == GP);
  SystemBox p;
  p.protected_mode();
  CHECK(p.run({0x0f, 0x01, 0xf8}) == undecoded);
}

TEST_CASE("RDFSBASE and its like: CR4.FSGSBASE, widths, canonical") {
  SystemBox b;
  b.long_mode(3);
  b.cpu.gpr[RAX] = 0x1122334455;
  CHECK(b.run({0xf3, 0x48, 0x0f, 0xae, 0xd0}) == UD);
  b.cpu.cr4 |= Cr4::FSGSBASE;
  CHECK(b.run({0xf3, 0x48, 0x0f, 0xae, 0xd0}) == done);  // wrfsbase rax
  CHECK(b.cpu.segment[FS].base == 0x1122334455);
  CHECK(b.run({0xf3, 0x0f, 0xae, 0xd8}) == done);  // wrgsbase eax
  CHECK(b.cpu.segment[GS].base == 0x22334455);
  CHECK(b.run({0xf3, 0x48, 0x0f, 0xae, 0xc1}) == done);  // rdfsbase rcx
  CHECK(b.cpu.gpr[RCX] == 0x1122334455);
  b.cpu.gpr[RDX] = ~u64{0};
  CHECK(b.run({0xf3, 0x0f, 0xae, 0xc2}) == done);  // rdfsbase edx
  CHECK(b.cpu.gpr[RDX] == 0x22334455);
  b.cpu.gpr[RAX] = 0x8000000000000000;
  CHECK(b.run({0xf3, 0x48, 0x0f, 0xae, 0xd0}) == GP);
  CHECK(b.run({0xf3, 0x48, 0x0f, 0xae, 0xd8}) == GP);
  CHECK(b.cpu.segment[FS].base == 0x1122334455);
}

TEST_CASE("RDPKRU and WRPKRU") {
  SystemBox b;
  b.long_mode(3);
  b.cpu.gpr[RAX] = 0x1234, b.cpu.gpr[RCX] = b.cpu.gpr[RDX] = 0;
  CHECK(b.run({0x0f, 0x01, 0xef}) == UD);
  CHECK(b.run({0x0f, 0x01, 0xee}) == UD);
  b.cpu.cr4 |= Cr4::PKE;
  CHECK(b.run({0x0f, 0x01, 0xef}) == done);
  CHECK(b.cpu.pkru == 0x1234);
  CHECK(b.mmu.registers().pkru == 0x1234);
  b.cpu.gpr[RDX] = 1;
  CHECK(b.run({0x0f, 0x01, 0xef}) == GP);
  CHECK(b.run({0x0f, 0x01, 0xee}) == done);
  CHECK(b.cpu.gpr[RAX] == 0x1234);
  CHECK(b.cpu.gpr[RDX] == 0);
  b.cpu.gpr[RCX] = 1;
  CHECK(b.run({0x0f, 0x01, 0xef}) == GP);
  CHECK(b.run({0x0f, 0x01, 0xee}) == GP);
}

TEST_CASE("INVPCID: type, reserved bits, PCIDE, canonical; INVLPG forgives addresses") {
  SystemBox b;
  b.long_mode();
  const auto invpcid = [&](u64 type, u64 low, u64 high) {
    b.memory.write(HostPhys(0x8000), 8, low);
    b.memory.write(HostPhys(0x8008), 8, high);
    b.cpu.gpr[RBX] = 0x8000;
    b.cpu.gpr[RAX] = type;
    return b.run({0x66, 0x0f, 0x38, 0x82, 0x03});
  };
  constexpr u64 bad = 0x8000000000000000;
  CHECK(invpcid(0, 0, 0x1000) == done);
  CHECK(invpcid(0, 0, bad) == GP);
  CHECK(invpcid(1, 0, bad) == done);
  CHECK(invpcid(0, 1, 0) == GP);
  CHECK(invpcid(1, 1, 0) == GP);
  CHECK(invpcid(2, 1, bad) == done);
  CHECK(invpcid(3, 1, bad) == done);
  for (u64 type : {0, 1, 2, 3}) CHECK(invpcid(type, 0x1000, 0) == GP);
  for (u64 type : {u64{4}, u64{0x100000000}, ~u64{0}}) CHECK(invpcid(type, 0, 0) == GP);
  b.cpu.cr4 |= Cr4::PCIDE;
  b.cpu.update_translation();
  CHECK(invpcid(0, 5, 0x1000) == done);
  CHECK(invpcid(1, 5, 0) == done);
  b.cpu.gpr[RBX] = bad;
  CHECK(b.run({0x0f, 0x01, 0x3b}) == done);  // invlpg [rbx]
  b.long_mode(3);
  CHECK(b.run({0x0f, 0x01, 0x3b}) == GP);
  CHECK(invpcid(2, 0, 0) == GP);
  SystemBox poor("qemu64");
  poor.long_mode();
  CHECK(poor.run({0x66, 0x0f, 0x38, 0x82, 0x03}) == undecoded);
}

TEST_CASE("INVLPG drops a stale translation") {
  SystemBox b;
  b.long_mode();
  b.memory.write(HostPhys(0x2000), 8, 0x4007);
  b.memory.write(HostPhys(0x4000), 8, 0x5007);
  b.memory.write(HostPhys(0x5000 + 8 * 0x80), 8, 0x10007);
  b.cpu.update_translation();
  HostPhys at;
  Fault fault;
  CHECK(b.mmu.translate(LinAddr(0x80000), Access{}, at, fault));
  CHECK(at.value == 0x10000);
  b.memory.write(HostPhys(0x5000 + 8 * 0x80), 8, 0x20007);
  b.cpu.gpr[RBX] = 0x80123;
  CHECK(b.run({0x0f, 0x01, 0x3b}) == done);
  CHECK(b.mmu.translate(LinAddr(0x80000), Access{}, at, fault));
  CHECK(at.value == 0x20000);
}

TEST_CASE("MONITOR and MWAIT: privilege, hints, the enable in IA32_MISC_ENABLE") {
  SystemBox b;
  b.long_mode();
  b.cpu.gpr[RAX] = 0x8765;
  b.cpu.gpr[RCX] = 0;
  CHECK(b.run({0x0f, 0x01, 0xc8}) == done);
  CHECK(b.cpu.monitor_armed);
  CHECK(b.cpu.monitor_address == 0x8740);
  b.cpu.segment[FS].base = 0x10000;
  b.cpu.segment[ES].base = 0x20000;
  CHECK(b.run({0x64, 0x0f, 0x01, 0xc8}) == done);
  CHECK(b.cpu.monitor_address == 0x18740);
  CHECK(b.run({0x64, 0x26, 0x0f, 0x01, 0xc8}) == done);  // ES: is ignored in 64-bit mode
  CHECK(b.cpu.monitor_address == 0x18740);
  b.cpu.gpr[RCX] = 1;
  CHECK(b.run({0x0f, 0x01, 0xc9}) == done);
  CHECK_FALSE(b.cpu.monitor_armed);
  CHECK(b.run({0x0f, 0x01, 0xc8}) == GP);
  b.cpu.gpr[RCX] = 2;
  CHECK(b.run({0x0f, 0x01, 0xc9}) == GP);
  b.cpu.gpr[RCX] = 0;
  b.cpu.gpr[RAX] = 0x8000000000000000;
  CHECK(b.run({0x0f, 0x01, 0xc8}) == GP);
  b.cpu.msr.misc_enable &= ~MiscEnable::monitor;
  CHECK(b.run({0x0f, 0x01, 0xc8}) == UD);
  CHECK(b.run({0x0f, 0x01, 0xc9}) == UD);
  b.cpu.msr.misc_enable |= MiscEnable::monitor;
  b.long_mode(3);
  CHECK(b.run({0x0f, 0x01, 0xc8}) == UD);
  CHECK(b.run({0x0f, 0x01, 0xc9}) == UD);
}

TEST_CASE("RSM outside system-management mode and GETSEC are undefined; SERIALIZE does nothing") {
  SystemBox b;
  b.long_mode();
  CHECK(b.run({0x0f, 0xaa}) == UD);
  CHECK(b.run({0x0f, 0x37}) == undecoded);
  CHECK(b.run({0x0f, 0x01, 0xe8}) == done);
  SystemBox older("Icelake-Server");
  older.long_mode();
  CHECK(older.run({0x0f, 0x01, 0xe8}) == undecoded);
}

TEST_CASE("UMONITOR, UMWAIT and TPAUSE: reserved bits, CR4.TSD, flags, the limit's MSR") {
  SystemBox b;
  b.long_mode(3);
  b.cpu.gpr[RCX] = 0x18765;
  CHECK(b.run({0xf3, 0x0f, 0xae, 0xf1}) == done);  // UMONITOR RCX
  CHECK(b.cpu.monitor_armed);
  CHECK(b.cpu.monitor_address == 0x18740);
  b.cpu.segment[GS].base = 0x20000;
  CHECK(b.run({0x65, 0x67, 0xf3, 0x0f, 0xae, 0xf1}) == done);  // UMONITOR GS:ECX
  CHECK(b.cpu.monitor_address == 0x38740);
  b.cpu.gpr[RBX] = 1;
  b.cpu.flags.set_image(Eflags::CF | Eflags::ZF | Eflags::OF);
  CHECK(b.run({0xf2, 0x0f, 0xae, 0xf3}) == done);  // UMWAIT EBX
  CHECK_FALSE(b.cpu.monitor_armed);
  CHECK((b.cpu.eflags() & (Eflags::CF | Eflags::PF | Eflags::AF | Eflags::ZF | Eflags::SF | Eflags::OF)) ==
        0);
  CHECK(b.run({0x66, 0x0f, 0xae, 0xf3}) == done);  // TPAUSE EBX
  b.cpu.gpr[RBX] = u64{1} << 32;                   // beyond the operand
  CHECK(b.run({0x66, 0x0f, 0xae, 0xf3}) == done);
  b.cpu.gpr[RBX] = 2;
  CHECK(b.run({0x66, 0x0f, 0xae, 0xf3}) == GP);
  CHECK(b.run({0xf2, 0x0f, 0xae, 0xf3}) == GP);
  b.cpu.gpr[RBX] = 0;
  b.cpu.cr4 |= Cr4::TSD;
  CHECK(b.run({0x66, 0x0f, 0xae, 0xf3}) == GP);
  b.cpu.gpr[RCX] = u64{1} << 63;
  CHECK(b.run({0xf3, 0x0f, 0xae, 0xf1}) == GP);  // not canonical
  SystemBox older("Icelake-Server");
  older.long_mode();
  CHECK(older.run({0x66, 0x0f, 0xae, 0xf3}) == undecoded);
}
