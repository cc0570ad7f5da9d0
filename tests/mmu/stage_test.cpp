// Owns the tests of the second-stage seam, with a fake in place of EPT.
#include <doctest/doctest.h>

#include <set>
#include <tuple>

#include "tests/mmu/machine.h"

using namespace ringside;
using namespace ringside::test;

namespace {

// Adds `shift` to every address; pages may be refused for reading, or for writing.
struct Fake : SecondStage {
  u64 shift = 0x200000, id = 0x7701e;
  StageAccess last;
  std::set<u64> no_read, no_write, no_execute;
  std::vector<std::tuple<u64, AccessKind, bool>> calls;
  u64 key() const override { return id; }
  bool translate(GuestPhys address, const StageAccess& access, Result& result,
                 SecondStageFault& fault) override {
    calls.push_back({address.value, access.kind, access.purpose == StageAccess::Purpose::page_walk});
    last = access;
    const u64 page = address.page().value;
    fault.bits = 0x123;
    if (no_read.contains(page)) return false;
    if (access.kind == AccessKind::write && no_write.contains(page)) return false;
    if (access.kind == AccessKind::execute && no_execute.contains(page)) return false;
    result.address = HostPhys(address.value + shift);
    result.readable = true;
    result.writable = !no_write.contains(page);
    result.executable = !no_execute.contains(page);
    return true;
  }
};

struct Quiet : SecondStageProbe {
  mutable unsigned calls = 0;
  bool probe(GuestPhys address, const StageAccess&, SecondStage::Result& result, SecondStageFault&,
             WalkTrace* trace) const override {
    ++calls;
    result.address = HostPhys(address.value + 0x200000);
    if (trace != nullptr) trace->add({1, true, address, 0x55, {}});
    return true;
  }
};

struct Nested : Machine {
  Fake stage;
  void invept() { mmu.flush_second_stage(stage.id, false); }
  Nested() {
    long_mode();  // the copy without a second stage
    pte(0x5000, 0x8000 | P | RW | US);
    std::vector<u8> tables(0x6000);
    memory.read_block(HostPhys(0xf000), tables.data(), tables.size());
    memory.write_block(HostPhys(0x20f000), tables.data(), tables.size());
    mmu.set_second_stage(&stage);
  }
};

}  // namespace

TEST_CASE("every paging-structure address and the final one go through the second stage") {
  Nested m;
  CHECK(m.go(0x5678, write_s));
  CHECK(m.at == HostPhys(0x208678));
  CHECK(m.get64(0x213028) == (0x8000 | P | RW | US | A | D));
  CHECK(m.get64(0x13028) == (0x8000 | P | RW | US));
  REQUIRE(m.stage.calls.size() == 5);
  CHECK(m.stage.calls[0] == std::tuple{u64{0x10000}, AccessKind::read, true});
  CHECK(m.stage.calls[4] == std::tuple{u64{0x8678}, AccessKind::write, false});
  CHECK(m.write_tag(0x5678));
  m.mmu.set_second_stage(nullptr);
  CHECK_FALSE(m.write_tag(0x5678));
  CHECK(m.go(0x5678, read_s));
  CHECK(m.at == HostPhys(0x8678));
}

TEST_CASE("refusals name the guest-physical address, the linear address and whether it was a page walk") {
  Nested m;
  m.stage.no_read = {0x8000};
  CHECK_FALSE(m.go(0x5678, write_s));
  CHECK(m.fault.kind == Fault::Kind::second_stage);
  CHECK(m.fault.stage.address == GuestPhys(0x8678));
  CHECK(m.fault.stage.linear == LinAddr(0x5678));
  CHECK(m.fault.stage.linear_valid);
  CHECK_FALSE(m.fault.stage.page_walk);
  CHECK(m.fault.stage.bits == 0x123);
  CHECK(m.get64(0x213028) == (0x8000 | P | RW | US));  // neither A nor D
  m.stage.no_read = {0x13000};
  m.invept();
  CHECK_FALSE(m.go(0x5678, read_s));
  CHECK(m.fault.stage.address == GuestPhys(0x13028));
  CHECK(m.fault.stage.page_walk);
  // The guest's own refusal comes before that of the final address.
  m.stage.no_read = {0x8000};
  m.put64(0x213028, 0x8000 | P);
  CHECK_FALSE(m.go(0x5678, write_u));
  CHECK(m.fault.kind == Fault::Kind::exception);
}

