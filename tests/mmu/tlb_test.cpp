// Owns the tests of TLB contexts: what gets a tag, and what each invalidation drops and keeps.
#include <doctest/doctest.h>

#include "tests/mmu/pages.h"

using namespace ringside;
using namespace ringside::test;

TEST_CASE("tags lead to the host's bytes") {
  Pages m;
  m.touch(0x5000);
  const TlbEntry& entry = m.mmu.data_view()->read[tlb_index(0x5678)];
  CHECK(reinterpret_cast<u8*>(entry.addend + 0x5678) == m.memory.pointer(HostPhys(0x105678), false));
  CHECK(m.mmu.fetch_view()[tlb_index(0x5678)].page == HostPhys(0x105000));
  CHECK(m.mmu.statistics().walks == 2);
  CHECK(m.go(0x5fff, read_s));  // found, not walked
  CHECK(m.at == HostPhys(0x105fff));
  CHECK(m.mmu.statistics().walks == 2);
}

TEST_CASE("a read brings the write tag along only if a write would have nothing to set") {
  Pages m;
  CHECK(m.go(0x5000, read_s));
  CHECK_FALSE(m.write_tag(0x5000));
  CHECK(m.go(0x5000, write_s));
  m.mmu.flush_all();
  CHECK(m.go(0x5000, read_s));
  CHECK(m.write_tag(0x5000));
  // D is set, but the page is read-only for this access.
  m.pte(0x6000, 0x105000 | P | A | D);
  CHECK(m.go(0x6000, read_s));
  CHECK_FALSE(m.write_tag(0x6000));
}

TEST_CASE("no fast tags for devices, writes to ROM and code, and watched pages") {
  struct Quiet : MmioDevice {
    u64 mmio_read(u64, unsigned) override { return 0; }
    void mmio_write(u64, unsigned, u64) override {}
  } device;
  Pages m;
  m.memory.add_mmio(HostPhys(0x101000), 0x100, device, "device");
  m.memory.add_rom(HostPhys(0x102000), {1}, "rom");
  for (const Access access : {read_s, write_s, exec_s}) {
    CHECK(m.go(0x1010, access));
    CHECK(m.at == HostPhys(0x101010));
    CHECK(m.go(0x2010, access));
    CHECK(m.at == HostPhys(0x102010));
  }
  CHECK(m.none(0x1000));
  CHECK(m.read_tag(0x2000));
  CHECK(m.fetch_tag(0x2000));
  CHECK_FALSE(m.write_tag(0x2000));

  m.touch(0x3000);
  m.touch(0x4000);
  m.memory.mark_code(HostPhys(0x103000), 1);
  m.mmu.drop_write_tags(HostPhys(0x103123));
  CHECK_FALSE(m.write_tag(0x3000));
  CHECK(m.read_tag(0x3000));
  CHECK(m.write_tag(0x4000));
  CHECK(m.go(0x3000, write_s));
  CHECK_FALSE(m.write_tag(0x3000));
  m.memory.unmark_code_page(HostPhys(0x103000));
  CHECK(m.go(0x3000, write_s));
  CHECK(m.write_tag(0x3000));

  const LinAddr watched[] = {LinAddr(0x4010)};
  m.mmu.set_watched_pages(watched);
  CHECK_FALSE(m.read_tag(0x4000));
  CHECK(m.go(0x4000, write_s));
  CHECK_FALSE(m.read_tag(0x4000));
  CHECK_FALSE(m.write_tag(0x4000));
  m.mmu.set_watched_pages({});
  CHECK(m.go(0x4000, write_s));
  CHECK(m.write_tag(0x4000));
}

TEST_CASE("drop_write_tags reaches every context and every alias") {
  Pages m;
  m.pte(0x7000, 0x103000 | P | RW | US);
  m.touch(0x3000);
  m.touch(0x7000);
  m.cr3(1, true);
  m.touch(0x3000);
  m.mmu.drop_write_tags(HostPhys(0x103000));
  CHECK_FALSE(m.write_tag(0x3000));
  m.cr3(0, true);
  CHECK_FALSE(m.write_tag(0x3000));
  CHECK_FALSE(m.write_tag(0x7000));
  CHECK(m.read_tag(0x7000));
}

