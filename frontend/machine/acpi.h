// Owns what the tables for systems with and without ACPI share: where they lie and how interrupts are wired.
#pragma once

#include <array>
#include <vector>

#include "frontend/machine/acpi_bytes.h"

namespace ringside {

class PhysicalMemory;

constexpr u64 tables_start = 0xe0000, tables_end = 0x100000;
constexpr u64 mp_table_start = 0xf0000;  // systems look for it from here on
constexpr unsigned most_cpus = 8;
constexpr u8 io_apic_id = 0;

// The PIT reaches the I/O APIC at pin 2; the other ISA IRQs at the pin of their number.
constexpr unsigned pit_gsi = 2;
// IRQs that are level-triggered: the SCI and those that PCI's wires may lead to. All lines are active high.
constexpr std::array<u8, 4> level_irqs{5, 9, 10, 11};

// Where the ISA bridge leads PIRQA#..PIRQD# in a machine without firmware (its registers 0x60..0x63). ACPI
// systems choose for themselves, the MP table can only say how it is.
constexpr std::array<u8, 4> pirq_default_irqs{10, 10, 11, 11};

// What the tables say that is not the same on all machines.
struct AcpiMachine {
  unsigned cpus = 1;
  u16 pm_base = 0x600;          // the first port of power management
  u32 pci_memory = 0xc0000000;  // PCI's memory goes from here to the I/O APIC
  bool vga = false;             // systems may look for a VGA card where VGA cards are
};
// Where firmware may put PCI's memory: behind the RAM, but not in the first 2 GiB.
u32 firmware_pci_memory(u64 ram_bytes);

// The ACPI tables of a machine; the last is the RSDP, which lies where systems look for it.
// Source: ACPI Specification 5.0, "ACPI Software Programming Model".
std::vector<LooseTable> acpi_tables(const AcpiMachine& machine);
constexpr u64 acpi_alignment = 64;
// Into memory, as boot.h has it. Returns the RSDP's address.
u64 write_acpi_tables(PhysicalMemory& memory, const AcpiMachine& machine);

// The MP configuration table and its floating pointer, for systems that know no ACPI, to be laid at
// mp_table_start.
TableBytes mp_tables(unsigned cpus);

}  // namespace ringside
