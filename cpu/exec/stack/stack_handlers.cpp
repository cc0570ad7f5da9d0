// Owns the handlers of the rows in cpu/decode/rows/stack.inc.
#include "cpu/exec/core/handlers.h"
#include "cpu/exec/stack/push_pop.h"

namespace ringside {

void stack_handlers(Handlers* next) {
  using enum Operand;
#include "cpu/exec/core/row_macros.inc"
#include "cpu/decode/rows/stack.inc"
#undef GROUP
#undef ROW
#undef ROW_0
}

}  // namespace ringside