TEST_CASE("setting A and D bits is a write to the table's page") {
  Nested m;
  m.stage.no_write = {0x13000};
  CHECK_FALSE(m.go(0x5678, read_s));
  CHECK(m.fault.kind == Fault::Kind::second_stage);
  CHECK(m.fault.stage.address == GuestPhys(0x13028));
  CHECK(m.fault.stage.page_walk);
  CHECK(m.stage.calls.back() == std::tuple{u64{0x13028}, AccessKind::write, true});
  CHECK_FALSE(m.go(0x5678, read_s));  // the same when the table's place is remembered
  CHECK(m.get64(0x213028) == (0x8000 | P | RW | US));
  m.put64(0x213028, 0x8000 | P | RW | US | A | D);
  CHECK(m.go(0x5678, write_s));
}

TEST_CASE("a page that the second stage lets only be read gets no write tag") {
  Nested m;
  m.put64(0x213028, 0x8000 | P | RW | US | A | D);
  m.memory.write(HostPhys(0x208000), 1, 1);
  m.stage.no_write = {0x8000};
  CHECK(m.go(0x5678, read_s));
  CHECK(m.read_tag(0x5678));
  CHECK_FALSE(m.write_tag(0x5678));
  CHECK_FALSE(m.go(0x5678, write_s));
  CHECK_FALSE(m.read_tag(0x5678));  // a refusal drops what is cached for the address
}

TEST_CASE("INVEPT drops by key, and contexts of other keys stay") {
  Nested m;
  Fake other;
  other.id = 0x9901e;
  CHECK(m.go(0x5678, read_s));
  m.mmu.set_second_stage(&other);
  CHECK_FALSE(m.read_tag(0x5678));
  CHECK(m.go(0x5678, read_s));
  m.mmu.flush_second_stage(0x7705e, false) /* other flags, the same tables */;
  CHECK(m.read_tag(0x5678));
  m.mmu.set_second_stage(&m.stage);
  CHECK_FALSE(m.read_tag(0x5678));
  CHECK(m.go(0x5678, read_s));
  // INVLPG is for all second stages of the VPID.
  m.mmu.invlpg(LinAddr(0x5000));
  m.mmu.set_second_stage(&other);
  CHECK_FALSE(m.read_tag(0x5678));
  m.mmu.set_second_stage(nullptr);
  CHECK(m.go(0x5678, read_s));
  m.mmu.flush_second_stage(0, true);
  CHECK(m.read_tag(0x5678));  // linear mappings are not EPT's
}

TEST_CASE("without paging the linear address goes to the second stage") {
  Nested m;
  m.mmu.set_registers(PagingRegisters{});
  CHECK(m.go(0x5678, read_s));
  CHECK(m.at == HostPhys(0x205678));
}

TEST_CASE("PDPTEs are read through the second stage, which may refuse") {
  Nested m;
  m.put64(0x210020, 0x12000 | P);
  Fault fault;
  CHECK(m.mmu.load_pdptes(0x10020, Cr0::PG, Cr4::PAE, 0, &fault));
  CHECK(m.mmu.pdptes()[0] == (0x12000 | P));
  m.stage.no_read = {0x10000};
  CHECK_FALSE(m.mmu.load_pdptes(0x10020, Cr0::PG, Cr4::PAE, 0, &fault));
  CHECK(fault.kind == Fault::Kind::second_stage);
  CHECK(fault.stage.address == GuestPhys(0x10020));
  CHECK_FALSE(fault.stage.linear_valid);
  CHECK(m.mmu.pdptes()[0] == (0x12000 | P));
}

TEST_CASE("looking asks the second stage's probe, whose steps join the trail") {
  Nested m;
  Quiet probe;
  m.mmu.set_second_stage(&m.stage, &probe);
  WalkTrace trace;
  CHECK(m.look(0x5678, write_s, &trace));
  CHECK(m.at == HostPhys(0x208678));
  CHECK(m.stage.calls.empty());
  CHECK(probe.calls == 5);
  CHECK(trace.count == 9);
  CHECK(trace.steps[8].second_stage);
}