TEST_CASE("views of user, supervisor and supervisor with AC") {
  Pages m(Cr4::SMAP);
  CHECK(m.go(0x5000, read_u));
  CHECK_FALSE(m.read_tag(0x5000));
  m.mmu.set_privilege(true, false, false);
  CHECK(m.read_tag(0x5000));
  CHECK(m.mmu.data_view() != m.mmu.supervisor_view());
  m.mmu.set_privilege(false, true, false);
  CHECK_FALSE(m.read_tag(0x5000));
  CHECK(m.go(0x5000, read_s));
  CHECK(m.read_tag(0x5000));
  CHECK(m.mmu.data_view() != m.mmu.supervisor_view());  // implicit accesses do not profit from AC
  m.mmu.set_privilege(false, false, false);
  CHECK(m.mmu.data_view() == m.mmu.supervisor_view());
  CHECK_FALSE(m.read_tag(0x5000));
  CHECK_FALSE(m.go(0x5000, read_s));
  m.mmu.set_privilege(true, true, true);  // alignment checks: the fast path is taken away
  CHECK(m.go(0x5000, write_u));
  for (const TlbEntry& entry : m.mmu.data_view()->read) CHECK(entry.tag == TlbEntry::none);
  m.mmu.set_privilege(true, true, false);
  CHECK(m.write_tag(0x5000));
  Pages plain(0);
  plain.mmu.set_privilege(false, true, false);
  CHECK(plain.mmu.data_view() == plain.mmu.supervisor_view());
}

TEST_CASE("MOV CR3 drops the PCID's entries but global ones; bit 63 keeps them") {
  Pages m;
  m.touch(0x5000);
  m.touch(0x105000);
  m.cr3(0, true);
  CHECK(m.all(0x5000));
  m.cr3(0, false);
  CHECK(m.none(0x5000));
  CHECK(m.all(0x105000));
  m.touch(0x5000);
  m.cr3(7, false);
  CHECK(m.none(0x5000));  // another PCID
  m.touch(0x5000);
  m.cr3(0, true);
  CHECK(m.all(0x5000));
  m.cr3(7, true);
  CHECK(m.all(0x5000));
  m.cr3(0, false);
  m.cr3(7, true);
  CHECK(m.all(0x5000));  // flushing PCID 0 is nothing to PCID 7
}

TEST_CASE("without CR4.PGE no page is global; changing it drops all") {
  Pages m(0);
  m.touch(0x105000);
  m.cr3(0, false);
  CHECK(m.none(0x105000));
  m.touch(0x105000);
  m.regs.cr4 |= Cr4::PGE;
  m.mmu.set_registers(m.regs);
  CHECK(m.none(0x105000));
  m.touch(0x105000);
  m.cr3(0, false);
  CHECK(m.all(0x105000));
  m.regs.cr4 &= ~Cr4::PGE;
  m.mmu.set_registers(m.regs);
  m.regs.cr4 |= Cr4::PGE;
  m.mmu.set_registers(m.regs);
  CHECK(m.none(0x105000));
}

TEST_CASE("more fills than the log of a flush remembers") {
  Pages m;
  for (u64 round = 0; round < 3; ++round) {
    m.cr3(0, false);
    for (u64 page = 1; page < 0x200; ++page) m.touch(page << 12);
    for (u64 page = 0; page < 0x200; ++page)
      m.touch(0x40000000 + (page << 12));  // slots 0..511 again: conflicts
    for (u64 page = 0x101; page < 0x140; ++page) m.touch(page << 12);
    m.cr3(0, false);
    for (u64 page = 1; page < 0x200; ++page) {
      CHECK(m.none(0x40000000 + (page << 12)));
      CHECK(m.none(page << 12) == !(page > 0x100 && page < 0x140));
    }
  }
}

