// Owns the tests of what EPT caches and of INVEPT, INVVPID and EPTP switching.
#include <doctest/doctest.h>

#include "tests/vmx/ept_machine.h"

using namespace ringside;
using namespace ringside::test;

namespace {

using M = EptMachine;
constexpr u64 moved = M::host_of_guest + 0x7000;
constexpr u8 invalid_operand = static_cast<u8>(VmError::invalid_invalidation_operand);
u8 error_of(const VmResult& result) { return info(result.why).error; }

// A second hierarchy, the same but for the page 0x5000.
struct Two : M {
  static constexpr u64 other = 0x110000 | 3 << 3 | 6;
  Two() {
    for (u64 i = 0; i < 4; ++i)
      for (u64 at = 0; at < 4096; at += 8) put(0x110000 + i * 0x1000 + at, get(0x100000 + i * 0x1000 + at));
    put(0x110000, 0x111000 | rwx);
    put(0x111000, 0x112000 | rwx);
    put(0x112000, 0x113000 | rwx);
    put(0x113028, (host_of_guest + 0x9000) | wb | rwx);
  }
  void use(u64 eptp, u16 vpid = 0) {
    vmcs().set(Field::EPT_POINTER, eptp);
    Ept* const ept = prepare_ept(cpu);
    PagingRegisters r = mmu.registers();
    r.vpid = vpid;
    mmu.set_registers(r, ept, ept);
  }
  u64 host(u64 linear) {
    REQUIRE(go(linear, read));
    return at.value;
  }
};

}  // namespace

TEST_CASE("added rights count without INVEPT") {
  M m;
  m.pte(0x5000, (M::host_of_guest + 0x5000) | M::wb | M::R);
  CHECK(m.go(0x5000, M::read));
  CHECK_FALSE(m.go(0x5000, M::write));
  m.pte(0x5000, (M::host_of_guest + 0x5000) | M::wb | M::rwx);
  CHECK(m.go(0x5000, M::write));
  m.pte(0x6000, 0);
  CHECK_FALSE(m.go(0x6000, M::read));
  m.pte(0x6000, (M::host_of_guest + 0x6000) | M::wb | M::R);
  CHECK(m.go(0x6000, M::read));
  // At a higher level, which the cache of regions knows.
  m.put(0x102008, 0x104000 | M::R);
  m.put(0x104000, (M::host_of_guest + 0x200000) | M::wb | M::rwx);
  m.put_guest(0x12008, 0x200000 | M::P | M::RW | M::US | PageEntry::PS);
  CHECK(m.go(0x200000, M::read));
  CHECK_FALSE(m.go(0x200000, M::write));
  m.put(0x102008, 0x104000 | M::rwx);
  CHECK(m.go(0x200000, M::write));
  // And for a large page.
  m.put(0x102010, (M::host_of_guest + 0x400000) | M::wb | M::R | M::large);
  m.put_guest(0x12010, 0x400000 | M::P | M::RW | M::US | PageEntry::PS);
  CHECK(m.go(0x400000, M::read));
  m.put(0x102010, (M::host_of_guest + 0x400000) | M::wb | M::rwx | M::large);
  CHECK(m.go(0x400000, M::write));
}

TEST_CASE("INVEPT makes changes seen: of the context that is named by its EP4TA, or of all") {
  for (const u64 type : {1, 2}) {
    Two m;
    m.use(M::eptp4, 1);
    CHECK(m.host(0x5000) == M::host_of_guest + 0x5000);
    CHECK(m.host(0x6000) == M::host_of_guest + 0x6000);
    m.use(Two::other, 1);
    CHECK(m.host(0x5000) == M::host_of_guest + 0x9000);
    m.pte(0x5000, moved | M::wb | M::rwx);
    m.put(0x113028, moved | M::wb | M::rwx);
    CHECK(invept(m.cpu, type, M::eptp4 | Eptp::accessed_dirty, 0).ok);
    CHECK(m.host(0x5000) == (type == 2 ? moved : M::host_of_guest + 0x9000));
    m.use(M::eptp4, 1);
    CHECK(m.host(0x5000) == moved);
  }
}

