// Owns CPU models as data: CPUID leaves, features, address widths, frequencies, microcode revision.
#pragma once

#include <array>
#include <bitset>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cpu/arch/types.h"
#include "cpu/arch/vmx_controls.h"
#include "cpu/decode/rows.h"

namespace ringside {

using FeatureSet = std::bitset<static_cast<std::size_t>(Feature::count)>;

// What a model has beside instructions, by the names that QEMU's -cpu uses (flag_name).
enum class Flag : u8 {
  vme,
  de,
  pse,
  tsc,
  msr,
  pae,
  mce,
  apic,
  mtrr,
  pge,
  mca,
  pat,
  pse36,
  ss,
  pcid,
  x2apic,
  tsc_deadline,
  arat,
  tsc_adjust,
  smep,
  la57,
  ibrs,
  stibp,
  ssbd,
  l1d_flush,
  pks,
  arch_capabilities,
  xgetbv1,
  nx,
  pdpe1gb,
  invtsc,
  fdp_exceptions_only,
  zero_fcs_fds,
  pdcm,
  lam,
  count
};
using FlagSet = std::bitset<static_cast<std::size_t>(Flag::count)>;
std::string_view flag_name(Flag flag);

// One level of cache as the leaf "Deterministic Cache Parameters" tells it.
struct CacheLevel {
  enum class Type : u8 { none = 0, data = 1, instruction = 2, unified = 3 };
  Type type = Type::none;
  u8 level = 0;
  bool shared = false;  // by all CPUs of the package
  u16 ways = 0;
  u32 sets = 0;  // lines are 64 bytes
  u64 bytes() const { return u64{64} * ways * sets; }
};

// The stack of last branch records: "Last Branch, Interrupt, and Exception Recording".
struct LastBranches {
  // As IA32_PERF_CAPABILITIES numbers the formats. All record offsets in the code segment; they differ in
  // where they say whether a branch was predicted, in a transaction and how long it took.
  enum class Format : u8 { flags = 3, transaction_flags = 4, information = 5 };
  u8 depth = 0;  // a power of 2; 0: there is none
  Format format = Format::flags;
  bool call_stack = false;  // MSR_LBR_SELECT has EN_CALLSTACK
};

// A CPU model after the command line's "NAME,+feature,-feature" was applied. Immutable while a machine runs.
struct CpuModel {
  std::string name;
  std::string vendor;  // 12 characters
  std::string brand;   // at most 47
  u32 signature = 0;   // CPUID.1:EAX
  u64 microcode = 0;   // IA32_BIOS_SIGN_ID bits 63:32
  unsigned physical_bits = 46;
  unsigned linear_bits = 48;           // 57 with LA57
  u64 tsc_hertz = 2'000'000'000;       // of the TSC, of the base frequency leaf and of the machine's Clock
  u64 crystal_hertz = 25'000'000;      // of the local APIC timer; tsc_hertz is a multiple of it
  u64 arch_capabilities = 0;           // IA32_ARCH_CAPABILITIES
  std::array<CacheLevel, 4> caches{};  // L1 data, L1 instruction, L2, L3
  LastBranches last_branches;
  FeatureSet features;  // those of the lowering table
  bool has(Feature f) const { return features.test(static_cast<std::size_t>(f)); }
  FlagSet flags;
  bool has(Flag f) const { return flags.test(static_cast<std::size_t>(f)); }
  VmxControlSet vmx;  // what its VMX has; without Feature::vmx none of it counts
  // By name, of either kind; false for names that mean nothing here.
  bool has_flag(std::string_view name) const;
};

// State components that XSAVE knows, and where the standard form keeps them ("Managing State Using the XSAVE
// Feature Set"). The offsets are those of Intel's parts with AVX-512, so that wider vectors find their place.
namespace xsave_area {
constexpr unsigned legacy_bytes = 512, header_bytes = 64;
constexpr unsigned avx_offset = 576, avx_bytes = 256;
constexpr unsigned pkru_offset = 2688, pkru_bytes = 8;
// Bytes that XSAVE (or, compacted, XSAVEC and XSAVES) needs for the components in `mask`.
unsigned standard_bytes(u64 mask);
unsigned compacted_bytes(u64 mask);
}  // namespace xsave_area
u64 supported_xcr0(const CpuModel& model);
u64 supported_xss(const CpuModel& model);
// Bits of CR4 that may be set.
u64 supported_cr4(const CpuModel& model);
// Bits of CR3 beyond the physical-address width that are no reserved ones: those of "Linear-Address Masking".
u64 supported_upper_cr3(const CpuModel& model);

// What CPUID depends on beside the model.
struct CpuidContext {
  u32 apic_id = 0;
  unsigned cpus = 1;
  u64 cr4 = 0, xcr0 = 1, xss = 0;
  bool apic_enabled = true;
  bool bits64 = true;         // executed in 64-bit mode: only there Intel's CPUID reports SYSCALL
  u64 misc_enable = bit(18);  // IA32_MISC_ENABLE: MONITOR enabled (18), CPUID limited (22), XD disabled (34)
};
struct CpuidResult {
  u32 eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// The CPUID instruction's answer, for every leaf and subleaf.
CpuidResult cpuid(const CpuModel& model, const CpuidContext& context, u32 leaf, u32 subleaf);

// "NAME[,+feature][,-feature][,feature=on|off]..." as QEMU's -cpu takes it. On error nullopt and one line in
// `error` that names the thing and the cure.
std::optional<CpuModel> parse_cpu_model(std::string_view text, std::string& error);
std::span<const std::string_view> cpu_model_names();
constexpr std::string_view default_cpu_model = "Icelake-Server";

}  // namespace ringside
