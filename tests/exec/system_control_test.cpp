// Owns the tests of moves to and from control and debug registers: each rule both ways, hostile values.
#include "tests/exec/system_box.h"

using namespace ringside;

namespace {

// MOV CRn, RAX and MOV RAX, CRn.
int to_cr(SystemBox& b, unsigned n, u64 value) {
  b.cpu.gpr[RAX] = value;
  return n == 8 ? b.run({0x44, 0x0f, 0x22, 0xc0}) : b.run({0x0f, 0x22, static_cast<u8>(0xc0 | n << 3)});
}
int from_cr(SystemBox& b, unsigned n) {
  b.cpu.gpr[RAX] = ~u64{0};
  return n == 8 ? b.run({0x44, 0x0f, 0x20, 0xc0}) : b.run({0x0f, 0x20, static_cast<u8>(0xc0 | n << 3)});
}
int to_dr(SystemBox& b, unsigned n, u64 value) {
  b.cpu.gpr[RAX] = value;
  return b.run({0x0f, 0x23, static_cast<u8>(0xc0 | n << 3)});
}
int from_dr(SystemBox& b, unsigned n) {
  b.cpu.gpr[RAX] = ~u64{0};
  return b.run({0x0f, 0x21, static_cast<u8>(0xc0 | n << 3)});
}

}  // namespace

TEST_CASE("control registers are CPL 0's") {
  for (unsigned n : {0u, 2u, 3u, 4u, 8u}) {
    SystemBox kernel, user;
    kernel.long_mode();
    user.long_mode(3);
    CAPTURE(n);
    CHECK(from_cr(kernel, n) == done);
    CHECK(from_cr(user, n) == GP);
    CHECK(to_cr(kernel, n, kernel.cpu.gpr[RAX]) == done);
    CHECK(to_cr(user, n, 0) == GP);
    if (n == 8) continue;
    SystemBox v86;
    v86.virtual_8086();
    CHECK(from_cr(v86, n) == GP);
  }
  SystemBox b;
  for (unsigned n : {1u, 5u, 6u, 7u}) CHECK(from_cr(b, n) == undecoded);
}

TEST_CASE("CR0: combinations, reserved bits, the way into and out of protected mode") {
  SystemBox b;
  CHECK(to_cr(b, 0, Cr0::PG) == GP);
  CHECK(to_cr(b, 0, Cr0::NW) == GP);
  CHECK(to_cr(b, 0, Cr0::NW | Cr0::CD) == done);
  CHECK(to_cr(b, 0, 0x1ff0ffc0) == done);  // reserved bits of the low half are not written
  CHECK(b.cpu.cr0 == (Cr0::ET | (0x1ff0ffc0 & (Cr0::NE | Cr0::WP | Cr0::AM))));
  CHECK_FALSE(b.cpu.mode.protected_mode);
  CHECK(to_cr(b, 0, Cr0::PE) == done);
  CHECK(b.cpu.cr0 == (Cr0::PE | Cr0::ET));
  CHECK(b.cpu.mode.protected_mode);
  CHECK(to_cr(b, 0, 0) == done);
  CHECK_FALSE(b.cpu.mode.protected_mode);

  b.long_mode();
  for (unsigned n = 32; n < 64; ++n) CHECK(to_cr(b, 0, b.cpu.cr0 | bit(n)) == GP);
  CHECK(to_cr(b, 0, b.cpu.cr0 & ~Cr0::PG) == GP);  // not out of 64-bit mode
  CHECK(to_cr(b, 0, b.cpu.cr0 & ~Cr0::PE) == GP);
}

TEST_CASE("CR0.PG activates IA-32e mode by the manual's conditions") {
  const auto prepared = [](SystemBox& b) {
    b.protected_mode();
    b.cpu.cr4 = Cr4::PAE;
    b.cpu.efer = Efer::LME;
  };
  SystemBox good;
  prepared(good);
  CHECK(to_cr(good, 0, Cr0::PE | Cr0::PG) == done);
  CHECK(good.cpu.efer == (Efer::LME | Efer::LMA));
  CHECK(good.cpu.mode.long_mode);
  CHECK_FALSE(good.cpu.mode.bits64);
  // Compatibility mode may leave again.
  good.cpu.cr4 |= Cr4::PCIDE;
  CHECK(to_cr(good, 0, Cr0::PE) == GP);
  good.cpu.cr4 &= ~Cr4::PCIDE;
  CHECK(to_cr(good, 0, Cr0::PE) == done);
  CHECK(good.cpu.efer == Efer::LME);

  SystemBox no_pae;
  prepared(no_pae);
  no_pae.cpu.cr4 = 0;
  CHECK(to_cr(no_pae, 0, Cr0::PE | Cr0::PG) == GP);
  CHECK(no_pae.cpu.cr0 == (Cr0::PE | Cr0::ET));

  SystemBox long_code;
  prepared(long_code);
  long_code.cpu.segment[CS].rights |= Rights::L;
  CHECK(to_cr(long_code, 0, Cr0::PE | Cr0::PG) == GP);

  for (u32 type : {1u, 3u, 9u, 11u}) {
    SystemBox tss;
    prepared(tss);
    tss.cpu.segment[TR].rights = Rights::P | type;
    CHECK(to_cr(tss, 0, Cr0::PE | Cr0::PG) == (type < 8 ? GP : done));
  }
}

