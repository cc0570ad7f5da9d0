// Owns the test of each bit of each model-specific register: taken, ignored or #GP(0), as the manual's tables
// say it. The table here is apart from the product's rows, so that one is held against the other.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "cpu/state/msrs.h"

using namespace ringside;

namespace {

constexpr u64 all = ~u64{0}, lower_half = 0xffffffff;

// What a write of one bit alone, into the register as a reset leaves it, comes to.
enum class Bit : u8 {
  kept,     // it can be read back
  ignored,  // taken, and not kept
  refused,  // #GP(0)
};

struct Expected {
  u32 first, last;     // numbers of a family
  u64 kept, ignored;   // bits; all others are refused
  const char* manual;  // the table or section, and what it says of the bits
  u32 step = 1;
};

// Of the default model, an Icelake server. Registers of the local APIC have tests of their own.
const std::vector<Expected> expected = {
    {0x0, 0x1, 0, 0, "Architectural MSRs: IA32_P5_MC_ADDR, IA32_P5_MC_TYPE; only 0 may be written"},
    {0x6, 0x6, 0xffff, ~u64{0xffff}, "Architectural MSRs: IA32_MONITOR_FILTER_SIZE"},
    {0x10, 0x10, all, 0, "Architectural MSRs: IA32_TIME_STAMP_COUNTER (R/W)"},
    {0x17, 0x17, 0, 0, "Architectural MSRs: IA32_PLATFORM_ID (RO)"},
    {0x34, 0x35, 0, 0, "MSR_SMI_COUNT, MSR_CORE_THREAD_COUNT (R/O)"},
    {0x3a, 0x3a, bit(0) | bit(2), 0, "Architectural MSRs: IA32_FEATURE_CONTROL; SMX and SGX are not there"},
    {0x3b, 0x3b, all, 0, "Architectural MSRs: IA32_TSC_ADJUST"},
    {0x48, 0x48, bit(0) | bit(1) | bit(2), 0, "Architectural MSRs: IA32_SPEC_CTRL: IBRS, STIBP, SSBD"},
    {0x49, 0x49, 0, bit(0), "Architectural MSRs: IA32_PRED_CMD: IBPB (WO)"},
    {0x79, 0x79, 0, all, "Architectural MSRs: IA32_BIOS_UPDT_TRIG (W)"},
    {0x8b, 0x8b, all, 0, "Architectural MSRs: IA32_BIOS_SIGN_ID (R/W)"},
    {0xc1, 0xc8, 0, all, "IA32_PMCn: no performance monitoring, but software writes them unasked"},
    {0xce, 0xce, 0, 0, "MSR_PLATFORM_INFO (R/O)"},
    {0xe2, 0xe2, bit_range(0, 3) | bit(10) | bit(15) | bit_range(25, 30), 0, "MSR_PKG_CST_CONFIG_CONTROL"},
    {0xfe, 0xfe, 0, 0, "Architectural MSRs: IA32_MTRRCAP (RO)"},
    {0x10a, 0x10a, 0, 0, "Architectural MSRs: IA32_ARCH_CAPABILITIES (RO)"},
    {0x10b, 0x10b, 0, bit(0), "Architectural MSRs: IA32_FLUSH_CMD: L1D_FLUSH (WO)"},
    {0x140, 0x140, bit(0), 0, "MISC_FEATURE_ENABLES: CPUID faulting"},
    {0x174, 0x174, lower_half, ~lower_half, "Architectural MSRs: IA32_SYSENTER_CS; 63:32 not used"},
    {0x175, 0x176, bit_range(0, 46), 0, "IA32_SYSENTER_ESP, IA32_SYSENTER_EIP: canonical, or #GP(0)"},
    {0x179, 0x179, 0, 0, "Architectural MSRs: IA32_MCG_CAP (RO)"},
    {0x17a, 0x17a, 7, 0, "Architectural MSRs: IA32_MCG_STATUS: RIPV, EIPV, MCIP"},
    {0x17b, 0x17b, all, 0, "Architectural MSRs: IA32_MCG_CTL"},
    {0x186, 0x18d, 0, all, "IA32_PERFEVTSELn: as IA32_PMCn"},
    {0x198, 0x198, 0, 0, "Architectural MSRs: IA32_PERF_STATUS (RO)"},
    {0x199, 0x19c, 0, all, "IA32_PERF_CTL to IA32_THERM_STATUS: no such feature, but software writes them"},
    {0x1a0, 0x1a0, bit(0) | bit(3) | bit(11) | bit(12) | bit(18) | bit(22) | bit(23) | bit(34),
     bit(7) | bit(13) | bit(16) | bit(38),
     "Architectural MSRs: IA32_MISC_ENABLE; bits 11 and 12 (no BTS, no PEBS) are always 1"},
    {0x1a2, 0x1a2, 0, 0, "MSR_TEMPERATURE_TARGET: writable only if MSR_PLATFORM_INFO[30] is 1"},
    {0x1aa, 0x1aa, 0, all, "MSR_MISC_PWR_MGMT"},
    {0x1ad, 0x1ad, 0, 0, "MSR_TURBO_RATIO_LIMIT: writable only if MSR_PLATFORM_INFO[28] is 1"},
    {0x1b1, 0x1b2, 0, all, "IA32_PACKAGE_THERM_STATUS, IA32_PACKAGE_THERM_INTERRUPT: as IA32_THERM_STATUS"},
    {0x1c8, 0x1c8, bit_range(0, 9), 0, "MSR_LBR_SELECT of Haswell and later"},
    {0x1c9, 0x1c9, bit_range(0, 4), 0, "MSR_LASTBRANCH_TOS: 0 to 31"},
    {0x1d9, 0x1d9, bit(0) | bit(1), 0,
     "IA32_DEBUGCTL: LBR, BTF; nothing else that its other bits need is there"},
    {0x1dd, 0x1de, bit_range(0, 46), 0, "MSR_LER_FROM_LIP, MSR_LER_TO_LIP: canonical"},
    {0x1fc, 0x1fc, all, 0, "MSR_POWER_CTL"},
    {0x200, 0x212, bit(0) | bit(2) | bit_range(12, 45), 0,
     "IA32_MTRR_PHYSBASEn: type (one bit alone: 1 WC, 4 WT), physical address", 2},
    {0x201, 0x213, bit(11) | bit_range(12, 45), 0, "IA32_MTRR_PHYSMASKn: V, mask", 2},
    {0x280, 0x289, bit_range(0, 14) | bit(30), 0, "IA32_MCn_CTL2: threshold, CMCI_EN"},
    {0x2ff, 0x2ff, bit(0) | bit(2) | bit(10) | bit(11), 0, "IA32_MTRR_DEF_TYPE: type, FE, E"},
    {0x345, 0x345, 0, 0, "Architectural MSRs: IA32_PERF_CAPABILITIES (RO)"},
    {0x38d, 0x38d, 0, all, "IA32_FIXED_CTR_CTRL: as IA32_PMCn"},
    {0x38f, 0x38f, 0, all, "IA32_PERF_GLOBAL_CTRL: as IA32_PMCn"},
    {0x400, 0x424, all, 0, "IA32_MCi_CTL", 4},
    {0x401, 0x425, 0, 0, "IA32_MCi_STATUS: only 0 may be written", 4},
    {0x402, 0x426, 0, 0, "IA32_MCi_ADDR: only 0 may be written", 4},
    {0x403, 0x427, 0, 0, "IA32_MCi_MISC: only 0 may be written", 4},
    {0x480, 0x491, 0, 0, "Capability reporting registers of VMX (RO)"},
    {0x606, 0x606, 0, 0, "MSR_RAPL_POWER_UNIT (R/O)"},
    {0x610, 0x610, 0, all, "MSR_PKG_POWER_LIMIT (R/W): nothing here draws power"},
    {0x611, 0x611, 0, 0, "MSR_PKG_ENERGY_STATUS (R/O)"},
    {0x613, 0x614, 0, 0, "MSR_PKG_PERF_STATUS, MSR_PKG_POWER_INFO (R/O)"},
    {0x618, 0x618, 0, all, "MSR_DRAM_POWER_LIMIT (R/W)"},
    {0x619, 0x619, 0, 0, "MSR_DRAM_ENERGY_STATUS (R/O)"},
    {0x61b, 0x61c, 0, 0, "MSR_DRAM_PERF_STATUS, MSR_DRAM_POWER_INFO (R/O)"},
    {0x64e, 0x64e, 0, 0, "MSR_PPERF (R/O)"},
    {0x680, 0x69f, bit_range(0, 46), 0, "MSR_LASTBRANCH_x_FROM_IP of Skylake and later: canonical"},
    {0x6c0, 0x6df, bit_range(0, 46), 0, "MSR_LASTBRANCH_x_TO_IP: canonical"},
    {0xda0, 0xda0, 0, 0, "IA32_XSS: no supervisor state component is there"},
    {0xdc0, 0xddf, bit_range(0, 15) | bit_range(61, 63), 0,
     "MSR_LBR_INFO_x: cycles, TSX_ABORT, IN_TSX, MISPRED"},
    {0xc0000080, 0xc0000080, bit(0) | bit(8) | bit(11), bit(10),
     "IA32_EFER: SCE, LME, NXE; LMA is the CPU's"},
    {0xc0000081, 0xc0000081, all, 0, "IA32_STAR"},
    {0xc0000082, 0xc0000083, bit_range(0, 46), 0, "IA32_LSTAR, IA32_CSTAR: canonical"},
    {0xc0000084, 0xc0000084, lower_half, ~lower_half, "IA32_FMASK: 63:32 reserved; Intel's CPUs take them"},
    {0xc0000100, 0xc0000102, bit_range(0, 46), 0,
     "IA32_FS_BASE, IA32_GS_BASE, IA32_KERNEL_GS_BASE: canonical"},
    {0xc0000103, 0xc0000103, lower_half, 0, "IA32_TSC_AUX: 63:32 reserved"},
};

const Expected* expectation(u32 number) {
  for (const Expected& e : expected)
    if (number >= e.first && number <= e.last && (number - e.first) % e.step == 0) return &e;
  return nullptr;
}

// Types in all eight bytes: which single bits are taken depends on no mask, see "memory types" in
// msr_test.cpp. The others are answered by the local APIC.
bool judged_elsewhere(u32 number) {
  const bool fixed_range = number == 0x250 || (number >= 0x258 && number <= 0x26f);
  return fixed_range || number == 0x277 || number == 0x1b || number == 0x6e0;
}

struct Box {
  PhysicalMemory memory;
  Mmu mmu{memory, 46};
  CpuModel model;
  Cpu cpu{mmu};
  Box() {
    std::string error;
    model = *parse_cpu_model(default_cpu_model, error);
    cpu.model = &model;
    cpu.reset(false);
  }
};

Bit write_alone(const MsrInfo& info, u64 value) {
  Box b;
  if (!write_msr(b.cpu, info.number, value, 0)) return Bit::refused;
  const std::optional<u64> now = peek_msr(b.cpu, info);
  return now && (*now & value) ? Bit::kept : Bit::ignored;
}

}  // namespace

