// Owns the randomised test of the TLB against fresh walks, and walks over hostile page tables.
#include <doctest/doctest.h>

#include <map>

#include "tests/mmu/kept_fields.h"
#include "tests/mmu/machine.h"
#include "tests/random.h"

using namespace ringside;
using namespace ringside::test;

namespace {

// A second stage that maps each page to itself but swaps some, and refuses what it is told to.
struct Stage : SecondStage {
  u64 id;
  bool swapped = false;
  std::map<u64, unsigned> refused;  // page -> 1 all, 2 writes, 3 execution
  explicit Stage(u64 key) : id(key) {}
  u64 key() const override { return id; }
  bool translate(GuestPhys address, const StageAccess& access, Result& result, SecondStageFault&) override {
    const u64 page = address.page().value;
    const auto found = refused.find(page);
    const unsigned what = found == refused.end() ? 0 : found->second;
    if (what == 1 || (what == 2 && access.kind == AccessKind::write)) return false;
    if (what == 3 && access.kind == AccessKind::execute) return false;
    const bool data = page >= 0x100000 && page < 0x110000;
    result.address = HostPhys(data && swapped ? address.value ^ 0x1000 : address.value);
    result.readable = true;
    result.writable = what != 2;
    result.executable = what != 3;
    return true;
  }
};

// Software that follows the manual's rules: whatever it takes from a translation in memory, it invalidates;
// what it adds, it does not. Then each translation must be as a fresh walk finds it, and so must every tag
// and every remembered fetch. PCIDs 0 and 1 use one root, 2 and 3 another. By 2-MByte regions: 0 a table of
// each root, 1 a common table with global pages, 2 a large page of each root, 3 a common large global page.
struct Model : Machine {
  Random random;
  std::map<u64, std::map<u64, u64>> fetches;  // fetch epoch -> linear page -> physical page
  u64 tables[2] = {0x10000, 0x20000};         // PML4, PDPT, PD, PT of each root, 4 KiB apart
  static constexpr u64 common = 0x30000;
  u64 pcid = 0;
  bool user = false, ac = false;
  Stage stages[2] = {Stage(0x10000), Stage(0x20000)};
  unsigned stage = 0;  // 0: none
  unsigned stores_beside = 0;

  explicit Model(u64 seed) : Machine(40, 32 << 20), random{seed} {
    for (const u64 t : tables) {
      put64(t, (t + 0x1000) | P | RW | US);
      put64(t + 0x1000, (t + 0x2000) | P | RW | US);
      put64(t + 0x2000, (t + 0x3000) | P | RW | US);
      put64(t + 0x2008, common | P | RW | US);
    }
    regs.cr0 = Cr0::PE | Cr0::PG | Cr0::WP;
    regs.cr4 = Cr4::PAE | Cr4::PCIDE | Cr4::PGE;
    regs.efer = Efer::LME | Efer::LMA | Efer::NXE;
    regs.cr3 = tables[0];
    mmu.set_registers(regs);
    memory.add_rom(HostPhys(0x105000), std::vector<u8>(4096, 1), "rom");
    memory.mark_code(HostPhys(0x106000), 16);
    mmu.drop_write_tags(HostPhys(0x106000));
  }

  u64 some_entry(bool global) {
    u64 entry = 0x100000 + random.below(16) * 0x1000;
    if (random.one_in(16)) entry = bit(36);  // a hole
    entry |= random.next() & (P | RW | US | A | D);
    if (!random.one_in(4)) entry |= P;
    if (random.one_in(3)) entry |= XD;
    if (random.one_in(24)) entry |= bit(45);
    entry |= random.below(3) << 59;
    return global && !random.one_in(3) ? entry | G : entry;
  }
  u64 some_large_entry(bool global) {
    const u64 entry = (some_entry(global) & ~bit_range(12, 51)) | PS;
    return entry | random.below(3) << 21;
  }
  u64 some_address() {
    const u64 region = random.below(4);
    return region << 21 | random.below(region < 2 ? 8 : 512) << 12 | random.below(4096);
  }
  // Where the entry that maps the address lies.
  u64 place(unsigned root, u64 address) const {
    const u64 region = address >> 21, index = (address >> 12 & 0x1ff) * 8;
    if (region >= 2) return tables[root] + 0x2000 + region * 8;
    return (region == 1 ? common : tables[root] + 0x3000) + index;
  }