TEST_CASE("PAE paging loads its four entries, and faults on reserved bits in a present one") {
  const auto prepare = [](SystemBox& b, u64 entry) {
    b.protected_mode();
    b.cpu.cr3 = 0x3000;
    b.cpu.cr4 = Cr4::PAE;
    b.memory.write(HostPhys(0x3000), 8, 0x4001);
    b.memory.write(HostPhys(0x3008), 8, entry);
  };
  struct {
    u64 entry;
    bool fine;
  } const rows[] = {{0, true},      {0x5001, true},  {0x5003, false},
                    {0x5002, true}, {0x5021, false}, {bit(62) | 1, false}};
  for (const auto& row : rows) {
    CAPTURE(row.entry);
    SystemBox on;
    prepare(on, row.entry);
    CHECK(to_cr(on, 0, Cr0::PE | Cr0::PG) == (row.fine ? done : GP));
    CHECK(((on.cpu.cr0 & Cr0::PG) != 0) == row.fine);

    SystemBox move;  // the same by MOV to CR3
    prepare(move, 0);
    CHECK(to_cr(move, 0, Cr0::PE | Cr0::PG) == done);
    move.memory.write(HostPhys(0x6000), 8, row.entry);
    CHECK(to_cr(move, 3, 0x6000) == (row.fine ? done : GP));
    CHECK(move.cpu.cr3 == (row.fine ? 0x6000 : 0x3000));

    SystemBox pge;  // and by CR4.PGE
    prepare(pge, 0);
    CHECK(to_cr(pge, 0, Cr0::PE | Cr0::PG) == done);
    pge.memory.write(HostPhys(0x3008), 8, row.entry);
    CHECK(to_cr(pge, 4, Cr4::PAE | Cr4::PGE) == (row.fine ? done : GP));
    pge.cpu.cr4 &= ~Cr4::PGE;
    CHECK(to_cr(pge, 4, Cr4::PAE | Cr4::DE) == done);  // other bits load nothing
  }
}

TEST_CASE("CR3: width, PCIDs and the bit that keeps translations") {
  SystemBox b("max,-lam");
  b.long_mode();
  CHECK(to_cr(b, 3, 0x1fff) == done);  // without PCIDE the low bits only choose caching
  CHECK(b.cpu.cr3 == 0x1fff);
  for (unsigned n = 46; n < 64; ++n) CHECK(to_cr(b, 3, 0x1000 | bit(n)) == GP);
  CHECK(to_cr(b, 3, 0x1000) == done);
  CHECK(to_cr(b, 4, Cr4::PAE | Cr4::PCIDE) == done);
  CHECK(to_cr(b, 3, 0x1005 | Cr3::no_flush) == done);
  CHECK(b.cpu.cr3 == 0x1005);
  CHECK(to_cr(b, 3, 0x1000 | bit(60)) == GP);
  CHECK(b.mmu.registers().cr3 == 0x1005);
}

