// Owns the ACPI tables: what they say of this machine, and where they lie.
// Source: ACPI Specification 5.0, "ACPI Software Programming Model"; "IA-PC HPET Specification".
#include "frontend/machine/acpi.h"

#include <algorithm>
#include <cstring>

#include "devices/acpi/acpi_pm.h"
#include "devices/acpi/reset_port.h"
#include "devices/apic/io_apic.h"
#include "devices/hpet/hpet.h"
#include "frontend/machine/boot.h"

namespace ringside {
namespace {

#include "dsdt.hex"

constexpr u64 local_apic_address = 0xfee00000;
constexpr u32 length_at = 4, checksum_at = 9;

TableBytes table(std::string_view signature, u8 revision) {
  TableBytes t;
  t.text(signature).add<u32>(0).add<u8>(revision).add<u8>(0).text("RNGSDE").text("RINGSIDE");
  t.add<u32>(1).text("RNGS").add<u32>(1);
  return t;
}
LooseTable sealed(TableBytes t, std::vector<LooseTable::Pointer> pointers = {}) {
  t.set(length_at, static_cast<u32>(t.size()));
  t.set(checksum_at, u8{0});  // the compiler has left one, which OVMF would add to its own
  const u32 bytes = static_cast<u32>(t.size());
  return {std::move(t), std::move(pointers), {{checksum_at, bytes}}};
}

void add_port(TableBytes& t, u16 port, u8 bytes, u8 access) {  // a generic address in I/O space
  t.add<u8>(1).add<u8>(static_cast<u8>(bytes * 8)).add<u8>(0).add<u8>(access).add<u64>(port);
}
void add_memory(TableBytes& t, u64 address, u8 bits) {
  t.add<u8>(0).add<u8>(bits).add<u8>(0).add<u8>(0).add<u64>(address);
}

// The compiled table, with what differs between machines, and with our name for the compiler: its version is
// no business of the guest's.
TableBytes dsdt(const AcpiMachine& machine) {
  TableBytes t;
  t.bytes().assign(std::begin(dsdt_aml_code), std::end(dsdt_aml_code));
  std::memcpy(t.bytes().data() + 28, "RNGS\1\0\0\0", 8);
  static constexpr u8 name_cpus[] = {0x08, 'C', 'P', 'U', 'S', 0x0a};  // Name (CPUS, <byte>)
  const auto found =
      std::search(t.bytes().begin(), t.bytes().end(), std::begin(name_cpus), std::end(name_cpus));
  if (t.bytes().end() - found > static_cast<std::ptrdiff_t>(sizeof name_cpus))
    found[sizeof name_cpus] = static_cast<u8>(machine.cpus);
  // An I/O descriptor: 16 bits decoded, the lowest and the highest base, alignment, length.
  static constexpr u8 pm_ports[] = {0x47,
                                    0x01,
                                    AcpiPm::base & 0xff,
                                    AcpiPm::base >> 8,
                                    AcpiPm::base & 0xff,
                                    AcpiPm::base >> 8,
                                    1,
                                    AcpiPm::port_count};
  const auto ports =
      std::search(t.bytes().begin(), t.bytes().end(), std::begin(pm_ports), std::end(pm_ports));
  if (ports != t.bytes().end()) {
    const u32 at = static_cast<u32>(ports - t.bytes().begin());
    t.set(at + 2, machine.pm_base);
    t.set(at + 4, machine.pm_base);
  }
  // A memory range: the lowest and the highest address, no translation, length.
  constexpr u32 last = 0xfebfffff;
  TableBytes memory;
  memory.add<u32>(AcpiMachine{}.pci_memory).add<u32>(last);
  const auto range =
      std::search(t.bytes().begin(), t.bytes().end(), memory.bytes().begin(), memory.bytes().end());
  if (range != t.bytes().end()) {
    const u32 at = static_cast<u32>(range - t.bytes().begin());
    t.set(at, machine.pci_memory);
    t.set(at + 12, last - machine.pci_memory + 1);
  }
  return t;
}

TableBytes facs() {
  TableBytes t;
  t.text("FACS").add<u32>(64).zeros(24).add<u8>(2).zeros(31);
  return t;
}

LooseTable fadt(unsigned facs, unsigned dsdt, const AcpiMachine& machine) {
  constexpr u32 wbinvd = bit(0), proc_c1 = bit(2), no_sleep_button = bit(5), rtc_not_fixed = bit(6),
                timer_32_bits = bit(8), reset_register = bit(10);
  constexpr u16 legacy_devices = bit(0), has_8042 = bit(1), no_vga = bit(2);
  constexpr u16 no_c2 = 0xfff, no_c3 = 0xfff;

  const auto at = [&](u16 port) { return static_cast<u16>(port - AcpiPm::base + machine.pm_base); };
  constexpr u32 facs_at = 36, dsdt_at = 40, wide_dsdt_at = 140;
  TableBytes t = table("FACP", 5);
  t.add<u32>(0).add<u32>(0);
  t.add<u8>(0).add<u8>(0);  // reserved, no preferred power profile
  t.add<u16>(AcpiPm::sci_irq).add<u32>(AcpiPm::smi_cmd);
  t.add<u8>(AcpiPm::acpi_enable).add<u8>(AcpiPm::acpi_disable).add<u8>(0).add<u8>(0);
  t.add<u32>(at(AcpiPm::pm1a_evt_blk)).add<u32>(0).add<u32>(at(AcpiPm::pm1a_cnt_blk)).add<u32>(0);
  t.add<u32>(0).add<u32>(at(AcpiPm::pm_tmr_blk)).add<u32>(at(AcpiPm::gpe0_blk)).add<u32>(0);
  t.add<u8>(AcpiPm::pm1_evt_len).add<u8>(AcpiPm::pm1_cnt_len).add<u8>(0).add<u8>(AcpiPm::pm_tmr_len);
  t.add<u8>(AcpiPm::gpe0_blk_len).add<u8>(0).add<u8>(0).add<u8>(0);
  t.add<u16>(no_c2).add<u16>(no_c3).add<u16>(0).add<u16>(0);
  t.add<u8>(0).add<u8>(0);                // no duty cycle
  t.add<u8>(0).add<u8>(0).add<u8>(0x32);  // RTC: no day or month alarm, the century's byte
  t.add<u16>(legacy_devices | has_8042 | (machine.vga ? 0 : no_vga)).add<u8>(0);
  t.add<u32>(wbinvd | proc_c1 | no_sleep_button | rtc_not_fixed | timer_32_bits | reset_register);
  add_port(t, ResetPort::ports.first, 1, 1);
  t.add<u8>(0x06).zeros(3);   // a full reset
  t.add<u64>(0).add<u64>(0);  // the FACS may be named once only
  add_port(t, at(AcpiPm::pm1a_evt_blk), AcpiPm::pm1_evt_len, 2);
  t.zeros(12);
  add_port(t, at(AcpiPm::pm1a_cnt_blk), AcpiPm::pm1_cnt_len, 2);
  t.zeros(24);
  add_port(t, at(AcpiPm::pm_tmr_blk), AcpiPm::pm_tmr_len, 3);
  add_port(t, at(AcpiPm::gpe0_blk), AcpiPm::gpe0_blk_len, 1);
  t.zeros(36);  // no GPE1, no sleep registers
  return sealed(t, {{facs_at, 4, facs}, {dsdt_at, 4, dsdt}, {wide_dsdt_at, 8, dsdt}});
}

TableBytes madt(unsigned cpus) {
  constexpr u32 has_pics = 1;
  constexpr u16 as_the_bus = 0, active_high_level = 0xd;
  TableBytes t = table("APIC", 3);
  t.add<u32>(local_apic_address).add<u32>(has_pics);
  for (unsigned n = 0; n < cpus; ++n)
    t.add<u8>(0).add<u8>(8).add<u8>(static_cast<u8>(n)).add<u8>(static_cast<u8>(n)).add<u32>(1);
  t.add<u8>(1).add<u8>(12).add<u8>(io_apic_id).add<u8>(0);
  t.add<u32>(static_cast<u32>(IoApic::default_address)).add<u32>(0);
  const auto override_irq = [&](u8 irq, u32 gsi, u16 flags) {
    t.add<u8>(2).add<u8>(10).add<u8>(0).add<u8>(irq).add<u32>(gsi).add<u16>(flags);
  };
  override_irq(0, pit_gsi, as_the_bus);
  for (u8 irq : level_irqs) override_irq(irq, irq, active_high_level);
  t.add<u8>(4).add<u8>(6).add<u8>(0xff).add<u16>(0).add<u8>(1);  // NMI at LINT1 of every CPU
  return t;
}

TableBytes hpet() {
  constexpr u16 min_tick = 0x80;
  TableBytes t = table("HPET", 1);
  t.add<u32>(Hpet::block_id());
  add_memory(t, Hpet::base.value, 64);
  t.add<u8>(0).add<u16>(min_tick).add<u8>(0);
  return t;
}

// RSDT and XSDT, which differ by the width of their pointers.
LooseTable root(std::string_view signature, u8 width, std::initializer_list<unsigned> tables) {
  TableBytes t = table(signature, 1);
  std::vector<LooseTable::Pointer> pointers;
  for (const unsigned to : tables) {
    pointers.push_back({static_cast<u32>(t.size()), width, to});
    t.zeros(width);
  }
  return sealed(std::move(t), std::move(pointers));
}

LooseTable rsdp(unsigned rsdt, unsigned xsdt) {
  constexpr u32 bytes = 36, first_bytes = 20, rsdt_at = 16, xsdt_at = 24;
  TableBytes t;
  t.text("RSD PTR ").add<u8>(0).text("RNGSDE").add<u8>(2).add<u32>(0);
  t.add<u32>(bytes).add<u64>(0).add<u8>(0).zeros(3);
  return {t, {{rsdt_at, 4, rsdt}, {xsdt_at, 8, xsdt}}, {{8, first_bytes}, {32, bytes}}};
}

}  // namespace

u32 firmware_pci_memory(u64 ram_bytes) {
  return static_cast<u32>(std::clamp(ram_bytes, u64{1} << 31, low_ram_limit));
}

std::vector<LooseTable> acpi_tables(const AcpiMachine& machine) {
  AcpiMachine possible = machine;
  possible.cpus = std::clamp(machine.cpus, 1u, most_cpus);
  enum : unsigned { its_facs, its_dsdt, its_fadt, its_madt, its_hpet, its_rsdt, its_xsdt };
  return {{facs(), {}, {}},
          sealed(dsdt(possible)),
          fadt(its_facs, its_dsdt, machine),
          sealed(madt(possible.cpus)),
          sealed(hpet()),
          root("RSDT", 4, {its_fadt, its_madt, its_hpet}),
          root("XSDT", 8, {its_fadt, its_madt, its_hpet}),
          rsdp(its_rsdt, its_xsdt)};
}

u64 write_acpi_tables(PhysicalMemory& memory, const AcpiMachine& machine) {
  std::vector<LooseTable> tables = acpi_tables(machine);
  // The RSDP first, where systems look for it; then the others.
  std::vector<u64> places(tables.size(), tables_start);
  u64 next = tables_start + acpi_alignment;
  static_assert(sizeof dsdt_aml_code + 0x1000 < mp_table_start - tables_start);
  for (std::size_t n = 0; n + 1 < tables.size(); ++n) {
    places[n] = next;
    next = (next + tables[n].bytes.size() + acpi_alignment - 1) & ~(acpi_alignment - 1);
  }
  for (std::size_t n = 0; n < tables.size(); ++n) {
    TableBytes& bytes = tables[n].bytes;
    for (const LooseTable::Pointer& p : tables[n].pointers) {
      if (p.bytes == 4)
        bytes.set(p.at, static_cast<u32>(places[p.to]));
      else
        bytes.set(p.at, places[p.to]);
    }
    for (const LooseTable::Sum& sum : tables[n].sums) bytes.checksum(sum.at, sum.count);
    memory.write_block(HostPhys(places[n]), bytes.bytes().data(), bytes.size());
  }
  const TableBytes mp = mp_tables(std::clamp(machine.cpus, 1u, most_cpus));
  memory.write_block(HostPhys(mp_table_start), mp.bytes().data(), mp.size());
  return tables_start;
}

u64 write_acpi_tables(PhysicalMemory& memory, unsigned cpus) {
  return write_acpi_tables(memory, AcpiMachine{.cpus = cpus});
}

}  // namespace ringside
