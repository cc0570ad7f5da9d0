// Owns the handlers of the rows in cpu/decode/rows/vmx.inc.
#include "cpu/exec/table.h"
#include "cpu/exec/vmx/bodies.h"

namespace ringside {

void vmx_handlers(Handlers* next) {
  using enum Operand;
#include "cpu/exec/row_macros.inc"
#include "cpu/decode/rows/vmx.inc"
#undef ROW
#undef ROW_0
}

}  // namespace ringside
