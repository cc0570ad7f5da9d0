// Owns the form of the CPU models' data; for cpu/state alone, others use model.h.
#pragma once

#include "cpu/state/model.h"

namespace ringside {

struct ModelData {
  std::string_view name;
  std::string_view brand;
  u32 signature;
  u64 microcode;
  u64 features;  // bit n is Feature n
  u64 flags;     // bit n is Flag n
  u64 arch_capabilities;
  std::array<CacheLevel, 4> caches;
  VmxControlSet vmx;
  LastBranches last_branches;
};

std::span<const ModelData> model_data();  // the first is the default
// What "+feature" may ask for.
u64 implemented_features();
u64 implemented_flags();
VmxControlSet implemented_vmx();

}  // namespace ringside
