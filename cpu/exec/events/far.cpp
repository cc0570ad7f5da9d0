// Owns the handlers of the rows in cpu/decode/rows/far.inc.
#include "cpu/exec/table.h"

namespace ringside {

void far_handlers([[maybe_unused]] Handlers* next) {
  using enum Operand;
#include "cpu/exec/row_macros.inc"
#include "cpu/decode/rows/far.inc"
#undef ROW
#undef ROW_0
}

}  // namespace ringside
