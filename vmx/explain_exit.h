// Owns VM exits in words: what the qualification's bits mean, which control or rule caused the exit, what was
// on its way. The manual's "Basic VM-Exit Information" and "Information for VM Exits Due to Vectored Events".
#pragma once

#include <string>
#include <vector>

#include "vmx/exit_info.h"

namespace ringside {

// One part of a qualification or information field: "bits 2:0", "1 byte".
struct ExplainedPart {
  std::string bits;
  std::string meaning;
};

struct ExplainedExit {
  std::string headline;  // "I/O instruction: OUT port 0x3f8, 1 byte"
  std::string cause;     // why it exits: the control, bitmap or mask
  std::vector<ExplainedPart> qualification;
  std::vector<ExplainedPart> interruption;  // of the VM-exit interruption information; empty if not valid
  std::vector<ExplainedPart> vectoring;     // of the IDT-vectoring information; empty if not valid
};
ExplainedExit explain_exit(const ExitInfo& exit);

// The headline alone: for traces.
std::string headline(const ExitInfo& exit);
// "#PF", "#GP", "vector 0x20". `exception`: by their names, where vectors are those of exceptions.
std::string vector_text(unsigned vector, bool exception);

}  // namespace ringside
