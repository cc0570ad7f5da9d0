// Owns the tests of the ACPI and MP tables: found as systems find them, sums right, contents those of the
// chips.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "devices/acpi/acpi_pm.h"
#include "devices/hpet/hpet.h"
#include "frontend/machine/boot.h"

using namespace ringside;

namespace {

struct Tables {
  PhysicalMemory memory;
  u64 rsdp;
  explicit Tables(unsigned cpus) {
    REQUIRE(memory.add_ram(HostPhys(0), 4 << 20, "ram"));
    rsdp = write_acpi_tables(memory, cpus);
  }
  template <class T>
  T at(u64 address) {
    return static_cast<T>(memory.read(HostPhys(address), sizeof(T)));
  }
  std::string text(u64 address, unsigned count) {
    std::string s(count, 0);
    memory.read_block(HostPhys(address), s.data(), count);
    return s;
  }
  u8 sum(u64 address, u64 count) {
    u8 total = 0;
    for (u64 i = 0; i < count; ++i) total = static_cast<u8>(total + at<u8>(address + i));
    return total;
  }
  // By way of the XSDT.
  u64 find(const std::string& signature) {
    const u64 xsdt = at<u64>(rsdp + 24);
    for (u64 i = 36; i < at<u32>(xsdt + 4); i += 8)
      if (text(at<u64>(xsdt + i), 4) == signature) return at<u64>(xsdt + i);
    return 0;
  }
};

}  // namespace

TEST_CASE("the RSDP is where systems search, and every sum is right") {
  Tables t(2);
  CHECK(t.rsdp >= 0xe0000);
  CHECK(t.rsdp % 16 == 0);
  CHECK(t.text(t.rsdp, 8) == "RSD PTR ");
  CHECK(t.at<u8>(t.rsdp + 15) == 2);
  CHECK(t.sum(t.rsdp, 20) == 0);
  CHECK(t.sum(t.rsdp, 36) == 0);
  const u64 rsdt = t.at<u32>(t.rsdp + 16), xsdt = t.at<u64>(t.rsdp + 24);
  CHECK(t.text(rsdt, 4) == "RSDT");
  CHECK(t.text(xsdt, 4) == "XSDT");
  CHECK(t.sum(rsdt, t.at<u32>(rsdt + 4)) == 0);
  CHECK(t.sum(xsdt, t.at<u32>(xsdt + 4)) == 0);
  const u64 count = (t.at<u32>(xsdt + 4) - 36) / 8;
  REQUIRE(count == (t.at<u32>(rsdt + 4) - 36) / 4);
  for (u64 i = 0; i < count; ++i) {
    const u64 table = t.at<u64>(xsdt + 36 + 8 * i);
    CHECK(t.at<u32>(rsdt + 36 + 4 * i) == table);
    CHECK(table + t.at<u32>(table + 4) <= 0x100000);
    CHECK_MESSAGE(t.sum(table, t.at<u32>(table + 4)) == 0, t.text(table, 4));
  }
}

TEST_CASE("the FADT tells the ports of the power-management chip") {
  Tables t(1);
  const u64 fadt = t.find("FACP");
  REQUIRE(fadt != 0);
  CHECK(t.at<u32>(fadt + 4) == 268);
  CHECK(t.at<u16>(fadt + 46) == AcpiPm::sci_irq);
  CHECK(t.at<u32>(fadt + 48) == AcpiPm::smi_cmd);
  CHECK(t.at<u8>(fadt + 52) == AcpiPm::acpi_enable);
  CHECK(t.at<u8>(fadt + 53) == AcpiPm::acpi_disable);
  CHECK(t.at<u32>(fadt + 56) == AcpiPm::pm1a_evt_blk);
  CHECK(t.at<u32>(fadt + 64) == AcpiPm::pm1a_cnt_blk);
  CHECK(t.at<u32>(fadt + 76) == AcpiPm::pm_tmr_blk);
  CHECK(t.at<u32>(fadt + 80) == AcpiPm::gpe0_blk);
  CHECK(t.at<u8>(fadt + 88) == AcpiPm::pm1_evt_len);
  CHECK(t.at<u8>(fadt + 92) == AcpiPm::gpe0_blk_len);
  CHECK((t.at<u16>(fadt + 109) & 2) != 0);           // 8042
  CHECK((t.at<u32>(fadt + 112) & (1u << 10)) != 0);  // reset register
  CHECK(t.at<u64>(fadt + 116 + 4) == 0xcf9);
  CHECK(t.at<u8>(fadt + 128) == 6);
  CHECK(t.at<u64>(fadt + 132) == 0);                     // the FACS is named by the 32-bit field
  CHECK(t.at<u64>(fadt + 140) == t.at<u32>(fadt + 40));  // DSDT
  CHECK(t.at<u64>(fadt + 148 + 4) == AcpiPm::pm1a_evt_blk);
  CHECK(t.at<u64>(fadt + 172 + 4) == AcpiPm::pm1a_cnt_blk);
  CHECK(t.at<u64>(fadt + 208 + 4) == AcpiPm::pm_tmr_blk);
  CHECK(t.at<u64>(fadt + 220 + 4) == AcpiPm::gpe0_blk);
  const u64 facs = t.at<u32>(fadt + 36), dsdt = t.at<u32>(fadt + 40);
  CHECK(facs % 64 == 0);
  CHECK(t.text(facs, 4) == "FACS");
  CHECK(t.at<u32>(facs + 4) == 64);
  CHECK(t.text(dsdt, 4) == "DSDT");
  CHECK(t.sum(dsdt, t.at<u32>(dsdt + 4)) == 0);
}