  void edit() {
    const u64 address = some_address();
    const unsigned root = static_cast<unsigned>(random.below(2));
    const u64 region = address >> 21;
    const bool is_common = region & 1;
    const u64 old = get64(place(root, address));
    u64 now = region >= 2 ? some_large_entry(is_common) : some_entry(is_common);
    const bool adds_only = random.one_in(4);
    if (adds_only) now = old & P ? (old | (random.next() & (RW | US))) & ~(random.one_in(2) ? XD : 0) : now;
    // SMEP and SMAP take rights from pages that become user pages.
    const bool invalidate = !adds_only || ((now & ~old & US) && (old & P));
    put64(place(root, address), now);
    // The other root's copy has A and D bits of its own, which are not taken from it in silence.
    if (region == 3) put64(place(1 - root, address), now | (get64(place(1 - root, address)) & (A | D)));
    if (!invalidate) return;
    // Any address of a large page will do.
    const u64 named = region >= 2 ? region << 21 | random.below(bit(21)) : address;
    for (u16 vpid = 0; vpid < 2; ++vpid) {
      if (vpid != regs.vpid) {
        mmu.flush_vpid(vpid, is_common ? static_cast<unsigned>(random.below(2)) : 0, LinAddr(named));
      } else if (is_common) {
        const u64 how = random.below(3);
        if (how == 0) mmu.invpcid(2, 0, LinAddr(0));
        if (how == 1) mmu.flush_vpid(vpid, 0, LinAddr(named));
        if (how == 2) {
          // A page that was global needs INVLPG only.
          const bool was_global = (old & G) && (regs.cr4 & Cr4::PGE);
          for (u16 id = 0; id < 4 && !was_global; ++id) mmu.invpcid(0, id, LinAddr(named));
          mmu.invlpg(LinAddr(named));
        }
      } else {
        for (u64 id = 2 * root; id < 2 * root + 2; ++id) {
          if (id == pcid && random.one_in(2)) {
            mmu.invlpg(LinAddr(named));
          } else {
            mmu.invpcid(static_cast<unsigned>(random.below(2)), static_cast<u16>(id), LinAddr(named));
          }
        }
        if (random.one_in(8)) mmu.invpcid(3, 0, LinAddr(0));
      }
    }
  }

  void change_state() {
    switch (random.below(8)) {
      case 0: regs.cr0 ^= Cr0::WP; break;
      case 1: regs.cr4 ^= random.one_in(2) ? Cr4::SMEP : Cr4::SMAP; break;
      case 2: regs.cr4 ^= random.one_in(2) ? Cr4::PKE : Cr4::PKS; break;
      case 3: regs.efer ^= random.one_in(4) ? Efer::NXE : 0; break;
      case 4: regs.pkru = static_cast<u32>(random.next() & 0x3f); break;
      case 5: regs.pkrs = static_cast<u32>(random.next() & 0x3f); break;
      case 6: regs.vpid ^= 1; break;
      case 7:
        if (!random.one_in(8)) break;
        regs.cr4 ^= Cr4::PGE;
        // A monitor that changes CR4.PGE of the other virtual processor, too, owes it an INVVPID.
        mmu.flush_vpid(regs.vpid ^ 1, 1, LinAddr(0));
        break;
    }
    mmu.set_registers(regs);
  }
  void switch_pcid() {
    pcid = random.below(4);
    regs.cr3 = tables[pcid / 2] | pcid;
    mmu.load_cr3(regs.cr3, !random.one_in(4));
  }
  void change_privilege() {
    user = random.one_in(2);
    ac = random.one_in(2);
    mmu.set_privilege(user, ac, false);
  }

  void change_stage() {
    if (random.one_in(2)) {
      stage = static_cast<unsigned>(random.below(3));
      regs.vpid = static_cast<u16>(random.below(2));
      mmu.set_registers(regs, stage == 0 ? nullptr : &stages[stage - 1]);
      return;
    }
    Stage& edited = stages[random.below(2)];
    edited.refused.clear();
    for (unsigned i = 0; i < 3; ++i) {
      edited.refused[0x100000 + (random.below(16) << 12)] = 1 + static_cast<unsigned>(random.below(3));
    }
    // A table that must not be written, or not even be read.
    if (random.one_in(2)) edited.refused[tables[random.below(2)] + (random.below(4) << 12)] = 2;
    if (random.one_in(8)) edited.refused[common] = 1;
    edited.swapped = random.one_in(2);
    mmu.flush_second_stage(edited.id, random.one_in(4));
  }

