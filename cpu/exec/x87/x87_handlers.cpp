// Owns the handlers of the rows in cpu/decode/rows/x87.inc.
#include "cpu/exec/core/handlers.h"
#include "cpu/exec/x87/bodies_arith.h"
#include "cpu/exec/x87/bodies_control.h"
#include "cpu/exec/x87/bodies_move.h"

namespace ringside {

void x87_handlers([[maybe_unused]] Handlers* next) {
  using enum Operand;
#include "cpu/exec/core/row_macros.inc"
#include "cpu/decode/rows/x87.inc"
#undef GROUP
#undef ROW
#undef ROW_0
}

}  // namespace ringside