TEST_CASE("INVEPT drops what is cached above the pages") {
  Two m;
  m.use(M::eptp4);
  CHECK(m.host(0x5000) == M::host_of_guest + 0x5000);
  m.put(0x102000, 0x113000 | M::rwx);
  CHECK(invept(m.cpu, 1, M::eptp4, 0).ok);
  CHECK(m.host(0x5000) == M::host_of_guest + 0x9000);
  CHECK(m.host(0x6000) == M::host_of_guest + 0x6000);
}

TEST_CASE("types and descriptors of INVEPT") {
  Two m;
  for (const u64 type : {0ull, 3ull, 4ull, 0x1'0000'0001ull, ~0ull})
    CHECK(error_of(invept(m.cpu, type, M::eptp4, 0)) == invalid_operand);
  CHECK(error_of(invept(m.cpu, 1, M::eptp4 | 0x80, 0)) == invalid_operand);
  CHECK(error_of(invept(m.cpu, 1, 0, 0)) == invalid_operand);
  CHECK(invept(m.cpu, 2, 0, 0).ok);
  CHECK(invept(m.cpu, 1, M::eptp4, 0).ok);
  CpuModel model = vmx_model();
  model.vmx.reset(static_cast<std::size_t>(VmxControl::invept_single_context));
  M lacks(model);
  CHECK(error_of(invept(lacks.cpu, 1, M::eptp4, 0)) == invalid_operand);
  CHECK(invept(lacks.cpu, 2, M::eptp4, 0).ok);
}

TEST_CASE("INVVPID: each type and how far it reaches") {
  constexpr u64 user = M::P | M::RW | M::US;
  for (u64 type = 0; type < 4; ++type) {
    CAPTURE(type);
    Two m;
    m.cpu.cr4 |= Cr4::PGE;
    m.cpu.update_translation();
    m.guest_pte(0x7000, 0x7000 | user | PageEntry::G);
    const auto touch = [&](u16 vpid) {
      m.use(M::eptp4, vpid);
      return std::array{m.host(0x5000), m.host(0x6000), m.host(0x7000)};
    };
    touch(1);
    touch(2);
    touch(0);
    for (const u64 page : {0x5000, 0x6000, 0x7000})
      m.guest_pte(page, 0x8000 | user | (page == 0x7000 ? PageEntry::G : 0));
    CHECK(invvpid(m.cpu, type, 1, 0x5000).ok);
    const u64 h = M::host_of_guest, fresh = h + 0x8000;
    const std::array stale{h + 0x5000, h + 0x6000, h + 0x7000};
    const std::array expected = type == 0   ? std::array{fresh, stale[1], stale[2]}
                                : type == 3 ? std::array{fresh, fresh, stale[2]}
                                            : std::array{fresh, fresh, fresh};
    CHECK(touch(1) == expected);
    CHECK(touch(2) == (type == 2 ? std::array{fresh, fresh, fresh} : stale));
    CHECK(touch(0) == stale);
  }
}

TEST_CASE("types and descriptors of INVVPID") {
  M m;
  CHECK(error_of(invvpid(m.cpu, 4, 1, 0)) == invalid_operand);
  CHECK(error_of(invvpid(m.cpu, ~u64{0}, 1, 0)) == invalid_operand);
  for (const u64 type : {0, 1, 3}) {
    CHECK(error_of(invvpid(m.cpu, type, 0, 0)) == invalid_operand);
    CHECK(invvpid(m.cpu, type, 1, 0x1000).ok);
  }
  CHECK(invvpid(m.cpu, 2, 0, 0).ok);
  for (u64 type = 0; type < 4; ++type)
    for (unsigned b = 16; b < 64; ++b)
      CHECK(error_of(invvpid(m.cpu, type, 1 | bit(b), 0)) == invalid_operand);
  CHECK(error_of(invvpid(m.cpu, 0, 1, bit(47))) == invalid_operand);
  CHECK(invvpid(m.cpu, 1, 1, bit(47)).ok);
  constexpr VmxControl capability[] = {VmxControl::invvpid_address, VmxControl::invvpid_single_context,
                                       VmxControl::invvpid_all_contexts,
                                       VmxControl::invvpid_single_context_globals};
  for (u64 type = 0; type < 4; ++type) {
    CpuModel model = vmx_model();
    model.vmx.reset(static_cast<std::size_t>(capability[type]));
    M lacks(model);
    CHECK(error_of(invvpid(lacks.cpu, type, 1, 0)) == invalid_operand);
  }
}

