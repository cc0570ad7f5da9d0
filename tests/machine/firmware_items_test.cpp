// Owns the tests of what firmware finds in the configuration device: tables that a loader can put anywhere,
// the memory map, SMBIOS, what to boot, and a kernel in parts.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "devices/fwcfg/fw_cfg.h"
#include "devices/rtc/cmos_rtc.h"
#include "frontend/machine/acpi.h"
#include "frontend/machine/firmware.h"
#include "frontend/machine/firmware_items.h"
#include "tests/devices/fakes.h"

using namespace ringside;

namespace {

// Reads items and files as firmware does.
struct Firmware {
  FakeMemory memory;
  FwCfg items{memory};
  PortBus bus;
  Firmware() { PortsOf(bus, items); }

  std::vector<u8> item(u16 key, std::size_t bytes) {
    bus.port_write(0x510, 2, key);
    std::vector<u8> all;
    for (std::size_t n = 0; n < bytes; ++n) all.push_back(static_cast<u8>(bus.port_read(0x511, 1)));
    return all;
  }
  std::vector<u8> file(const std::string& name) {
    const auto big = [](const std::vector<u8>& b, std::size_t at) {
      return u32{b[at]} << 24 | u32{b[at + 1]} << 16 | u32{b[at + 2]} << 8 | b[at + 3];
    };
    const u32 count = big(item(FwCfg::file_directory, 4), 0);
    const std::vector<u8> directory = item(FwCfg::file_directory, 4 + std::size_t{count} * 64);
    for (u32 n = 0; n < count; ++n) {
      const std::size_t at = 4 + std::size_t{n} * 64;
      if (name == reinterpret_cast<const char*>(directory.data() + at + 8))
        return item(static_cast<u16>(big(directory, at + 4) >> 16), big(directory, at));
    }
    return {};
  }
};

u64 little(const std::vector<u8>& bytes, std::size_t at, unsigned size) {
  u64 value = 0;
  for (unsigned n = 0; n < size; ++n) value |= u64{bytes.at(at + n)} << (8 * n);
  return value;
}
u8 sum(const std::vector<u8>& bytes, std::size_t at, std::size_t count) {
  u8 total = 0;
  for (std::size_t n = 0; n < count; ++n) total = static_cast<u8>(total + bytes.at(at + n));
  return total;
}

// The table loader of firmware, in small: every file at an address of its own.
struct Loaded {
  std::map<std::string, std::vector<u8>> files;
  std::map<std::string, u64> places;

  explicit Loaded(Firmware& firmware) {
    const std::vector<u8> script = firmware.file("etc/table-loader");
    REQUIRE(script.size() % 128 == 0);
    u64 next = 0x7fe0000;
    for (std::size_t at = 0; at < script.size(); at += 128) {
      const auto name = [&](std::size_t from) {
        return std::string(reinterpret_cast<const char*>(script.data() + at + from));
      };
      switch (little(script, at, 4)) {
        case 1: {
          const u64 alignment = little(script, at + 60, 4);
          CHECK(script[at + 64] == (name(4) == "etc/acpi/rsdp" ? 2 : 1));
          files[name(4)] = firmware.file(name(4));
          REQUIRE(!files[name(4)].empty());
          next = (next + alignment - 1) & ~(alignment - 1);
          places[name(4)] = next;
          next += files[name(4)].size();
          break;
        }
        case 2: {
          std::vector<u8>& into = files.at(name(4));
          const std::size_t where = little(script, at + 116, 4);
          const unsigned size = script[at + 120];
          const u64 value = little(into, where, size) + places.at(name(60));
          for (unsigned n = 0; n < size; ++n) into.at(where + n) = static_cast<u8>(value >> (8 * n));
          break;
        }
        case 3: {
          std::vector<u8>& of = files.at(name(4));
          const std::size_t where = little(script, at + 60, 4);
          CHECK(of.at(where) == 0);  // OVMF adds up what is there, this byte as well
          of.at(where) = static_cast<u8>(-sum(of, little(script, at + 64, 4), little(script, at + 68, 4)));
          break;
        }
        default: FAIL("an unknown command");
      }
    }
  }
  const std::vector<u8>& tables() { return files.at("etc/acpi/tables"); }
  std::size_t offset(u64 address) { return address - places.at("etc/acpi/tables"); }
};

}  // namespace

