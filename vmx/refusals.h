// Owns the reasons for which VMX instructions are refused: #UD, #GP(0), VMfailInvalid and VMfailValid. The
// manual's "VMX Instruction Reference", its operation sections.
#pragma once

#include <string_view>

#include "cpu/arch/event.h"
#include "vmx/instruction_errors.h"

namespace ringside {

enum class Refusal : u8 {
  none,
#define REFUSAL(id, outcome, instructions, sentence, cure, title) id,
#include "vmx/refusals.inc"
#undef REFUSAL
  count
};

struct RefusalInfo {
  std::string_view id;
  // What becomes of it: an exception if `faults`; else the VM-instruction error, 0 for VMfailInvalid.
  bool faults = false;
  Vector vector = Vector::UD;
  u8 error = 0;
  std::string_view instructions;  // mnemonics in lower case, with commas; "all"
  std::string_view sentence;      // without a capital and a full stop: other words go around it
  std::string_view cure;          // may be empty
  std::string_view title;         // the manual's; vmx/manual_titles.h has its place
};
const RefusalInfo& info(Refusal why);  // not `none`

// One refusal, as whoever listens is told it.
struct VmRefusal {
  Refusal why = Refusal::none;
  u8 error = 0;     // of VMfailValid; 0: VMfailInvalid or an exception
  u64 operand = 0;  // what the instruction named: the region's physical address, the field's encoding, the
                    // type of invalidation or the part of its descriptor that is refused
};

}  // namespace ringside
