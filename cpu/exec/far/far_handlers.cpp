// Owns the handlers of the rows in cpu/decode/rows/far.inc.
#include "cpu/exec/core/handlers.h"
#include "cpu/exec/far/far_instructions.h"

namespace ringside {

void far_handlers(Handlers* next) {
  using enum Operand;
#include "cpu/exec/core/row_macros.inc"
#include "cpu/decode/rows/far.inc"
#undef GROUP
#undef ROW
#undef ROW_0
}

}  // namespace ringside
