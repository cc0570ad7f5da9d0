// Owns the lists of MSRs that VM entries and exits load and store: the manual's "Loading MSRs" and "Saving
// MSRs".
#include "cpu/state/msrs.h"
#include "vmx/transition_parts.h"

namespace ringside {
namespace {

constexpr u64 entry_bytes = 16;
constexpr u32 IA32_BIOS_UPDT_TRIG = 0x79, IA32_SMM_MONITOR_CTL = 0x9b, IA32_SMBASE = 0x9e;

bool of_x2apic(u32 number) { return number >> 8 == 0x8; }

// The numbers that a list may not load whatever WRMSR says. Microcode's are refused as real CPUs do.
bool may_load(u32 number) {
  switch (number) {
    case msr_number::IA32_FS_BASE:
    case msr_number::IA32_GS_BASE:
    case IA32_SMM_MONITOR_CTL:
    case IA32_BIOS_UPDT_TRIG:
    case msr_number::IA32_BIOS_SIGN_ID: return false;
    default: return !of_x2apic(number);
  }
}
bool may_store(u32 number) { return number != IA32_SMBASE && !of_x2apic(number); }

}  // namespace

unsigned load_msr_list(Cpu& cpu, HostPhys list, u32 count) {
  PhysicalMemory& memory = cpu.mmu.memory();
  const unsigned limit = cpu.vmx->capability.msr_list_limit();
  for (unsigned i = 0; i < count; ++i) {
    if (i == limit) return i + 1;
    const HostPhys entry = list + i * entry_bytes;
    const u32 number = static_cast<u32>(memory.read(entry, 4));
    const bool reserved = memory.read(entry + 4, 4) != 0;
    if (reserved || !may_load(number) || !write_msr(cpu, number, memory.read(entry + 8, 8), cpu.rip))
      return i + 1;
  }
  return 0;
}

unsigned store_msr_list(Cpu& cpu, HostPhys list, u32 count) {
  PhysicalMemory& memory = cpu.mmu.memory();
  const unsigned limit = cpu.vmx->capability.msr_list_limit();
  for (unsigned i = 0; i < count; ++i) {
    if (i == limit) return i + 1;
    const HostPhys entry = list + i * entry_bytes;
    const u32 number = static_cast<u32>(memory.read(entry, 4));
    u64 value;
    if (memory.read(entry + 4, 4) != 0 || !may_store(number) || !read_msr(cpu, number, value, cpu.rip))
      return i + 1;
    memory.write(entry + 8, 8, value);
  }
  return 0;
}

}  // namespace ringside