TEST_CASE("a VM entry sets registers and second stage at once: one context more, not two") {
  Nested m;
  const u64 before = m.mmu.statistics().context_switches;
  PagingRegisters guest = m.regs;
  guest.vpid = 1;
  Fake other;
  other.id = 0x9901e;
  m.mmu.set_registers(guest, &other);
  CHECK(m.mmu.statistics().context_switches == before + 1);
  CHECK(m.go(0x5678, read_s));
  CHECK(other.calls.size() == 5);
  m.mmu.set_registers(m.regs, nullptr);
  CHECK(m.mmu.statistics().context_switches == before + 2);
  CHECK(m.go(0x5678, read_s));
  CHECK(m.at == HostPhys(0x8678));
}

TEST_CASE("where paging structures are is remembered until INVEPT, whatever the linear address") {
  Nested m;
  m.put64(0x213030, 0x9000 | P | RW | US);
  CHECK(m.go(0x5678, read_s));
  m.stage.calls.clear();
  CHECK(m.go(0x6678, read_s));
  CHECK(m.stage.calls.size() == 1);
  CHECK(m.at == HostPhys(0x209678));
  m.mmu.load_cr3(0x10000, false);
  m.stage.calls.clear();
  CHECK(m.go(0x6678, read_s));
  CHECK(m.stage.calls.size() == 1);
  m.stage.shift = 0x400000;
  CHECK(m.go(0x5678, read_s));  // stale, as the manual allows before INVEPT
  std::vector<u8> tables(0x6000);
  m.memory.read_block(HostPhys(0x20f000), tables.data(), tables.size());
  m.memory.write_block(HostPhys(0x40f000), tables.data(), tables.size());
  m.put64(0x413028, 0xa000 | P | RW | US);
  m.invept();
  m.stage.calls.clear();
  CHECK(m.go(0x5678, read_s));
  CHECK(m.at == HostPhys(0x40a678));
  CHECK(m.stage.calls.size() == 5);
}

TEST_CASE("the second stage hears what the first says of the page") {
  Nested m;
  m.put64(0x213030, 0x9000 | P | RW | A);
  m.put64(0x213038, 0x9000 | P | US | XD | A);
  CHECK(m.go(0x5678, read_s));
  CHECK(m.stage.last.user_address);
  CHECK(m.stage.last.writable_page);
  CHECK_FALSE(m.stage.last.execute_disable_page);
  CHECK(m.go(0x6678, exec_s));
  CHECK(m.stage.last.kind == AccessKind::execute);
  CHECK_FALSE(m.stage.last.user_address);
  CHECK(m.go(0x7678, read_s));
  CHECK(m.stage.last.user_address);
  CHECK_FALSE(m.stage.last.writable_page);
  CHECK(m.stage.last.execute_disable_page);
  m.mmu.set_registers(PagingRegisters{});
  CHECK(m.go(0x7678, read_s));
  CHECK(m.stage.last.user_address);
  CHECK(m.stage.last.writable_page);
  CHECK_FALSE(m.stage.last.execute_disable_page);
}

TEST_CASE("a refusal forgets where the paging structure was, so that moving it needs no INVEPT") {
  Nested m;
  m.stage.no_write = {0x13000};
  CHECK_FALSE(m.go(0x5678, read_s));  // the A flag cannot be set
  CHECK(m.fault.stage.address == GuestPhys(0x13028));
  // The hypervisor copies the page and lets it be written.
  std::vector<u8> tables(0x6000);
  m.memory.read_block(HostPhys(0x20f000), tables.data(), tables.size());
  m.memory.write_block(HostPhys(0x40f000), tables.data(), tables.size());
  m.stage.shift = 0x400000;
  m.stage.no_write.clear();
  CHECK(m.go(0x5678, read_s));
  CHECK(m.get64(0x413028) == (0x8000 | P | RW | US | A));
  CHECK(m.get64(0x213028) == (0x8000 | P | RW | US));
}
