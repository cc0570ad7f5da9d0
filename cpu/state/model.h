// Owns CPU models as data: CPUID leaves, features, address widths, frequencies, microcode revision.
#pragma once

#include <bitset>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cpu/arch/types.h"
#include "cpu/decode/rows.h"

namespace ringside {

using FeatureSet = std::bitset<static_cast<std::size_t>(Feature::count)>;

// A CPU model after the command line's "NAME,+feature,-feature" was applied. Immutable while a machine runs.
struct CpuModel {
  std::string name;
  std::string vendor;  // 12 characters
  std::string brand;   // at most 47
  u32 signature = 0;   // CPUID.1:EAX
  u64 microcode = 0;   // IA32_BIOS_SIGN_ID bits 63:32
  unsigned physical_bits = 46;
  unsigned linear_bits = 48;       // 57 with LA57
  u64 tsc_hertz = 2'000'000'000;   // of the TSC, of the base frequency leaf and of the machine's Clock
  u64 crystal_hertz = 25'000'000;  // of the local APIC timer
  FeatureSet features;             // those of the lowering table
  bool has(Feature f) const { return features.test(static_cast<std::size_t>(f)); }

  // Features that no instruction hangs on, by the names that QEMU's -cpu uses ("pcid", "smep", "la57",
  // "x2apic", ...).
  std::vector<std::string> flags;
  bool has_flag(std::string_view flag) const;
};

// What CPUID depends on beside the model.
struct CpuidContext {
  u32 apic_id = 0;
  unsigned cpus = 1;
  u64 cr4 = 0, xcr0 = 1, xss = 0;
  bool apic_enabled = true;
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

}  // namespace ringside
