// Owns the table of exit reasons.
#include "vmx/exit_info.h"

namespace ringside {

std::string_view name(ExitReason reason) {
  switch (reason) {
#define EXIT(number, id, text) \
  case ExitReason::id:         \
    return text;
#include "cpu/arch/exits.inc"
#undef EXIT
  }
  return "reserved";
}

}  // namespace ringside
