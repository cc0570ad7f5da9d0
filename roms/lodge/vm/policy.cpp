// Owns what the guest's processor is: the features that CPUID shows, and the MSRs that are neither the
// guest's own nor absent.
//
// A feature is here if the guest can have it without the kernel's doing. What is missing: XSAVE and AVX,
// whose registers nobody saves; the local APIC, PCID, machine checks and MTRRs, which somebody would have to
// emulate; VMX.
#include "roms/kit/hypercalls.h"
#include "roms/lodge/vm/control_registers.h"
#include "roms/lodge/vm/exits.h"
#include "roms/lodge/vm/vmcs.h"
#include "roms/lodge/vm/vmware.h"

namespace lodge {
namespace {

constexpr u32 bits(auto... n) { return (0u | ... | (1u << n)); }

// A leaf and the bits of each register that the guest sees as the CPU has them; all other leaves are 0.
struct Leaf {
  u32 leaf, eax, ebx, ecx, edx;
};
constexpr u32 all = ~0u;
constexpr Leaf leaves[] = {
    {0, all, all, all, all},
    // EBX: the size of a cache line, and no APIC ID. ECX: SSE3, PCLMULQDQ, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2,
    // MOVBE, POPCNT, AES, RDRAND. EDX: FPU, DE, PSE, TSC, MSR, PAE, CX8, SEP, PGE, CMOV, PAT, PSE-36, CLFSH,
    // MMX, FXSR, SSE, SSE2.
    {1, all, 0x0000ff00, bits(0, 1, 9, 13, 19, 20, 22, 23, 25, 30),
     bits(0, 2, 3, 4, 5, 6, 8, 11, 13, 15, 16, 17, 19, 23, 24, 25, 26)},
    {2, all, all, all, all},
    {4, 0x3fff, all, all, all},  // caches, without how many CPUs share one
    // EBX: FSGSBASE, SMEP, ERMS, RDSEED, ADX, SMAP, CLFLUSHOPT, CLWB. ECX: UMIP. EDX: FSRM.
    {7, 0, bits(0, 7, 9, 18, 19, 20, 23, 24), bits(2), bits(4)},
    {0x15, all, all, all, all},  // how fast the time-stamp counter counts
    {0x16, all, all, all, all},
    {0x80000000, all, all, all, all},
    // ECX: LAHF in 64-bit mode, LZCNT, PREFETCHW. EDX: SYSCALL, NX, pages of 1 GByte, RDTSCP, 64-bit mode.
    {0x80000001, 0, 0, bits(0, 5, 8), bits(11, 20, 26, 27, 29)},
    {0x80000002, all, all, all, all},
    {0x80000003, all, all, all, all},
    {0x80000004, all, all, all, all},
    {0x80000006, all, all, all, all},
    {0x80000007, 0, 0, 0, bits(8)},  // the counter's pace never changes
    {0x80000008, all, 0, 0, 0},      // widths of addresses
};

CpuidResult policy(const VirtualCpu& cpu, u32 leaf, u32 subleaf) {
  if (cpu.machine->face == face_vmware && leaf >> 16 == hypervisor_leaf >> 16) return vmware_leaf(leaf);
  switch (leaf) {
    case hypervisor_leaf: return letters(hypervisor_leaf + 2, hypervisor_signature);
    case hypervisor_leaf + 1:
      return {offers_console | offers_shutdown | offers_memory_device | offers_rings, 0, 0, 0};
    case hypervisor_leaf + 2: return letters(0, "lodge       ");
    default: break;
  }
  for (const Leaf& row : leaves) {
    if (row.leaf != leaf || (leaf == 7 && subleaf)) continue;
    CpuidResult r = cpuid(leaf, subleaf);
    r = {r.eax & row.eax, r.ebx & row.ebx, r.ecx & row.ecx, r.edx & row.edx};
    if (leaf == 1) r.ecx |= bits(31);  // there is a hypervisor
    return r;
  }
  return {};
}

// Reads give the value, writes are forgotten. All others are #GP, as where a processor does not have them.
struct ConstantMsr {
  u32 msr;
  u64 value;
};
constexpr ConstantMsr constants[] = {
    {IA32_PLATFORM_ID, 0},
    {IA32_APIC_BASE, 0xfee00100},  // the boot processor, with its local APIC disabled
    {IA32_BIOS_SIGN_ID, 0},        // no microcode was loaded
    {IA32_MISC_ENABLE, 1},         // fast strings
    {IA32_TIME_STAMP_COUNTER, 0},  // only writes come here
};

const ConstantMsr* constant(u32 msr) {
  for (const ConstantMsr& row : constants)
    if (row.msr == msr) return &row;
  return nullptr;
}

}  // namespace

CpuidResult letters(u32 eax, const char (&text)[13]) {
  CpuidResult r = {eax, 0, 0, 0};
  memcpy(&r.ebx, text, 4);
  memcpy(&r.ecx, text + 4, 4);
  memcpy(&r.edx, text + 8, 4);
  return r;
}

bool handle_cpuid(VirtualCpu& cpu) {
  Registers& r = cpu.registers;
  const CpuidResult result = policy(cpu, static_cast<u32>(r.rax), static_cast<u32>(r.rcx));
  r.rax = result.eax;
  r.rbx = result.ebx;
  r.rcx = result.ecx;
  r.rdx = result.edx;
  skip_instruction();
  return false;
}

// EFER leaves the guest only where must_page() is true. LMA is not the guest's to write, and LME not while it
// has paging.
bool write_efer(VirtualCpu& cpu, u64 value) {
  constexpr u64 known = EFER::SCE | EFER::LME | EFER::LMA | EFER::NXE;
  ControlRegisters r = control_registers(cpu);
  const u64 changed = r.efer ^ value;
  if (value & ~known || (changed & EFER::LME && r.cr0 & CR0::PG))
    return inject_exception(cpu, general_protection, true), false;
  r.efer = (value & ~EFER::LMA) | (r.efer & EFER::LMA);
  set_control_registers(cpu, r);
  skip_instruction();
  return false;
}

bool give_msr(VirtualCpu& cpu, u64 value) {
  cpu.registers.rax = static_cast<u32>(value);
  cpu.registers.rdx = value >> 32;
  skip_instruction();
  return false;
}

bool handle_rdmsr(VirtualCpu& cpu) {
  const u32 msr = static_cast<u32>(cpu.registers.rcx);
  if (msr == IA32_EFER) return give_msr(cpu, control_registers(cpu).efer);
  const ConstantMsr* row = constant(msr);
  if (!row) return inject_exception(cpu, general_protection, true), false;
  return give_msr(cpu, row->value);
}

bool handle_wrmsr(VirtualCpu& cpu) {
  const Registers& r = cpu.registers;
  const u32 msr = static_cast<u32>(r.rcx);
  if (msr == IA32_EFER) return write_efer(cpu, r.rdx << 32 | static_cast<u32>(r.rax));
  if (!constant(msr)) return inject_exception(cpu, general_protection, true), false;
  skip_instruction();
  return false;
}

}  // namespace lodge
