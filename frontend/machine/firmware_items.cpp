// Owns the items of the configuration device that describe the machine to firmware.
#include "frontend/machine/firmware_items.h"

#include <algorithm>
#include <array>

#include "devices/fwcfg/fw_cfg.h"
#include "devices/rtc/cmos_rtc.h"
#include "frontend/machine/acpi.h"
#include "frontend/machine/smbios.h"

namespace ringside {
namespace {

constexpr std::string_view tables_file = "etc/acpi/tables", rsdp_file = "etc/acpi/rsdp";
constexpr std::string_view loader_file = "etc/table-loader";

// The table loader's commands: each has 128 bytes, file names 56.
class LoaderScript {
 public:
  enum Zone : u8 { high = 1, below_1_mib = 2 };

  void allocate(std::string_view file, u32 alignment, Zone zone) {
    begin(1);
    name(file);
    script_.add<u32>(alignment).add<u8>(zone);
    end();
  }
  // The pointer of `bytes` bytes at `at` in `file`, which holds an offset into `to`.
  void add_pointer(std::string_view file, std::string_view to, u32 at, u8 bytes) {
    begin(2);
    name(file);
    name(to);
    script_.add<u32>(at).add<u8>(bytes);
    end();
  }
  void add_checksum(std::string_view file, u32 at, u32 first, u32 count) {
    begin(3);
    name(file);
    script_.add<u32>(at).add<u32>(first).add<u32>(count);
    end();
  }
  std::vector<u8> take() { return std::move(script_.bytes()); }

 private:
  static constexpr std::size_t command_bytes = 128, name_bytes = 56;
  void begin(u32 command) {
    start_ = script_.size();
    script_.add<u32>(command);
  }
  void name(std::string_view file) { script_.text(file).zeros(name_bytes - file.size()); }
  void end() { script_.zeros(start_ + command_bytes - script_.size()); }

  TableBytes script_;
  std::size_t start_ = 0;
};

struct AcpiFiles {
  std::vector<u8> tables, rsdp, script;
};

AcpiFiles acpi_files(const AcpiMachine& machine) {
  std::vector<LooseTable> tables = acpi_tables(machine);
  const std::size_t rsdp = tables.size() - 1;
  std::vector<u32> places(tables.size());
  TableBytes all;
  for (std::size_t n = 0; n < rsdp; ++n) {
    all.zeros((acpi_alignment - all.size() % acpi_alignment) % acpi_alignment);
    places[n] = static_cast<u32>(all.size());
    all.bytes().insert(all.bytes().end(), tables[n].bytes.bytes().begin(), tables[n].bytes.bytes().end());
  }
  LoaderScript script;
  script.allocate(tables_file, static_cast<u32>(acpi_alignment), LoaderScript::high);
  script.allocate(rsdp_file, 16, LoaderScript::below_1_mib);
  for (std::size_t n = 0; n < tables.size(); ++n) {
    const bool last = n == rsdp;
    TableBytes& bytes = last ? tables[n].bytes : all;
    for (const LooseTable::Pointer& p : tables[n].pointers) {
      if (p.bytes == 4)
        bytes.set(places[n] + p.at, places[p.to]);
      else
        bytes.set(places[n] + p.at, u64{places[p.to]});
      script.add_pointer(last ? rsdp_file : tables_file, tables_file, places[n] + p.at, p.bytes);
    }
    for (const LooseTable::Sum& sum : tables[n].sums)
      script.add_checksum(last ? rsdp_file : tables_file, places[n] + sum.at, places[n], sum.count);
  }
  return {std::move(all.bytes()), std::move(tables[rsdp].bytes.bytes()), script.take()};
}

// RAM only: what else is in the map, firmware knows by itself.
void add_memory_map(FwCfg& items, u64 ram_bytes) {
  const u64 low = std::min(ram_bytes, low_ram_limit);
  TableBytes map;
  const auto ram = [&](u64 from, u64 bytes) { map.add<u64>(from).add<u64>(bytes).add<u32>(1); };
  ram(0, low);
  if (ram_bytes > low) ram(u64{1} << 32, ram_bytes - low);
  items.add_file("etc/e820", map.bytes());
}

}  // namespace

u16 add_firmware_items(FwCfg& items, const MachineConfig& config) {
  add_memory_map(items, config.ram_bytes);
  AcpiFiles acpi = acpi_files(
      {.cpus = config.cpus, .pci_memory = firmware_pci_memory(config.ram_bytes), .vga = config.vga});
  const u16 acpi_key = items.add_file(tables_file, std::move(acpi.tables));
  items.add_file(rsdp_file, std::move(acpi.rsdp));
  items.add_file(loader_file, std::move(acpi.script));
  const SmbiosTables smbios = smbios_tables(config);
  items.add_file("etc/smbios/smbios-tables", smbios.structures);
  items.add_file("etc/smbios/smbios-anchor", smbios.anchor);
  items.set_u16(FwCfg::boot_menu, config.boot.menu ? 1 : 0);
  items.set_u32(FwCfg::irq0_override, 1);  // the PIT reaches the I/O APIC at pin 2
  if (config.boot.menu_wait) {
    TableBytes wait;
    wait.add<u16>(*config.boot.menu_wait);
    items.add_file("etc/boot-menu-wait", wait.bytes());
  }
  return acpi_key;
}

void renew_acpi_tables(FwCfg& items, u16 key, const AcpiMachine& machine) {
  items.set_bytes(key, acpi_files(machine).tables);
}

// Three devices in the nibbles of two bytes; the lowest bit of 38H stands for "do not look for the floppy's
// signature", as QEMU leaves it for SeaBIOS.
void set_boot_order(CmosRtc& cmos, const BootRequest& request) {
  constexpr u8 more_order = 0x38, order = 0x3d;
  std::array<u8, 3> devices{};
  for (std::size_t n = 0; n < devices.size() && n < request.order.size(); ++n) {
    switch (request.order[n]) {
      case 'a': devices[n] = 1; break;
      case 'c': devices[n] = 2; break;
      case 'd': devices[n] = 3; break;
      default: devices[n] = 4; break;  // the network
    }
  }
  cmos.set_ram(order, static_cast<u8>(devices[1] << 4 | devices[0]));
  cmos.set_ram(more_order, static_cast<u8>(devices[2] << 4 | 1));
}

}  // namespace ringside