TEST_CASE("ACPI tables that the loader placed lead to each other, and every sum is right") {
  Firmware firmware;
  MachineConfig config;
  config.cpus = 3;
  add_firmware_items(firmware.items, config);
  Loaded loaded(firmware);
  const std::vector<u8>& rsdp = loaded.files.at("etc/acpi/rsdp");
  CHECK(sum(rsdp, 0, 20) == 0);
  CHECK(sum(rsdp, 0, 36) == 0);
  const std::vector<u8>& tables = loaded.tables();
  const std::size_t rsdt = loaded.offset(little(rsdp, 16, 4)), xsdt = loaded.offset(little(rsdp, 24, 8));
  std::map<std::string, std::size_t> found;
  const std::size_t count = (little(tables, xsdt + 4, 4) - 36) / 8;
  for (std::size_t n = 0; n < count; ++n) {
    const u64 address = little(tables, xsdt + 36 + 8 * n, 8);
    CHECK(little(tables, rsdt + 36 + 4 * n, 4) == address);
    const std::size_t at = loaded.offset(address);
    CHECK(sum(tables, at, little(tables, at + 4, 4)) == 0);
    found[std::string(tables.begin() + static_cast<std::ptrdiff_t>(at),
                      tables.begin() + static_cast<std::ptrdiff_t>(at + 4))] = at;
  }
  for (const std::size_t at : {rsdt, xsdt}) CHECK(sum(tables, at, little(tables, at + 4, 4)) == 0);
  REQUIRE(found.contains("FACP"));
  CHECK(found.contains("APIC"));
  CHECK(found.contains("HPET"));
  const std::size_t fadt = found["FACP"];
  CHECK(little(tables, loaded.offset(little(tables, fadt + 36, 4)), 4) == 0x53434146);   // "FACS"
  CHECK(little(tables, loaded.offset(little(tables, fadt + 140, 8)), 4) == 0x54445344);  // "DSDT"
  CHECK(little(tables, fadt + 36, 4) % 64 == 0);
}

TEST_CASE("ACPI names the ports of power management where firmware put them") {
  Firmware firmware;
  const MachineConfig config;
  const u16 key = add_firmware_items(firmware.items, config);
  const auto fadt_and_resources = [&](u16 base) {
    const std::vector<u8> tables = firmware.file("etc/acpi/tables");
    const std::string text(tables.begin(), tables.end());
    const std::size_t fadt = text.find("FACP");
    REQUIRE(fadt != std::string::npos);
    CHECK(little(tables, fadt + 56, 4) == base);
    CHECK(little(tables, fadt + 64, 4) == base + 4u);
    CHECK(little(tables, fadt + 76, 4) == base + 8u);
    CHECK(little(tables, fadt + 80, 4) == base + 12u);
    CHECK(little(tables, fadt + 148 + 4, 8) == base);
    const std::string ports{'\x47',
                            '\1',
                            static_cast<char>(base),
                            static_cast<char>(base >> 8),
                            static_cast<char>(base),
                            static_cast<char>(base >> 8),
                            '\1',
                            '\x10'};
    CHECK(text.find(ports) != std::string::npos);
  };
  fadt_and_resources(0x600);
  renew_acpi_tables(firmware.items, key, {.cpus = config.cpus, .pm_base = 0xb000});
  fadt_and_resources(0xb000);

  // OVMF puts the screen's memory at 2 GiB if there is less RAM; systems move what lies outside the window.
  CHECK(firmware_pci_memory(u64{256} << 20) == 0x80000000);
  CHECK(firmware_pci_memory(u64{2560} << 20) == 0xa0000000);
  CHECK(firmware_pci_memory(u64{8} << 30) == 0xc0000000);
  renew_acpi_tables(firmware.items, key, {.pci_memory = 0xa0000000});
  const std::vector<u8> tables = firmware.file("etc/acpi/tables");
  const std::vector<u8> window{0, 0, 0, 0xa0, 0xff, 0xff, 0xbf, 0xfe, 0, 0, 0, 0, 0, 0, 0xc0, 0x5e};
  CHECK(std::search(tables.begin(), tables.end(), window.begin(), window.end()) != tables.end());

  Firmware given;
  given.items.add_file("etc/acpi/tables", {1, 2, 3});
  CHECK(add_firmware_items(given.items, config) == 0);
}

TEST_CASE("the memory map names the RAM, below and above 4 GiB") {
  for (const u64 mib : {64u, 4096u}) {
    Firmware firmware;
    MachineConfig config;
    config.ram_bytes = mib << 20;
    add_firmware_items(firmware.items, config);
    const std::vector<u8> map = firmware.file("etc/e820");
    CHECK(map.size() == (mib == 64 ? 20 : 40));
    u64 total = 0;
    for (std::size_t at = 0; at < map.size(); at += 20) {
      CHECK(little(map, at + 16, 4) == 1);
      total += little(map, at + 8, 8);
    }
    CHECK(total == config.ram_bytes);
  }
}

