// Owns the handlers of the rows in cpu/decode/rows/integer.inc.
#include "cpu/exec/integer/bodies.h"
#include "cpu/exec/table.h"

namespace ringside {

void integer_handlers(Handlers* next) {
  using enum Operand;
#include "cpu/exec/row_macros.inc"
#include "cpu/decode/rows/integer.inc"
#undef ROW
#undef ROW_0
}

}  // namespace ringside
