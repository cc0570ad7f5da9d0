// Owns the handlers of the rows in cpu/decode/rows/system.inc.
#include "cpu/exec/table.h"

namespace ringside {

void system_handlers([[maybe_unused]] Handlers* next) {
  using enum Operand;
#include "cpu/exec/row_macros.inc"
#include "cpu/decode/rows/system.inc"
#undef ROW
#undef ROW_0
}

}  // namespace ringside