TEST_CASE("the MADT lists the CPUs, the I/O APIC and the overrides") {
  for (unsigned cpus : {1u, 3u, 8u}) {
    Tables t(cpus);
    const u64 madt = t.find("APIC");
    REQUIRE(madt != 0);
    unsigned local = 0, io = 0, nmis = 0;
    std::vector<std::array<u32, 3>> overrides;
    const u64 end = madt + t.at<u32>(madt + 4);
    for (u64 p = madt + 44; p < end; p += t.at<u8>(p + 1)) {
      REQUIRE(t.at<u8>(p + 1) >= 2);
      switch (t.at<u8>(p)) {
        case 0:
          CHECK(t.at<u8>(p + 3) == local);
          ++local;
          break;
        case 1:
          CHECK(t.at<u32>(p + 4) == 0xfec00000);
          ++io;
          break;
        case 2: overrides.push_back({t.at<u8>(p + 3), t.at<u32>(p + 4), t.at<u16>(p + 8)}); break;
        case 4:
          CHECK(t.at<u8>(p + 5) == 1);
          ++nmis;
          break;
        default: FAIL("an entry that nobody expects");
      }
    }
    CHECK(local == cpus);
    CHECK(io == 1);
    CHECK(nmis == 1);
    REQUIRE(overrides.size() == 5);
    CHECK(overrides[0] == std::array<u32, 3>{0, 2, 0});
    CHECK(overrides[2] == std::array<u32, 3>{9, 9, 0xd});
  }
}

TEST_CASE("the HPET table agrees with the chip") {
  Tables t(1);
  const u64 hpet = t.find("HPET");
  REQUIRE(hpet != 0);
  CHECK(t.at<u32>(hpet + 4) == 56);
  CHECK(t.at<u32>(hpet + 36) == Hpet::block_id());
  CHECK(t.at<u64>(hpet + 44) == Hpet::base.value);
}

TEST_CASE("the MP table is found and its sums are right") {
  Tables t(4);
  u64 found = 0;
  for (u64 p = 0xf0000; p < 0x100000; p += 16)
    if (t.text(p, 4) == "_MP_" && t.sum(p, 16) == 0) found = p;
  REQUIRE(found != 0);
  const u64 table = t.at<u32>(found + 4);
  CHECK(t.text(table, 4) == "PCMP");
  const u64 bytes = t.at<u16>(table + 4);
  CHECK(t.sum(table, bytes) == 0);
  unsigned entries = 0, processors = 0;
  u64 p = table + 44;
  for (; p < table + bytes; ++entries) {
    processors += t.at<u8>(p) == 0;
    p += t.at<u8>(p) == 0 ? 20 : 8;
  }
  CHECK(p == table + bytes);
  CHECK(entries == t.at<u16>(table + 34));
  CHECK(processors == 4);
}

TEST_CASE("a disassembler reads the tables and finds what was meant") {
  if (std::system("iasl -v >/dev/null 2>&1") != 0) {
    MESSAGE("no iasl here");
    return;
  }
  const auto disassemble = [](Tables& t, const std::string& signature, u64 at) {
    const std::string stem = std::string(RINGSIDE_BINARY_DIR) + "/test-" + signature;
    std::vector<char> bytes(t.at<u32>(at + 4));
    t.memory.read_block(HostPhys(at), bytes.data(), bytes.size());
    std::ofstream(stem + ".aml", std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    std::remove((stem + ".dsl").c_str());
    REQUIRE(std::system(("iasl -d " + stem + ".aml >" + stem + ".log 2>&1").c_str()) == 0);
    std::ifstream source(stem + ".dsl");
    return std::string(std::istreambuf_iterator<char>(source), {});
  };
  Tables t(3);
  for (const char* name : {"FACP", "APIC", "HPET"}) {
    const std::string text = disassemble(t, name, t.find(name));
    CHECK(text.find("Invalid") == std::string::npos);
    CHECK(text.find("ncorrect checksum") == std::string::npos);
    CHECK(text.find(std::string("Signature : \"") + name) != std::string::npos);
  }
  const std::string dsdt = disassemble(t, "DSDT", t.at<u32>(t.find("FACP") + 40));
  CHECK(dsdt.find("ncorrect checksum") == std::string::npos);
  CHECK(dsdt.find("Name (CPUS, 0x03)") != std::string::npos);
  for (const char* word : {"PNP0A03", "PNP0501", "PNP0303", "_S5", "_PRT", "PNP0C0F", "ACPI0007"})
    CHECK_MESSAGE(dsdt.find(word) != std::string::npos, word);
}