TEST_CASE("each bit of each model-specific register is kept, ignored or refused as the manual says") {
  const Box box;
  unsigned judged = 0;
  for (const MsrInfo& info : msr_table()) {
    if (!info.is_present(box.cpu) || judged_elsewhere(info.number)) continue;
    CAPTURE(info.name);
    const Expected* const e = expectation(info.number);
    REQUIRE_MESSAGE(e, fmt::format("{:#x}: no expectation", info.number));
    CAPTURE(std::string(e->manual));
    ++judged;
    for (unsigned n = 0; n < 64; ++n) {
      const Bit wanted = e->kept & bit(n) ? Bit::kept : e->ignored & bit(n) ? Bit::ignored : Bit::refused;
      CHECK_MESSAGE(write_alone(info, bit(n)) == wanted, fmt::format("bit {}", n));
    }
  }
  CHECK(judged > 250);
  // No expectation is for a register that is not there.
  for (const Expected& e : expected)
    for (u32 number = e.first; number <= e.last; number += e.step) {
      const MsrInfo* const info = find_msr(number);
      CHECK_MESSAGE((info && info->is_present(box.cpu)), fmt::format("{:#x}", number));
    }
}

TEST_CASE("registers that kernels and hypervisors of Debian 12 read on the default model are there") {
  Box b;
  // As Linux 6.1 (also as a host of KVM), Xen 4.17 and their tools read them; not those that they expect to
  // be missing where CPUID says so.
  for (const u32 number : {0x17u,  0x34u,  0x35u,  0x3au,  0x8bu,  0xceu,  0xe2u,  0xfeu,  0x10au, 0x140u,
                           0x174u, 0x179u, 0x17au, 0x198u, 0x19cu, 0x1a0u, 0x1a2u, 0x1adu, 0x1b1u, 0x1c8u,
                           0x1c9u, 0x1d9u, 0x1ddu, 0x1deu, 0x1fcu, 0x277u, 0x345u, 0x480u, 0x491u, 0x606u,
                           0x611u, 0x619u, 0x64eu, 0x680u, 0x6c0u, 0xda0u, 0xdc0u}) {
    CAPTURE(number);
    u64 value = 0;
    CHECK(read_msr(b.cpu, number, value, 0));
  }
  // And those that no such part has stay away: PPIN without its bit in MSR_PLATFORM_INFO, TSX, PT, AMD's.
  for (const u32 number : {0x4eu, 0x4fu, 0x122u, 0x492u, 0x570u, 0x600u, 0xd90u, 0xc0010015u, 0xc0011029u}) {
    CAPTURE(number);
    u64 value = 0;
    CHECK_FALSE(read_msr(b.cpu, number, value, 0));
  }
}