TEST_CASE("INVLPG drops the page of this PCID, and global ones of all") {
  Pages m;
  m.cr3(1, true);
  m.touch(0x5000);
  m.touch(0x105000);
  m.cr3(0, true);
  m.touch(0x5000);
  m.touch(0x6000);
  m.touch(0x105000);
  m.mmu.invlpg(LinAddr(0x5abc));
  m.mmu.invlpg(LinAddr(0x105abc));
  CHECK(m.none(0x5000));
  CHECK(m.all(0x6000));
  CHECK(m.none(0x105000));
  m.cr3(1, true);
  CHECK(m.all(0x5000));
  CHECK(m.none(0x105000));
}

TEST_CASE("INVLPG drops all fragments of a large page, whichever address it names") {
  for (const u64 base : {u64{2} << 20, u64{4} << 20, u64{1} << 30}) {
    Pages m;
    m.cr3(1, true);
    for (const u64 i : {0, 3, 0x1ff}) m.touch(base + (i << 12));
    m.cr3(0, true);
    for (const u64 i : {0, 3, 0x1ff}) m.touch(base + (i << 12));
    m.touch(0x5000);
    m.mmu.invlpg(LinAddr(base + 0x77123));
    for (const u64 i : {0, 3, 0x1ff}) CHECK(m.none(base + (i << 12)));
    CHECK(m.all(0x5000));
    m.cr3(1, true);
    const bool global = base == u64{4} << 20;
    for (const u64 i : {0, 3, 0x1ff}) CHECK(m.none(base + (i << 12)) == global);
  }
}

TEST_CASE("INVLPG of a 4-MByte page of 32-bit paging") {
  Machine m(40, 64 << 20);
  m.legacy_mode(Cr4::PSE);
  m.put32(0x12004, 0x00800000 | P | RW | PS);
  CHECK(m.go(0x400000, read_s));
  CHECK(m.go(0x7ff000, read_s));
  m.mmu.invlpg(LinAddr(0x500000));
  CHECK_FALSE(m.read_tag(0x400000));
  CHECK_FALSE(m.read_tag(0x7ff000));
}

TEST_CASE("the four types of INVPCID") {
  for (unsigned type = 0; type < 4; ++type) {
    CAPTURE(type);
    Pages m;
    for (const u64 pcid : {2, 1, 0}) {
      m.cr3(pcid, true);
      m.touch(0x5000);
      m.touch(0x6000);
      m.touch(0x105000);
    }
    m.mmu.invpcid(type, 1, LinAddr(0x5000));
    CHECK(m.none(0x5000) == (type >= 2));
    CHECK(m.none(0x105000) == (type == 2));
    m.cr3(1, true);
    CHECK(m.none(0x5000));
    CHECK(m.none(0x6000) == (type != 0));
    CHECK(m.none(0x105000) == (type == 2));
    m.cr3(2, true);
    CHECK(m.none(0x5000) == (type >= 2));
  }
}

TEST_CASE("VPIDs keep their translations over transitions, and INVVPID drops them") {
  for (unsigned type = 0; type < 4; ++type) {
    CAPTURE(type);
    Pages m;
    auto enter = [&](u16 vpid) {
      m.regs.vpid = vpid;
      m.mmu.set_registers(m.regs);
    };
    for (const u16 vpid : {2, 1, 0}) {
      enter(vpid);
      m.touch(0x5000);
      m.touch(0x6000);
      m.touch(0x105000);
    }
    m.mmu.flush_vpid(1, type, LinAddr(0x5000));
    CHECK(m.all(0x5000));
    enter(1);
    CHECK(m.none(0x5000));
    CHECK(m.none(0x6000) == (type != 0));
    CHECK(m.none(0x105000) == (type == 1 || type == 2));
    enter(2);
    CHECK(m.none(0x5000) == (type == 2));
    m.touch(0x5000);
    enter(0);
    m.mmu.invlpg(LinAddr(0x5000));
    enter(2);
    CHECK(m.all(0x5000));  // INVLPG is for the current VPID only
  }
}

