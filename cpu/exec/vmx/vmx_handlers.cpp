// Owns the handlers of the rows in cpu/decode/rows/vmx.inc.
#include "cpu/exec/core/handlers.h"
#include "cpu/exec/vmx/vmx_instructions.h"

namespace ringside {

void vmx_handlers(Handlers* next) {
  using enum Operand;
#include "cpu/exec/core/row_macros.inc"
#include "cpu/decode/rows/vmx.inc"
#undef GROUP
#undef ROW
#undef ROW_0
}

}  // namespace ringside