TEST_CASE("CR4: what the model lacks is reserved; PAE, LA57 and PCIDE have their moments") {
  SystemBox b;
  b.long_mode();
  const u64 supported = supported_cr4(b.model);
  for (unsigned n = 0; n < 64; ++n) {
    CAPTURE(n);
    const u64 value = Cr4::PAE | bit(n);
    const bool fine = (supported & bit(n)) && bit(n) != Cr4::LA57;
    CHECK(to_cr(b, 4, value) == (fine ? done : GP));
  }
  CHECK(to_cr(b, 4, Cr4::PAE) == done);
  CHECK(to_cr(b, 4, 0) == GP);  // not in IA-32e mode

  SystemBox p;
  p.protected_mode();
  CHECK(to_cr(p, 4, Cr4::LA57) == done);
  CHECK(to_cr(p, 4, 0) == done);
  CHECK(to_cr(p, 4, Cr4::PCIDE) == GP);  // only in IA-32e mode
  b.cpu.cr3 = 0x1005;
  CHECK(to_cr(b, 4, Cr4::PAE | Cr4::PCIDE) == GP);  // only with PCID 0
  b.cpu.cr3 = 0x1000;
  CHECK(to_cr(b, 4, Cr4::PAE | Cr4::PCIDE) == done);
  b.cpu.cr3 = 0x1005;
  CHECK(to_cr(b, 4, Cr4::PAE | Cr4::PCIDE | Cr4::DE) == done);  // only the change matters

  SystemBox poor("qemu64");
  poor.protected_mode();
  for (u64 absent :
       {Cr4::SMEP, Cr4::SMAP, Cr4::PKE, Cr4::OSXSAVE, Cr4::FSGSBASE, Cr4::UMIP, Cr4::LA57, Cr4::VMXE})
    CHECK(to_cr(poor, 4, absent) == GP);
}

TEST_CASE("CR8 is the task priority, four bits") {
  SystemBox b;
  b.long_mode();
  for (unsigned n = 0; n < 64; ++n) CHECK(to_cr(b, 8, bit(n)) == (n < 4 ? done : GP));
  CHECK(to_cr(b, 8, 11) == done);
  CHECK(b.apic.priority == 11);
  CHECK(from_cr(b, 8) == done);
  CHECK(b.cpu.gpr[RAX] == 11);
}

TEST_CASE("CR2 keeps 64 bits, and 32 outside 64-bit mode") {
  SystemBox b;
  b.long_mode();
  CHECK(to_cr(b, 2, 0x123456789abcdef0) == done);
  CHECK(from_cr(b, 2) == done);
  CHECK(b.cpu.gpr[RAX] == 0x123456789abcdef0);
  SystemBox p;
  p.protected_mode();
  CHECK(to_cr(p, 2, 0x123456789abcdef0) == done);
  CHECK(p.cpu.cr2 == 0x9abcdef0);
}

TEST_CASE("hostile values to every control register leave a CPU that can go on") {
  SystemBox real, prot, lng;
  for (unsigned n : {0u, 2u, 3u, 4u, 8u}) {
    for (unsigned i = 0; i < 64; ++i) {
      for (u64 value : {bit(i), ~bit(i), bit(i) | 1, bit(i) | 0x80000001}) {
        // Reset, not made anew, which costs more than all the rest.
        for (SystemBox* b : {&real, &prot, &lng}) b->cpu.reset(false);
        real.real_mode();
        prot.protected_mode();
        lng.long_mode();
        if (n != 8) CHECK(to_cr(real, n, value) != undecoded);
        if (n != 8) CHECK(to_cr(prot, n, value) != undecoded);
        CHECK(to_cr(lng, n, value) != undecoded);
        for (SystemBox* b : {&real, &prot, &lng}) {
          CHECK_FALSE(((b->cpu.cr0 & Cr0::PG) && !(b->cpu.cr0 & Cr0::PE)));
          CHECK(((b->cpu.efer & Efer::LMA) != 0) == ((b->cpu.cr0 & Cr0::PG) && (b->cpu.efer & Efer::LME)));
          HostPhys at;
          b->cpu.mmu.translate(LinAddr(0x1234), Access{}, at, b->cpu.fault);
        }
      }
    }
  }
}

TEST_CASE("LMSW sets PE, never clears it, and touches four bits; SMSW and UMIP; CLTS") {
  SystemBox b;
  b.cpu.gpr[RAX] = 0xffff;
  CHECK(b.run({0x0f, 0x01, 0xf0}) == done);
  CHECK((b.cpu.cr0 & 0xffff) == (Cr0::PE | Cr0::MP | Cr0::EM | Cr0::TS | Cr0::ET));
  b.cpu.gpr[RAX] = 0;
  CHECK(b.run({0x0f, 0x01, 0xf0}) == done);
  CHECK((b.cpu.cr0 & 0xffff) == (Cr0::PE | Cr0::ET));

  b.protected_mode();
  b.cpu.cr0 |= Cr0::TS;
  CHECK(b.run({0x0f, 0x06}) == done);
  CHECK_FALSE((b.cpu.cr0 & Cr0::TS));
  b.cpu.gpr[RAX] = ~u64{0};
  CHECK(b.run({0x0f, 0x01, 0xe0}) == done);
  CHECK(b.cpu.gpr[RAX] == b.cpu.cr0);
  b.cpu.gpr[RAX] = ~u64{0};
  CHECK(b.run({0x66, 0x0f, 0x01, 0xe0}) == done);
  CHECK(b.cpu.gpr[RAX] == (0xffffffffffff0000 | (b.cpu.cr0 & 0xffff)));

  b.protected_mode(3);
  CHECK(b.run({0x0f, 0x06}) == GP);
  CHECK(b.run({0x0f, 0x01, 0xf0}) == GP);
  CHECK(b.run({0x0f, 0x01, 0xe0}) == done);
  b.cpu.cr4 |= Cr4::UMIP;
  CHECK(b.run({0x0f, 0x01, 0xe0}) == GP);
  b.protected_mode(0);
  CHECK(b.run({0x0f, 0x01, 0xe0}) == done);
}