TEST_CASE("WRPKRU that takes a right drops what had it; PKRU is nothing without PKE") {
  Pages m(Cr4::PKE);
  m.pte(0x5000, 0x105000 | P | RW | US | u64{3} << 59);
  m.touch(0x5000);
  m.touch(0x6000);
  m.regs.pkru = 1 << 10;  // a key nobody uses
  m.mmu.set_registers(m.regs);
  CHECK(m.all(0x5000));
  m.regs.pkru = 2 << 6;
  m.mmu.set_registers(m.regs);
  CHECK_FALSE(m.write_tag(0x5000));
  CHECK(m.go(0x5000, read_s));
  CHECK_FALSE(m.go(0x5000, write_s));
  m.regs.pkru = 0;
  m.mmu.set_registers(m.regs);
  CHECK(m.go(0x5000, write_s));
  // The change may come while another context is current.
  m.regs.vpid = 1;
  m.regs.pkru = 1 << 6;
  m.mmu.set_registers(m.regs);
  m.regs.vpid = 0;
  m.mmu.set_registers(m.regs);
  CHECK_FALSE(m.read_tag(0x5000));
  CHECK_FALSE(m.go(0x5000, read_s));
  Pages plain(0);
  plain.touch(0x5000);
  plain.regs.pkru = 0xffffffff;
  plain.mmu.set_registers(plain.regs);
  CHECK(plain.all(0x5000));
}

TEST_CASE("a page fault drops what is cached for the page") {
  Pages m;
  m.pte(0x5000, 0x105000 | P | US);
  CHECK(m.go(0x5000, read_s));
  CHECK(m.go(0x5000, exec_s));
  m.pte(0x5000, 0);
  CHECK(m.go(0x5000, read_s));  // stale, as a TLB may be
  CHECK_FALSE(m.go(0x5000, write_s));
  CHECK(m.none(0x5000));
  CHECK_FALSE(m.go(0x5000, read_s));
  // A right that was raised in memory is seen without an invalidation.
  m.pte(0x5000, 0x105000 | P | US);
  CHECK(m.go(0x5000, read_s));
  CHECK_FALSE(m.go(0x5000, write_s));
  m.pte(0x5000, 0x105000 | P | US | RW);
  CHECK(m.go(0x5000, write_s));
}

TEST_CASE("the fetch epoch: other contexts and drops change it, coming back restores it") {
  Pages m;
  m.touch(0x5000);
  const u64 first = m.mmu.fetch_epoch();
  CHECK(m.go(0x6000, exec_s));
  CHECK(m.mmu.fetch_epoch() == first);  // a fill drops nothing
  m.mmu.set_privilege(true, false, false);
  const u64 user = m.mmu.fetch_epoch();
  CHECK(user != first);
  m.mmu.set_privilege(false, false, false);
  CHECK(m.mmu.fetch_epoch() == first);
  m.cr3(1, true);
  CHECK(m.mmu.fetch_epoch() != first);
  CHECK(m.mmu.fetch_epoch() != user);
  m.cr3(0, true);
  CHECK(m.mmu.fetch_epoch() == first);
  m.mmu.invlpg(LinAddr(0x7000));
  CHECK(m.mmu.fetch_epoch() == first);  // not a page with code
  m.mmu.invlpg(LinAddr(0x6000));
  const u64 second = m.mmu.fetch_epoch();
  CHECK(second != first);
  m.cr3(0, false);
  const u64 third = m.mmu.fetch_epoch();
  CHECK(third != second);
  m.cr3(0, false);
  CHECK(m.mmu.fetch_epoch() == third);  // nothing was there to drop
  // A page that lost its slot to another one is still believed by who trusts the epoch.
  CHECK(m.go(0x5000, exec_s));
  const u64 fourth = m.mmu.fetch_epoch();
  CHECK(m.go(0x40405000, exec_s));
  CHECK_FALSE(m.fetch_tag(0x5000));
  CHECK(m.mmu.fetch_epoch() == fourth);
  m.mmu.invlpg(LinAddr(0x5000));
  CHECK(m.mmu.fetch_epoch() != fourth);
}

TEST_CASE("more contexts than there is room for: the oldest goes, and none is believed wrongly") {
  Pages m;
  for (u64 pcid = 0; pcid < 60; ++pcid) {
    m.cr3(pcid, true);
    CHECK(m.none(0x5000));
    m.touch(0x5000);
  }
  m.cr3(59, true);
  CHECK(m.all(0x5000));
  m.cr3(60 - Mmu::max_contexts, true);
  CHECK(m.all(0x5000));
  m.cr3(59 - Mmu::max_contexts, true);
  CHECK(m.none(0x5000));
}

