// Owns the handlers of the rows in cpu/decode/rows/far.inc.
#include "cpu/exec/events/bodies.h"
#include "cpu/exec/table.h"

namespace ringside {

void far_handlers(Handlers* next) {
  using enum Operand;
#include "cpu/exec/row_macros.inc"
#include "cpu/decode/rows/far.inc"
#undef ROW
#undef ROW_0
}

}  // namespace ringside
