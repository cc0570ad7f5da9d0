// Owns VMX instructions that failed, in words.
#include "frontend/inspect/vmx_event.h"

#include <fmt/format.h>

#include "vmx/explain_exit.h"
#include "vmx/instruction_errors.h"

namespace ringside {

std::string vm_failure_text(unsigned error) {
  if (error) return fmt::format("VMfailValid {}: {}", error, instruction_error_name(error));
  return "VMfailInvalid: there is no current VMCS, or the operand names none";
}

std::string vm_fault_text(Vector vector, std::string_view why) {
  return fmt::format("{}: {}", vector_text(static_cast<unsigned>(vector), true), why);
}

}  // namespace ringside
