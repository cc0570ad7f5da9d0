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

using Why = MsrListRefusal::Why;

// The entries one after the other; the number of the first, from 1, that is beyond the limit, has a reserved
// bit or is refused by `take(number, address of the value)`, which answers why. 0: none.
template <class Take>
unsigned walk_list(Cpu& cpu, HostPhys list, u32 count, bool store, Take take) {
  PhysicalMemory& memory = cpu.mmu.memory();
  const unsigned limit = cpu.vmx->capability.msr_list_limit();
  for (unsigned i = 0; i < count; ++i) {
    const HostPhys entry = list + i * entry_bytes;
    if (i == limit) {
      cpu.vmx->msr_refusal = {Why::beyond_limit, store, i + 1, entry.value};
      return i + 1;
    }
    const u32 number = static_cast<u32>(memory.read(entry, 4));
    const Why why = memory.read(entry + 4, 4) != 0 ? Why::reserved : take(number, entry + 8);
    if (why == Why::none) continue;
    const bool told = !store && !memory.is_mmio(entry + 8);
    cpu.vmx->msr_refusal = {why, store, i + 1, entry.value, number, told ? memory.read(entry + 8, 8) : 0};
    return i + 1;
  }
  return 0;
}

// Of one that RDMSR or WRMSR refuses.
Why why_refused(const Cpu& cpu, u32 number, Why otherwise) {
  const MsrInfo* const info = find_msr(number);
  return info && info->is_present(cpu) ? otherwise : Why::absent;
}

}  // namespace

unsigned load_msr_list(Cpu& cpu, HostPhys list, u32 count) {
  return walk_list(cpu, list, count, false, [&](u32 number, HostPhys value) {
    if (!may_load(number)) return Why::forbidden;
    const bool loaded = write_msr(cpu, number, cpu.mmu.memory().read(value, 8), cpu.rip);
    return loaded ? Why::none : why_refused(cpu, number, Why::value);
  });
}

unsigned store_msr_list(Cpu& cpu, HostPhys list, u32 count) {
  return walk_list(cpu, list, count, true, [&](u32 number, HostPhys to) {
    u64 value;
    if (!may_store(number)) return Why::forbidden;
    if (!read_msr(cpu, number, value, cpu.rip)) return why_refused(cpu, number, Why::read);
    cpu.mmu.memory().write(to, 8, value);
    return Why::none;
  });
}

}  // namespace ringside
