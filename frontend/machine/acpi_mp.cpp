// Owns the MP configuration table. Source: Intel MultiProcessor Specification 1.4, "MP Configuration Table".
#include <algorithm>

#include "devices/apic/io_apic.h"
#include "devices/pci/pci_bus.h"
#include "frontend/machine/acpi.h"

namespace ringside {
namespace {

constexpr u8 pci_bus_id = 0, isa_bus_id = 1;
constexpr u8 all_local_apics = 0xff;
constexpr u16 as_the_bus = 0, active_high_level = 0xd;
enum InterruptType : u8 { vectored = 0, nmi = 1, external = 3 };

}  // namespace

TableBytes mp_tables(unsigned cpus) {
  constexpr u8 apic_version = 0x14, enabled = 1, boot_processor = 2;
  TableBytes t;
  t.text("PCMP").add<u16>(0).add<u8>(4).add<u8>(0).text("RINGSIDE").text("MACHINE     ");
  t.add<u32>(0).add<u16>(0).add<u16>(0).add<u32>(0xfee00000).add<u16>(0).add<u8>(0).add<u8>(0);
  u16 entries = 0;
  for (unsigned n = 0; n < cpus; ++n, ++entries) {
    t.add<u8>(0).add<u8>(static_cast<u8>(n)).add<u8>(apic_version);
    t.add<u8>(n == 0 ? enabled | boot_processor : enabled);
    t.add<u32>(0x600).add<u32>(0x201).zeros(8);  // signature and features: CPUID says more
  }
  t.add<u8>(1).add<u8>(pci_bus_id).text("PCI   ");
  t.add<u8>(1).add<u8>(isa_bus_id).text("ISA   ");
  t.add<u8>(2).add<u8>(io_apic_id).add<u8>(0x20).add<u8>(enabled);
  t.add<u32>(static_cast<u32>(IoApic::default_address));
  entries = static_cast<u16>(entries + 3);

  const auto wire = [&](u8 entry, u8 type, u16 flags, u8 bus, u8 source, u8 apic, u8 pin) {
    t.add<u8>(entry).add<u8>(type).add<u16>(flags).add<u8>(bus).add<u8>(source).add<u8>(apic).add<u8>(pin);
    ++entries;
  };
  constexpr u8 to_io_apic = 3, to_local_apic = 4;
  for (u8 irq = 0; irq < 16; ++irq) {
    if (irq == 2) continue;  // the cascade
    const bool level = std::find(level_irqs.begin(), level_irqs.end(), irq) != level_irqs.end();
    wire(to_io_apic, vectored, level ? active_high_level : as_the_bus, isa_bus_id, irq, io_apic_id,
         irq == 0 ? static_cast<u8>(pit_gsi) : irq);
  }
  for (unsigned device = 1; device < 32; ++device)
    for (unsigned pin = 1; pin <= 4; ++pin)
      wire(to_io_apic, vectored, active_high_level, pci_bus_id, static_cast<u8>(device << 2 | (pin - 1)),
           io_apic_id, pirq_default_irqs[PciBus::pirq_of(device, pin)]);
  wire(to_local_apic, external, as_the_bus, isa_bus_id, 0, all_local_apics, 0);
  wire(to_local_apic, nmi, as_the_bus, isa_bus_id, 0, all_local_apics, 1);

  t.set<u16>(4, static_cast<u16>(t.size()));
  t.set<u16>(34, entries);
  t.checksum(7, t.size());

  constexpr u64 table_at = mp_table_start + 16;
  TableBytes result;
  result.text("_MP_").add<u32>(static_cast<u32>(table_at)).add<u8>(1).add<u8>(4).add<u8>(0).zeros(5);
  result.checksum(10, 16);
  result.bytes().insert(result.bytes().end(), t.bytes().begin(), t.bytes().end());
  return result;
}

}  // namespace ringside