TEST_CASE("debug registers: privilege, DE, GD, fixed bits, width") {
  SystemBox b;
  b.long_mode();
  CHECK(to_dr(b, 0, 0x123456789abc) == done);
  CHECK(b.cpu.dr[0] == 0x123456789abc);
  CHECK(from_dr(b, 0) == done);
  CHECK(b.cpu.gpr[RAX] == 0x123456789abc);
  CHECK(to_dr(b, 6, 0xffffffff) == done);
  CHECK(b.cpu.dr6 == 0xffffefff);
  CHECK(to_dr(b, 6, 0) == done);
  CHECK(b.cpu.dr6 == 0xffff0ff0);
  CHECK(to_dr(b, 7, 0xffffdfff) == done);
  CHECK(b.cpu.dr7 == 0xffff07ff);
  CHECK(to_dr(b, 7, 0) == done);
  CHECK(b.cpu.dr7 == 0x400);
  for (unsigned n = 32; n < 64; ++n) {
    CHECK(to_dr(b, 6, bit(n)) == GP);
    CHECK(to_dr(b, 7, bit(n)) == GP);
  }
  CHECK(from_dr(b, 4) == done);  // DR4 is DR6
  CHECK(b.cpu.gpr[RAX] == 0xffff0ff0);
  b.cpu.cr4 |= Cr4::DE;
  CHECK(from_dr(b, 4) == UD);
  CHECK(to_dr(b, 5, 0) == UD);

  CHECK(to_dr(b, 7, Dr7::GD) == done);
  CHECK(from_dr(b, 0) == DB);
  CHECK(b.cpu.fault.address == Dr6::BD);
  CHECK(to_dr(b, 7, 0) == DB);
  b.cpu.dr7 = Dr7::fixed_one;

  b.long_mode(3);
  CHECK(from_dr(b, 0) == GP);
  CHECK(to_dr(b, 7, 0) == GP);
}

TEST_CASE("enabling a breakpoint asks for steps") {
  SystemBox b;
  b.long_mode();
  CHECK_FALSE((b.cpu.attention & Attention::step));
  CHECK(to_dr(b, 0, 0x600) == done);
  CHECK(to_dr(b, 7, 1) == done);
  CHECK((b.cpu.attention & Attention::step));
  CHECK(to_dr(b, 7, 0) == done);
  CHECK_FALSE((b.cpu.attention & Attention::step));
}

TEST_CASE("XSETBV: OSXSAVE, privilege, bit 0, what the model supports") {
  SystemBox b;
  b.long_mode();
  const auto xsetbv = [&](u32 number, u64 value) {
    b.cpu.gpr[RCX] = number;
    b.cpu.gpr[RAX] = static_cast<u32>(value);
    b.cpu.gpr[RDX] = value >> 32;
    return b.run({0x0f, 0x01, 0xd1});
  };
  CHECK(xsetbv(0, 1) == UD);
  b.cpu.cr4 |= Cr4::OSXSAVE;
  CHECK(xsetbv(0, 3) == done);
  CHECK(b.cpu.xcr0 == 3);
  CHECK(xsetbv(0, 2) == GP);
  CHECK(xsetbv(0, 0) == GP);
  CHECK(xsetbv(1, 1) == GP);
  CHECK(xsetbv(0, 7) == done);
  // AVX state goes with SSE state only.
  for (unsigned n = 1; n < 64; ++n)
    CHECK(xsetbv(0, 1 | bit(n)) == (supported_xcr0(b.model) & bit(n) && bit(n) != Xcr0::avx ? done : GP));
  b.long_mode(3);
  b.cpu.cr4 |= Cr4::OSXSAVE;
  CHECK(xsetbv(0, 1) == GP);
}
