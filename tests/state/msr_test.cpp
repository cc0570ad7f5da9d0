// Owns the tests of the model-specific registers: the table, each rule both ways, hostile values.
#include <doctest/doctest.h>

#include <algorithm>

#include "cpu/state/msrs.h"

using namespace ringside;

namespace {

struct TestClock : Clock {
  Ticks time = 1000;
  Ticks now() const { return time; }
  u64 frequency() const { return 2'000'000'000; }
  void add(Timer&) {}
  void remove(Timer&) {}
  void changed(Timer&) {}
};

// A local APIC that remembers what it was asked.
struct TestApic : InterruptSource {
  u64 base = 0xfee00900, deadline = 0, x2apic = 0;
  u32 last = 0;
  s64 offset = 0;
  void init() {}
  void set_tsc_offset(s64 value) { offset = value; }
  bool pending() const { return false; }
  u8 acknowledge() { return 0; }
  u8 task_priority() const { return 0; }
  void set_task_priority(u8) {}
  bool read_msr(u32 msr, u64& value) {
    last = msr;
    if (msr == 0x1b) return value = base, true;
    if (msr == 0x6e0) return value = deadline, true;
    if (msr == 0x802) return value = x2apic, true;
    return false;
  }
  bool write_msr(u32 msr, u64 value) {
    last = msr;
    if (msr == 0x1b) return base = value, true;
    if (msr == 0x6e0) return deadline = value, true;
    if (msr == 0x802) return x2apic = value, true;
    return false;
  }
};

struct Box {
  PhysicalMemory memory;
  Mmu mmu{memory, 46};
  TestClock clock;
  TestApic apic;
  CpuModel model;
  Cpu cpu{mmu};
  explicit Box(std::string_view name = default_cpu_model) {
    std::string error;
    model = *parse_cpu_model(name, error);
    cpu.model = &model;
    cpu.clock = &clock;
    cpu.interrupts = &apic;
    cpu.reset(false);
  }
  bool write(u32 number, u64 value) { return write_msr(cpu, number, value, 0x1234); }
  bool reads(u32 number) {
    u64 value;
    return read_msr(cpu, number, value, 0x1234);
  }
  u64 read(u32 number) {
    u64 value = 0xdead;
    CHECK_MESSAGE(read_msr(cpu, number, value, 0x1234), msr_name(number));
    return value;
  }
};

}  // namespace

TEST_CASE(
    "the table is sorted, free of duplicates, and every row has a name, a title and a way to be read or "
    "written") {
  const auto table = msr_table();
  REQUIRE(table.size() > 100);
  for (std::size_t i = 1; i < table.size(); ++i) CHECK(table[i - 1].number < table[i].number);
  for (const MsrInfo& info : table) {
    CAPTURE(info.name);
    CHECK_FALSE(info.name.empty());
    CHECK_FALSE(info.title.empty());
    CHECK((info.member || info.read));
    CHECK((info.writable & info.reserved) == 0);
    CHECK(find_msr(info.number) == &info);
    CHECK_FALSE((info.number >= 0x800 && info.number <= 0x8ff));
  }
  CHECK(msr_name(0xc0000080) == "IA32_EFER");
  CHECK(msr_name(0x403) == "IA32_MC0_MISC");
  CHECK(msr_name(0x201) == "IA32_MTRR_PHYSMASK0");
  CHECK(msr_name(0x838) == "x2APIC");
  CHECK(msr_name(0x12345678).empty());
}

TEST_CASE("a plain register takes its writable bits and refuses each reserved one") {
  for (const MsrInfo& info : msr_table()) {
    if (!info.member || info.read || info.write || info.writable == 0) continue;
    Box b("max");
    if (info.present && !info.present(b.model)) continue;
    CAPTURE(info.name);
    const u64 fixed = b.read(info.number) & ~info.writable;
    CHECK(b.write(info.number, info.writable));
    CHECK(b.read(info.number) == (fixed | info.writable));
    CHECK(b.write(info.number, 0));
    CHECK(b.read(info.number) == fixed);
    for (unsigned n = 0; n < 64; ++n) {
      CAPTURE(n);
      CHECK(b.write(info.number, bit(n)) == !(info.reserved & bit(n)));
    }
  }
}

TEST_CASE("a read-only register refuses writes") {
  for (u32 number : {0xceu, 0xfeu, 0x10au, 0x179u, 0x17u, 0x198u}) {
    Box b;
    const u64 before = b.read(number);
    CAPTURE(number);
    CHECK_FALSE(b.write(number, before));
    CHECK_FALSE(b.write(number, 0));
    CHECK(b.read(number) == before);
  }
}

TEST_CASE("commands can be written but not read") {
  Box b;
  for (u32 number : {0x49u, 0x10bu}) {
    CHECK(b.write(number, 1));
    CHECK(b.write(number, 0));
    CHECK_FALSE(b.write(number, 2));
    CHECK_FALSE(b.reads(number));
  }
}

TEST_CASE("EFER: LMA is the processor's, LME is frozen under paging, bits that the model lacks are refused") {
  Box b;
  CHECK(b.write(0xc0000080, Efer::SCE | Efer::LME | Efer::NXE | Efer::LMA));
  CHECK(b.cpu.efer == (Efer::SCE | Efer::LME | Efer::NXE));
  b.cpu.cr0 |= Cr0::PE | Cr0::PG;
  b.cpu.efer |= Efer::LMA;
  b.cpu.cr4 |= Cr4::PAE;
  CHECK_FALSE(b.write(0xc0000080, Efer::SCE | Efer::NXE));
  CHECK(b.write(0xc0000080, Efer::LME | Efer::NXE));
  CHECK(b.cpu.efer == (Efer::LME | Efer::NXE | Efer::LMA));
  CHECK(b.mmu.registers().efer == b.cpu.efer);
  for (unsigned n : {1u, 2u, 7u, 9u, 12u, 14u, 63u}) CHECK_FALSE(b.write(0xc0000080, b.cpu.efer | bit(n)));
  Box disabled;
  CHECK(disabled.write(0x1a0, disabled.read(0x1a0) | MiscEnable::xd_disable));
  CHECK_FALSE(disabled.write(0xc0000080, Efer::NXE));
  CHECK(disabled.write(0xc0000080, Efer::LME));
  Box no_nx("max,-nx");
  CHECK_FALSE(no_nx.write(0xc0000080, Efer::NXE));
  CHECK(no_nx.write(0xc0000080, Efer::SCE));
}

TEST_CASE("address registers refuse what is not canonical at the processor's width") {
  for (u32 number : {0xc0000082u, 0xc0000083u, 0xc0000100u, 0xc0000101u, 0xc0000102u, 0x175u, 0x176u}) {
    CAPTURE(number);
    Box b, wide("Icelake-Server,+la57");
    CHECK(b.write(number, 0x00007fffffffffff));
    CHECK(b.write(number, 0xffff800000000000));
    CHECK(b.read(number) == 0xffff800000000000);
    for (u64 bad : {0x0000800000000000ull, 0xffff7fffffffffffull, 0x8000000000000000ull}) {
      CHECK_FALSE(b.write(number, bad));
      CHECK(b.read(number) == 0xffff800000000000);
    }
    CHECK(wide.write(number, 0x0000800000000000));  // whatever CR4.LA57 says
    CHECK_FALSE(wide.write(number, 0x0100000000000000));
  }
  Box b;
  CHECK(b.write(0xc0000101, 0x1000));
  CHECK(b.cpu.segment[GS].base == 0x1000);
}

TEST_CASE("memory types: PAT, fixed and variable ranges, default") {
  Box b;
  for (u64 type = 0; type < 256; ++type) {
    const bool in_mtrr = type == 0 || type == 1 || type == 4 || type == 5 || type == 6;
    const bool in_pat = in_mtrr || type == 7;
    CAPTURE(type);
    for (unsigned byte : {0u, 3u, 7u}) {
      CHECK(b.write(0x277, type << (8 * byte)) == in_pat);
      CHECK(b.write(0x250, type << (8 * byte)) == in_mtrr);
      CHECK(b.write(0x26f, type << (8 * byte)) == in_mtrr);
    }
    CHECK(b.write(0x200, type) == in_mtrr);
    CHECK(b.write(0x2ff, 0xc00 | type) == in_mtrr);
  }
  for (unsigned n = 8; n < 64; ++n) {
    CAPTURE(n);
    CHECK(b.write(0x200, bit(n)) == (n >= 12 && n < 46));
    CHECK(b.write(0x201, bit(n)) == (n >= 11 && n < 46));
    CHECK(b.write(0x2ff, bit(n)) == (n == 10 || n == 11));
  }
  CHECK((b.read(0xfe) & 0xff) == mtrr_variable_count);
  CHECK(b.write(0x200 + 2 * mtrr_variable_count - 1, 0x800));
  CHECK_FALSE(b.write(0x200 + 2 * mtrr_variable_count, 0));
}

TEST_CASE("the time-stamp counter and its adjustment move each other") {
  Box b;
  CHECK(b.read(0x10) == 0);
  b.clock.time += 500;
  CHECK(b.read(0x10) == 500);
  CHECK(b.write(0x10, 10'000));
  CHECK(b.read(0x10) == 10'000);
  CHECK(b.read(0x3b) == 9'500);
  CHECK(b.write(0x3b, 0));
  CHECK(b.read(0x10) == 500);
  CHECK(b.write(0x3b, ~u64{0}));  // -1
  CHECK(b.read(0x10) == 499);
  CHECK(b.apic.offset == static_cast<s64>(499 - b.clock.time));
  b.cpu.reset(true);
  CHECK(b.read(0x10) == 499);
  b.cpu.reset(false);
  CHECK(b.read(0x10) == 0);
  CHECK(b.read(0x3b) == 0);
}

TEST_CASE(
    "the machine-check banks: control free, the rest only to be cleared, as many as IA32_MCG_CAP says") {
  Box b;
  const u64 banks = b.read(0x179) & 0xff;
  CHECK(banks == mc_bank_count);
  CHECK(b.write(0x400, ~u64{0}));
  CHECK(b.read(0x400) == ~u64{0});
  for (u32 number : {0x401u, 0x402u, 0x403u}) {
    CHECK(b.write(number, 0));
    CHECK_FALSE(b.write(number, 1));
  }
  CHECK(b.write(0x280, bit(30) | 0x7fff));
  CHECK_FALSE(b.write(0x280, bit(15)));
  CHECK_FALSE(b.reads(0x400 + 4 * static_cast<u32>(banks)));
  CHECK_FALSE(b.reads(0x280 + static_cast<u32>(banks)));
  CHECK(b.write(0x17a, 7));
  CHECK_FALSE(b.write(0x17a, 8));
}

TEST_CASE("IA32_FEATURE_CONTROL locks") {
  Box b;
  CHECK_FALSE(b.write(0x3a, 2));
  CHECK(b.write(0x3a, 1));
  CHECK_FALSE(b.write(0x3a, 0));
  CHECK_FALSE(b.write(0x3a, 1));
  CHECK(b.read(0x3a) == 1);
}

TEST_CASE("registers come and go with their features") {
  struct {
    u32 number;
    const char* without;
  } const rows[] = {{0x48, "max,-ibrs,-stibp,-ssbd"},
                    {0x49, "max,-ibrs"},
                    {0x10a, "max,-arch-capabilities"},
                    {0x3b, "max,-tsc-adjust"},
                    {0xda0, "max,-xsaves"},
                    {0x6e1, "max,-pks"},
                    {0xc0000103, "max,-rdtscp,-rdpid"},
                    {0x6e0, "max,-tsc-deadline"},
                    {0x174, "max,-sep"},
                    {0xfe, "max,-mtrr"},
                    {0x277, "max,-pat"},
                    {0x179, "max,-mca"}};
  for (const auto& row : rows) {
    CAPTURE(row.without);
    Box with("max"), without(row.without);
    CHECK((with.reads(row.number) || with.write(row.number, 0)));
    CHECK_FALSE(without.reads(row.number));
    CHECK_FALSE(without.write(row.number, 0));
  }
}

TEST_CASE("SPEC_CTRL knows the bits that CPUID announces") {
  Box b;
  CHECK(b.write(0x48, 7));
  CHECK_FALSE(b.write(0x48, 8));
  Box some("max,-ssbd");
  CHECK(some.write(0x48, 3));
  CHECK_FALSE(some.write(0x48, 4));
}

TEST_CASE("the local APIC answers for its own registers") {
  Box b;
  CHECK(b.read(0x1b) == 0xfee00900);
  CHECK(b.write(0x6e0, 77));
  CHECK(b.apic.deadline == 77);
  CHECK(b.write(0x802, 5));
  CHECK(b.read(0x802) == 5);
  CHECK_FALSE(b.reads(0x8ff));
  CHECK(b.apic.last == 0x8ff);
  Box none("max,-x2apic");
  CHECK_FALSE(none.reads(0x802));
  none.cpu.interrupts = nullptr;
  CHECK_FALSE(none.reads(0x1b));
  CHECK_FALSE(none.write(0x6e0, 1));
}

TEST_CASE("what nobody knows is noted, and refused or ignored") {
  Box b;
  u64 value = 1;
  CHECK_FALSE(read_msr(b.cpu, 0x12345, value, 0x100));
  CHECK_FALSE(write_msr(b.cpu, 0x12345, 5, 0x200));
  b.cpu.strict_msrs = false;
  CHECK(read_msr(b.cpu, 0x12345, value, 0x300));
  CHECK(value == 0);
  CHECK(write_msr(b.cpu, 0x12345, 5, 0x300));
  CHECK(b.write(0x54321, 0));
  REQUIRE(b.cpu.unknown_msrs.size() == 2);
  CHECK(b.cpu.unknown_msrs[0].number == 0x12345);
  CHECK(b.cpu.unknown_msrs[0].reads == 2);
  CHECK(b.cpu.unknown_msrs[0].writes == 2);
  CHECK(b.cpu.unknown_msrs[0].first_rip == 0x100);
  for (u32 n = 0; n < 10'000; ++n) b.write(0x40000000 + n, 0);
  CHECK(b.cpu.unknown_msrs.size() <= 4096);
}

TEST_CASE(
    "hostile values to every register: what is taken can be read back, what is refused changes nothing") {
  std::vector<u64> values = {0, ~u64{0}, 0x0606060606060606, 0x5555555555555555, 0xaaaaaaaaaaaaaaaa};
  for (unsigned n = 0; n < 64; ++n) {
    values.push_back(bit(n));
    values.push_back(~bit(n));
  }
  Box b("max");
  for (const MsrInfo& info : msr_table()) {
    CAPTURE(info.name);
    for (u64 value : values) {
      u64 before = 0, after = 0;
      const bool readable = read_msr(b.cpu, info.number, before, 0);
      const bool taken = write_msr(b.cpu, info.number, value, 0);
      CHECK(read_msr(b.cpu, info.number, after, 0) == readable);
      if (!taken) CHECK(after == before);
      if (taken && readable) CHECK((after & info.reserved) == 0);
    }
    b.cpu.reset(false);
  }
  CHECK(b.cpu.unknown_msrs.size() < 8);  // IA32_UMWAIT_CONTROL and such that this model has not
}

TEST_CASE("the package C-state register locks until a reset") {
  constexpr u32 MSR_PKG_CST_CONFIG_CONTROL = 0xe2;
  Box b;
  CHECK(b.read(MSR_PKG_CST_CONFIG_CONTROL) == 0);
  CHECK(b.write(MSR_PKG_CST_CONFIG_CONTROL, 0x8402));
  CHECK_FALSE(b.write(MSR_PKG_CST_CONFIG_CONTROL, 0));
  CHECK(b.read(MSR_PKG_CST_CONFIG_CONTROL) == 0x8402);
  b.cpu.reset(false);
  CHECK(b.write(MSR_PKG_CST_CONFIG_CONTROL, 1));
}

TEST_CASE("IA32_FMASK: Intel's CPUs take a write of the upper half and keep nothing of it") {
  constexpr u32 IA32_FMASK = 0xc0000084;
  Box b;
  CHECK(b.write(IA32_FMASK, ~u64{0}));
  CHECK(b.read(IA32_FMASK) == 0xffffffff);
}
