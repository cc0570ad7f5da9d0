// Owns VMX instructions that were refused in words: what was found, what is wanted, the cure. And the entry
// of a list of MSRs that could not be loaded or stored.
#pragma once

#include <string>

#include "vmx/vmx.h"

namespace ringside {

struct ExplainedRefusal {
  const RefusalInfo* info = nullptr;
  std::string found;   // "the first 4 bytes at 0x9000 are 0x0"; empty: the sentence says all
  std::string wanted;  // "0x12474e31, bits 30:0 of IA32_VMX_BASIC (MSR 0x480)"; may be empty
};
// Of one that has just happened: it looks at the CPU's state and at memory as they are.
ExplainedRefusal explain(const Cpu& cpu, const VmRefusal& refusal);

// "entry 2 of the VM-entry MSR-load list, at 0x9010: MSR 0xc0000100 (IA32_FS_BASE), value 0x0: ..."; empty:
// none was refused. `list`: what to call it.
std::string text(const Cpu& cpu, const MsrListRefusal& refusal, std::string_view list);

// "field 0x4021 ...: a 32-bit control field with index 16; the nearest is 0x4020, PLE_GAP".
std::string encoding_text(u64 encoding);

}  // namespace ringside