TEST_CASE("changes of the physical map and of the A20 gate are seen at once") {
  Pages m;
  m.touch(0x5000);
  m.memory.set_a20(false);
  CHECK(m.none(0x5000));
  CHECK(m.mmu.statistics().flushes > 0);
  m.memory.set_a20(true);
  m.touch(0x5000);
  m.memory.add_rom(HostPhys(0x105000), {7}, "rom");
  CHECK(m.none(0x5000));
  Machine real;
  real.memory.set_a20(false);
  CHECK(real.go(0x100010, read_s));
  CHECK(real.at == HostPhys(0x10));
  CHECK(real.go(0x100010, exec_s));
  CHECK(real.mmu.fetch_view()[tlb_index(0x100010)].page == HostPhys(0));
}

TEST_CASE("CR0.WP, SMEP, SMAP and NXE choose a context of their own") {
  Pages m;
  m.pte(0x5000, 0x105000 | P | US);
  m.regs.cr0 &= ~Cr0::WP;
  m.mmu.set_registers(m.regs);
  m.touch(0x5000);
  m.regs.cr0 |= Cr0::WP;
  m.mmu.set_registers(m.regs);
  CHECK_FALSE(m.write_tag(0x5000));
  CHECK_FALSE(m.go(0x5000, write_s));
  CHECK(m.go(0x5000, exec_s));
  m.regs.cr4 |= Cr4::SMEP | Cr4::SMAP;
  m.mmu.set_registers(m.regs);
  CHECK_FALSE(m.fetch_tag(0x5000));
  CHECK_FALSE(m.go(0x5000, exec_s));
  CHECK_FALSE(m.go(0x5000, read_s));
  // INVLPG reaches the contexts of other modes, too.
  m.regs.cr4 &= ~(Cr4::SMEP | Cr4::SMAP);
  m.mmu.set_registers(m.regs);
  CHECK(m.go(0x5000, read_s));
  m.regs.cr0 &= ~Cr0::WP;
  m.mmu.set_registers(m.regs);
  m.mmu.invlpg(LinAddr(0x5000));
  m.regs.cr0 |= Cr0::WP;
  m.mmu.set_registers(m.regs);
  CHECK_FALSE(m.read_tag(0x5000));
}

TEST_CASE("turning paging off and on again drops everything") {
  Pages m;
  m.touch(0x105000);
  const PagingRegisters on = m.regs;
  m.mmu.set_registers(PagingRegisters{});
  CHECK(m.go(0x105000, write_s));
  CHECK(m.at == HostPhys(0x105000));
  m.mmu.set_registers(on);
  CHECK(m.none(0x105000));
}

TEST_CASE("setting CR4.SMEP, clearing CR4.PCIDE and toggling CR4.PAE's kin drop all of the VPID's entries") {
  Pages m(Cr4::SMEP);
  m.pte(0x5000, 0x105000 | P | RW);
  m.touch(0x5000);
  m.regs.cr4 &= ~Cr4::SMEP;
  m.mmu.set_registers(m.regs);
  m.regs.cr4 |= Cr4::SMEP;
  m.mmu.set_registers(m.regs);
  CHECK(m.none(0x5000));
  m.regs.cr4 |= Cr4::PCIDE;
  m.mmu.set_registers(m.regs);
  m.touch(0x5000);
  m.regs.cr4 &= ~Cr4::PCIDE;
  m.mmu.set_registers(m.regs);
  CHECK(m.none(0x5000));
  m.touch(0x5000);
  m.regs.cr4 ^= Cr4::PSE;
  m.mmu.set_registers(m.regs);
  m.regs.cr4 ^= Cr4::PSE;
  m.mmu.set_registers(m.regs);
  CHECK(m.none(0x5000));
}