  void access() {
    const u64 address = some_address();
    Access how{static_cast<AccessKind>(random.below(3)), user, false};
    if (random.one_in(8) && how.kind != AccessKind::execute) how.user = false, how.implicit = true;
    const bool expected = look(address, how);
    const HostPhys expected_at = at;
    const Fault expected_fault = fault;
    const bool ok = go(address, how);
    // A look sets no A and D bits, so it cannot meet a second stage that refuses just that.
    if (!ok && fault.kind == Fault::Kind::second_stage && fault.stage.page_walk) {
      const auto& refused = stages[stage - 1].refused;
      const auto found = refused.find(fault.stage.address.page().value);
      if (found != refused.end() && found->second == 2) return;
    }
    CHECK(ok == expected);
    if (ok) {
      CHECK(at == expected_at);
    } else if (expected_fault.kind == Fault::Kind::second_stage) {
      CHECK(fault.kind == Fault::Kind::second_stage);
      CHECK(fault.stage.address == expected_fault.stage.address);
      CHECK(fault.stage.page_walk == expected_fault.stage.page_walk);
    } else {
      CHECK(fault.kind == Fault::Kind::exception);
      CHECK(fault.vector == expected_fault.vector);
      CHECK(fault.error == expected_fault.error);
    }
    if (how.kind == AccessKind::execute && fetch_tag(address)) {
      fetches[mmu.fetch_epoch()][address & ~0xfffull] = at.page().value;
    }
  }

  // What is known is saved and restored; whatever follows must not be told from the other runs.
  void round_trip() {
    KeptFields fields;
    mmu.translations(fields);
    fields.give_back();
    mmu.translations(fields);
    CHECK(fields.all_given());
    KeptFields again;
    mmu.translations(again);
    fields.give_back();
    CHECK(fields == again);
  }

  void check_tags() {
    for (unsigned slot = 0; slot < tlb_entries; ++slot) {
      const TlbEntry& r = mmu.data_view()->read[slot];
      const TlbEntry& w = mmu.data_view()->write[slot];
      const TlbEntry& s = mmu.supervisor_view()->read[slot];
      check_tag(r, Access{AccessKind::read, user});
      check_tag(w, Access{AccessKind::write, user});
      check_tag(s, Access{AccessKind::read, false, true});
      if (w.tag == TlbEntry::none) continue;
      CHECK((get64(place(static_cast<unsigned>(pcid / 2), w.tag)) & D));
      CHECK_FALSE(memory.page_has_code(at));
    }
    for (unsigned i = 0; i < 256; ++i) {
      const u64 address = some_address();
      const u8* host = mmu.store_beside_code(address, 1);
      if (host == nullptr) continue;
      CHECK(look(address, Access{AccessKind::write, user}));
      CHECK(host == memory.pointer(at, false));
      CHECK((get64(place(static_cast<unsigned>(pcid / 2), address)) & D));
      CHECK_FALSE(memory.lines_have_code(at, 1));
      ++stores_beside;
    }
    for (const auto& [page, physical] : fetches[mmu.fetch_epoch()]) {
      CHECK(look(page, Access{AccessKind::execute, user}));
      CHECK(at.value == physical);
    }
  }
  void check_tag(const TlbEntry& entry, Access how) {
    if (entry.tag == TlbEntry::none) return;
    CHECK(look(entry.tag, how));
    CHECK(reinterpret_cast<u8*>(entry.tag + entry.addend) == memory.pointer(at, false));
  }
};

}  // namespace

TEST_CASE("a TLB with proper invalidations is never told from fresh walks") {
  unsigned stores_beside = 0;
  for (u64 seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    Model m(seed);
    for (unsigned i = 0; i < 20000; ++i) {
      const u64 what = m.random.below(64);
      if (what < 6) m.edit();
      if (what == 6) m.change_state();
      if (what == 7 || what == 8) m.switch_pcid();
      if (what == 9 || what == 10) m.change_privilege();
      if (what == 11 && m.random.one_in(32)) m.memory.set_a20(!m.memory.a20());
      if (what == 12 && seed > 4) m.change_stage();
      if (what > 12) m.access();
      if (what == 13 && m.random.one_in(4)) m.check_tags();
      if (what == 14 && m.random.one_in(32)) m.round_trip();
    }
    m.check_tags();
    // The test means nothing if the TLB never answered.
    CHECK(m.mmu.statistics().walks < 20000);
    stores_beside += m.stores_beside;
  }
  CHECK(stores_beside != 0);
}