TEST_CASE("SMBIOS: structures one behind the other, as many and as long as the anchor says") {
  Firmware firmware;
  MachineConfig config;
  config.cpus = 2;
  config.ram_bytes = u64{6} << 30;
  config.uuid = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08};
  add_firmware_items(firmware.items, config);
  const std::vector<u8> anchor = firmware.file("etc/smbios/smbios-anchor");
  const std::vector<u8> all = firmware.file("etc/smbios/smbios-tables");
  REQUIRE(anchor.size() == 31);
  CHECK(sum(anchor, 0, 31) == 0);
  CHECK(sum(anchor, 16, 15) == 0);
  CHECK(little(anchor, 22, 2) == all.size());
  std::map<unsigned, unsigned> types;
  std::size_t at = 0, largest = 0;
  while (at < all.size()) {
    const std::size_t start = at;
    ++types[all[at]];
    if (all[at] == 1) CHECK(little(all, at + 8, 4) == 0x01020304);  // the UUID's first field, turned
    at += all.at(at + 1);
    while (all.at(at) != 0 || all.at(at + 1) != 0) ++at;
    at += 2;
    largest = std::max(largest, at - start);
  }
  CHECK(types == std::map<unsigned, unsigned>{
                     {0, 1}, {1, 1}, {3, 1}, {4, 2}, {16, 1}, {17, 1}, {19, 2}, {32, 1}, {127, 1}});
  CHECK(little(anchor, 28, 2) == 10 + 1);
  CHECK(little(anchor, 8, 2) >= largest);
}

TEST_CASE("what to boot stands in the CMOS memory, and the menu's time beside it") {
  FakeClock clock;
  FakeLine irq;
  CmosRtc cmos(clock, irq);
  BootRequest request;
  set_boot_order(cmos, request);  // disk, floppy, CD
  CHECK(cmos.ram(0x3d) == 0x12);
  CHECK(cmos.ram(0x38) == 0x31);
  request.order = "d";
  set_boot_order(cmos, request);
  CHECK(cmos.ram(0x3d) == 0x03);
  CHECK(cmos.ram(0x38) == 0x01);
  Firmware firmware;
  MachineConfig config;
  config.boot.menu = true;
  config.boot.menu_wait = 3000;
  add_firmware_items(firmware.items, config);
  CHECK(firmware.item(FwCfg::boot_menu, 2) == std::vector<u8>{1, 0});
  CHECK(little(firmware.file("etc/boot-menu-wait"), 0, 2) == 3000);
}

TEST_CASE("a kernel for firmware to load: its parts, and the header that a boot loader fills in") {
  std::vector<u8> image(0x2000);
  image[0x1f1] = 1;  // one sector of setup code behind the first
  image[0x1fe] = 0x55, image[0x1ff] = 0xaa;
  std::copy_n("HdrS", 4, image.begin() + 0x202);
  image[0x206] = 0x0c, image[0x207] = 0x02;
  image[0x22c] = image[0x22d] = image[0x22e] = 0xff, image[0x22f] = 0x37;
  image[0x400] = 0xf4;
  char name[] = "/tmp/ringside-kernel-XXXXXX";
  const int file = ::mkstemp(name);
  REQUIRE(file >= 0);
  REQUIRE(::write(file, image.data(), image.size()) == static_cast<ssize_t>(image.size()));
  ::close(file);
  Firmware firmware;
  BootRequest request;
  request.kernel = request.initrd = name;
  request.append = "console=ttyS0";
  std::string error;
  REQUIRE_MESSAGE(offer_kernel(request, 64 << 20, firmware.items, error), error);
  CHECK(little(firmware.item(FwCfg::setup_size, 4), 0, 4) == 0x400);
  CHECK(little(firmware.item(FwCfg::kernel_size, 4), 0, 4) == 0x1c00);
  CHECK(firmware.item(FwCfg::kernel_data, 1)[0] == 0xf4);
  CHECK(little(firmware.item(FwCfg::initrd_size, 4), 0, 4) == image.size());
  const u64 initrd = little(firmware.item(FwCfg::initrd_address, 4), 0, 4);
  CHECK(initrd % page_bytes == 0);
  CHECK(initrd + image.size() <= (64 << 20) - 0x20000);
  const std::vector<u8> setup = firmware.item(FwCfg::setup_data, 0x400);
  CHECK(little(setup, 0x218, 4) == initrd);
  CHECK(little(setup, 0x21c, 4) == image.size());
  CHECK(little(setup, 0x228, 4) == little(firmware.item(FwCfg::command_line_address, 4), 0, 4));
  CHECK((setup[0x211] & 0x80) != 0);  // the heap may be used
  CHECK(little(setup, 0x1fa, 2) == 0xffff);
  for (const auto& [word, mode] :
       {std::pair("vga=788", 788u), {"vga=0x317", 0x317u}, {"vga=ask", 0xfffdu}, {"vga=ext", 0xfffeu}}) {
    Firmware other;
    request.append = "quiet " + std::string(word);
    REQUIRE_MESSAGE(offer_kernel(request, 64 << 20, other.items, error), error);
    CHECK(little(other.item(FwCfg::setup_data, 0x400), 0x1fa, 2) == mode);
  }
  CHECK_FALSE(offer_kernel(request, 1 << 20, firmware.items, error));
  CHECK(error.find("give more with -m") != std::string::npos);
  ::unlink(name);
}