TEST_CASE("transitions without VPIDs drop VPID 0, with VPIDs nothing") {
  Two m;
  m.use(M::eptp4, 0);
  CHECK(m.host(0x5000) == M::host_of_guest + 0x5000);
  m.guest_pte(0x5000, 0x8000 | M::P | M::RW | M::US);
  m.turn_on(VmxControl::vpid);
  invalidate_for_transition(m.cpu);
  CHECK(m.host(0x5000) == M::host_of_guest + 0x5000);
  m.vmx.controls = {};
  invalidate_for_transition(m.cpu);
  CHECK(m.host(0x5000) == M::host_of_guest + 0x8000);
}

TEST_CASE("EPTP switching") {
  Two m;
  constexpr u64 list = 0x210000;
  m.vmcs().set(Field::EPTP_LIST_ADDRESS, list);
  m.put(list, M::eptp4);
  m.put(list + 8, Two::other);
  m.put(list + 16, Two::other | 0x80);
  m.put(list + 8 * 511, Two::other);
  m.put(list + 8 * 512, Two::other);
  CHECK(m.host(0x5000) == M::host_of_guest + 0x5000);
  CHECK(switch_ept_pointer(m.cpu, 1));
  CHECK(m.vmcs()[Field::EPT_POINTER] == Two::other);
  CHECK(m.vmcs()[Field::EPTP_INDEX] == 1);
  CHECK(m.host(0x5000) == M::host_of_guest + 0x9000);
  CHECK_FALSE(switch_ept_pointer(m.cpu, 2));
  CHECK_FALSE(switch_ept_pointer(m.cpu, 512));
  CHECK_FALSE(switch_ept_pointer(m.cpu, ~0u));
  CHECK(m.vmcs()[Field::EPT_POINTER] == Two::other);
  CHECK(switch_ept_pointer(m.cpu, 0));
  CHECK(m.host(0x5000) == M::host_of_guest + 0x5000);
  CHECK(switch_ept_pointer(m.cpu, 511));
  CHECK(m.vmcs()[Field::EPTP_INDEX] == 511);
}

TEST_CASE("what is cached answers as a fresh walk does, whatever rights are added and flags are set") {
  u64 state = 7;
  const auto random = [&](u64 n) {
    state = state * 6364136223846793005 + 1442695040888963407;
    return (state >> 33) % n;
  };
  M m;
  m.put_guest(0x12008, 0x14000 | M::P | M::RW | M::US);
  for (u64 i = 0; i < 512; ++i) m.put_guest(0x14000 + 8 * i, (0x200000 + i * 0x1000) | M::P | M::RW | M::US);
  m.put(0x102008, 0x104000 | M::R);
  m.set_eptp(M::eptp4 | Eptp::accessed_dirty);
  for (unsigned step = 0; step < 20000; ++step) {
    const u64 page = random(16), entry = 0x104000 + 8 * page, old = m.get(entry);
    switch (random(8)) {
      case 0:  // rights are added, or a page that was not there appears
        if (old == 0)
          m.put(entry, (M::host_of_guest + 0x200000 + page * 0x1000) | M::wb | M::R);
        else
          m.put(entry, old | (random(2) ? M::W : M::X));
        break;
      case 1:  // taken away
        m.put(entry, random(2) ? 0 : old & ~M::W);
        invept(m.cpu, 1, M::eptp4, 0);
        break;
      case 2: m.put(0x102008, m.get(0x102008) | M::W); break;
      case 3:
        if (random(8)) break;
        m.put(0x102008, 0x104000 | M::R);
        invept(m.cpu, 2, 0, 0);
        break;
      default: {
        const Access access = random(3) == 0 ? M::write : random(2) ? M::read : M::fetch;
        const u64 linear = 0x200000 + page * 0x1000;
        const u64 rights = m.get(entry) & m.get(0x102008);
        const u64 needed = access.kind == AccessKind::write  ? M::W
                           : access.kind == AccessKind::read ? M::R
                                                             : M::X;
        CHECK(m.go(linear, access) == ((rights & needed) != 0));
        if (access.kind == AccessKind::write && (rights & needed)) CHECK((m.get(entry) & M::D));
        break;
      }
    }
  }
}
