// Owns the handlers of the rows in cpu/decode/rows/control.inc.
#include "cpu/exec/control/branches.h"
#include "cpu/exec/core/handlers.h"
#include "cpu/exec/integer/moves.h"

namespace ringside {

void control_handlers(Handlers* next) {
  using enum Operand;
#include "cpu/exec/core/row_macros.inc"
#include "cpu/decode/rows/control.inc"
#undef GROUP
#undef ROW
#undef ROW_0
}

}  // namespace ringside