TEST_CASE("large pages beyond number: their fragments are found, and other pages do not pay for ever") {
  Machine m(40, 64 << 20);
  m.long_mode(Cr4::PGE);
  // 2 GiB of 2-MByte pages from 1 GiB on: more regions than a context remembers one by one.
  for (u64 t = 0; t < 2; ++t) {
    m.put64(0x11008 + 8 * t, (0x20000 + 0x1000 * t) | P | RW);
    for (u64 i = 0; i < 512; ++i)
      m.put64(0x20000 + 0x1000 * t + 8 * i, i % 32 << 21 | P | RW | PS | (i & 1 ? G : 0));
  }
  m.pte(0x5000, 0x8000 | P | RW);
  auto base = [](u64 i) { return bit(30) + (i << 21); };
  for (u64 i = 0; i < 1024; ++i) {
    CHECK(m.go(base(i) + 0x3000, read_s));
    CHECK(m.go(base(i) + (i << 12 & 0x1fffff), exec_s));
  }
  const u64 epoch = m.mmu.fetch_epoch();
  for (unsigned i = 0; i < 300; ++i) {
    CHECK(m.go(0x5000, write_s));
    m.mmu.invlpg(LinAddr(0x5000));
    CHECK_FALSE(m.read_tag(0x5000));
  }
  CHECK(m.mmu.fetch_epoch() == epoch);  // nothing was fetched from that page
  CHECK(m.read_tag(base(1023) + 0x3000));
  m.mmu.invlpg(LinAddr(base(1023) + 0x1ff000));
  CHECK_FALSE(m.read_tag(base(1023) + 0x3000));
  for (u64 i = 0; i < 1023; ++i) {
    CHECK(m.go(base(i) + 0x7000, read_s));
    m.mmu.invlpg(LinAddr(base(i) + 0x1234));
    CHECK_FALSE(m.read_tag(base(i) + 0x7000));
    CHECK_FALSE(m.fetch_tag(base(i) + (i << 12 & 0x1fffff)));
  }
}

TEST_CASE("a mark takes the write tags away, so that the next write marks its page") {
  Pages m;
  m.touch(0x5000);
  m.cr3(1, true);
  m.touch(0x105000);
  const u64 walks = m.mmu.statistics().walks;
  const unsigned mark = m.memory.add_mark().value();
  CHECK_FALSE(m.write_tag(0x105000));
  m.cr3(0, true);
  CHECK_FALSE(m.write_tag(0x5000));
  CHECK(m.go(0x5000, read_s));
  CHECK_FALSE(m.write_tag(0x5000));
  CHECK(m.go(0x5000, write_s));
  CHECK(m.write_tag(0x5000));
  CHECK(m.memory.marked_pages(mark) == std::vector<HostPhys>{HostPhys(0x105000)});
  // The page was known all the same: only its tag was gone.
  CHECK(m.mmu.statistics().walks == walks);
}

TEST_CASE("bit 63 of a MOV to CR3 is not kept, so that setting the same registers again flushes nothing") {
  Pages m;
  m.touch(0x5000);
  m.mmu.load_cr3(0x10000 | bit(63), true);
  m.mmu.set_registers(m.regs);
  CHECK(m.all(0x5000));
  CHECK(m.mmu.registers().cr3 == 0x10000);
}

TEST_CASE("1-GByte pages whose regions share a place in the set: found after many searches in vain") {
  Machine m(40, 64 << 20);
  m.long_mode();
  for (const u64 i : {3, 67}) {
    m.put64(0x11000 + 8 * i, P | RW | PS);
    CHECK(m.go((i << 30) + (i << 12), read_s));  // slots 3 and 67
  }
  for (unsigned i = 0; i < 200; ++i) m.mmu.invlpg(LinAddr(u64{131} << 30));
  m.mmu.invlpg(LinAddr((u64{3} << 30) + 0x12345678));
  CHECK_FALSE(m.read_tag((u64{3} << 30) + 0x3000));
  CHECK(m.read_tag((u64{67} << 30) + 0x43000));
  m.mmu.invlpg(LinAddr((u64{67} << 30) + 0x12345678));
  CHECK_FALSE(m.read_tag((u64{67} << 30) + 0x43000));
}