TEST_CASE("random memory as page tables: looking and walking agree, and nothing breaks") {
  for (u64 seed = 1; seed <= 4; ++seed) {
    Machine m(40, 1 << 20);
    Random random{seed};
    for (u64 at = 0; at < 1 << 20; at += 8) {
      // Mostly present entries that point into RAM, or just out of it.
      u64 entry = (random.next() & 0x1ff000) | (random.next() & 0x1fe) | 1;
      if (random.one_in(8)) entry = random.next() << 32 | random.next();
      m.put64(at, entry);
    }
    for (unsigned i = 0; i < 4000; ++i) {
      PagingRegisters r;
      r.cr0 = Cr0::PE | Cr0::PG | (random.next() & Cr0::WP);
      r.cr4 = random.next() & PagingMode::cr4_bits;
      r.efer = random.next() & Efer::NXE;
      if (random.one_in(2)) r.cr4 |= Cr4::PAE, r.efer |= Efer::LMA;
      r.cr3 = random.next() & 0x1ff000;
      r.pkru = static_cast<u32>(random.next());
      if (!m.mmu.load_pdptes(r.cr3, r.cr0, r.cr4, r.efer)) {
        for (u64& pdpte : m.mmu.pdptes()) pdpte = (random.next() & 0x1ff000) | 1;
      }
      m.mmu.set_registers(r);
      for (unsigned k = 0; k < 8; ++k) {
        const u64 address =
            random.one_in(2) ? random.next() << 32 | random.next() : random.next() & 0xffffffff;
        const Access how{static_cast<AccessKind>(random.below(3)), random.one_in(2), false};
        m.mmu.flush_all();
        const bool expected = m.look(address, how);
        const HostPhys at = m.at;
        const u32 error = m.fault.error;
        const bool ok = m.go(address, how);
        REQUIRE(ok == expected);
        if (ok) {
          REQUIRE(m.at == at);
        } else {
          REQUIRE(m.fault.error == error);
        }
      }
    }
  }
}

TEST_CASE("page tables in holes, in ROM, in themselves and beyond MAXPHYADDR") {
  Machine m;
  m.long_mode();
  // A hole reads as ones: present with reserved bits set.
  m.put64(0x12000, bit(35) | P | RW | US);
  CHECK(m.error(0x1000, read_s) == (1 | 8));
  m.regs.cr3 = bit(38);
  m.mmu.set_registers(m.regs);
  CHECK(m.error(0x1000, read_s) == (1 | 8));
  m.regs.cr3 = ~u64{0} & ~bit(63);
  m.mmu.set_registers(m.regs);
  CHECK(m.error(0x1000, read_s) == (1 | 8));
  // One table that is its own PML4, PDPT, PD and PT.
  m.regs.cr3 = 0x14000;
  m.mmu.set_registers(m.regs);
  m.put64(0x14000, 0x14000 | P | RW);
  CHECK(m.go(0, write_s));
  CHECK(m.at == HostPhys(0x14000));
  CHECK(m.get64(0x14000) == (0x14000 | P | RW | A | D));
  // A bits in ROM stay as they are, and the walk goes on.
  std::vector<u8> rom(4096, 0);
  rom[0] = P | RW, rom[1] = 0x80;
  m.memory.add_rom(HostPhys(0x13000), rom, "rom");
  m.put64(0x12000, 0x13000 | P | RW | US);
  m.regs.cr3 = 0x10000;
  m.mmu.set_registers(m.regs);
  CHECK(m.go(0, write_s));
  CHECK(m.at == HostPhys(0x8000));
  CHECK(m.write_tag(0));  // the TLB remembers D = 1, whatever the ROM did with it
}

TEST_CASE("page tables in a device: read, written, and even if it vanishes meanwhile") {
  struct Odd : MmioDevice {
    PhysicalMemory* memory = nullptr;
    unsigned reads = 0, writes = 0;
    u64 entry = 0x8000 | P | RW | US;
    u64 mmio_read(u64, unsigned) override { return ++reads, entry; }
    void mmio_write(u64, unsigned, u64) override {
      ++writes;
      if (memory != nullptr) memory->remove_mmio(*this);
    }
  } device;
  Machine m;
  m.long_mode();
  m.memory.add_mmio(HostPhys(0x13000), 0x1000, device, "odd");
  CHECK_FALSE(m.look(0x1000, read_s));  // looking does not read device registers
  CHECK(device.reads == 0);
  CHECK(m.go(0x1000, write_s));
  CHECK(m.at == HostPhys(0x8000));
  CHECK(device.reads == 1);
  CHECK(device.writes == 1);
  device.memory = &m.memory;
  CHECK(m.go(0x2000, write_s));
  CHECK(device.writes == 2);
  CHECK_FALSE(m.memory.is_mmio(HostPhys(0x13000)));
}
