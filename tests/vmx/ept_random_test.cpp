// Owns the randomised tests of EPT: hostile paging structures, and looking against walking.
#include <doctest/doctest.h>

#include "tests/random.h"
#include "tests/vmx/ept_machine.h"

using namespace ringside;
using namespace ringside::test;

namespace {

using M = EptMachine;

StageAccess some_access(Random& random) {
  StageAccess a;
  a.kind = static_cast<AccessKind>(random.below(3));
  a.purpose = static_cast<StageAccess::Purpose>(random.below(3));
  if (a.purpose != StageAccess::Purpose::translation && a.kind == AccessKind::execute)
    a.kind = AccessKind::read;
  if (a.purpose == StageAccess::Purpose::pdpte_load) a.kind = AccessKind::read;
  a.user_address = random.below(2);
  a.writable_page = random.below(2);
  a.execute_disable_page = random.below(2);
  return a;
}

// Four tables of each level that refer to each other, mostly well; some entries say anything.
u64 some_entry(Random& random, unsigned level, unsigned physical_bits) {
  if (random.below(12) == 0) return random.next();
  if (random.below(12) == 0) return random.next() & (M::rwx | M::XU | M::A | M::D);
  u64 entry = (random.below(6) ? u64{M::rwx | M::XU} : random.next() & (M::rwx | M::XU)) |
              (random.next() & (M::A | M::D));
  if (random.below(24) == 0) entry |= bit(static_cast<unsigned>(random.below(64)));
  const bool page = level == 1 || (level < 4 && random.below(4) == 0);
  if (!page) return entry | (0x200000 + (level - 2) * 0x4000 + random.below(4) * 0x1000);
  if (level > 1) entry |= M::large;
  const u64 size = bit(12 + 9 * (level - 1));
  return entry | M::wb | (random.next() & bit_range(12, physical_bits - 1) & ~(size - 1));
}

}  // namespace

TEST_CASE(
    "walking and looking agree over hostile paging structures, and a walk leaves what a look would find") {
  Random random{1};
  for (unsigned round = 0; round < 40; ++round) {
    CpuModel model = vmx_model();
    for (const VmxControl c : {VmxControl::ept_execute_only, VmxControl::ept_1gb, VmxControl::ept_2mb,
                               VmxControl::ept_advanced_information})
      model.vmx.set(static_cast<std::size_t>(c), random.below(4) != 0);
    M m(model);
    for (unsigned level = 1; level <= 5; ++level)
      for (u64 at = 0; at < 0x4000; at += 8)
        m.put(0x200000 + (level - 1) * 0x4000 + at, some_entry(random, level, model.physical_bits));
    const bool flags = random.below(2), five = random.below(3) == 0, mode_based = random.below(2);
    Ept ept(m.memory, m.vmx.capability);
    const u64 root = 0x200000 + (five ? 4u : 3u) * 0x4000;
    ept.set_pointer(root | (five ? 4 : 3) << 3 | 6 | (flags ? Eptp::accessed_dirty : 0), mode_based);
    for (unsigned step = 0; step < 4000; ++step) {
      const GuestPhys address(random.next() & bit_range(0, five ? 51 : 48) &
                              (random.below(2) ? ~u64{0} : bit_range(0, 22) | bit(30) | bit(39)));
      const StageAccess access = some_access(random);
      SecondStage::Result looked, walked;
      SecondStageFault look_fault, walk_fault;
      WalkTrace trace;
      const bool can = ept.probe(address, access, looked, look_fault, &trace);
      const bool did = ept.translate(address, access, walked, walk_fault);
      REQUIRE(can == did);
      CHECK(trace.count <= 5);
      if (!can) {
        CHECK(look_fault.misconfiguration == walk_fault.misconfiguration);
        CHECK(look_fault.bits == walk_fault.bits);
        if (look_fault.misconfiguration) CHECK_FALSE(trace.steps[trace.count - 1].failure.empty());
        continue;
      }
      CHECK(looked.address == walked.address);
      CHECK(looked.readable == walked.readable);
      CHECK(looked.executable == walked.executable);
      if (!flags) {
        CHECK(looked.writable == walked.writable);
        continue;
      }
      // All entries used are accessed now; the last is dirty after a write.
      trace = {};
      SecondStage::Result after;
      REQUIRE(ept.probe(address, access, after, look_fault, &trace));
      for (unsigned i = 0; i < trace.count; ++i) CHECK((trace.steps[i].entry & M::A));
      const bool wrote =
          access.kind == AccessKind::write || access.purpose == StageAccess::Purpose::page_walk;
      if (wrote) CHECK((trace.steps[trace.count - 1].entry & M::D));
      CHECK(after.writable == walked.writable);
    }
  }
}
