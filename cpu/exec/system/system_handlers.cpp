// Owns the handlers of the rows in cpu/decode/rows/system.inc.
#include "cpu/exec/core/handlers.h"
#include "cpu/exec/system/register_moves.h"
#include "cpu/exec/system/system_instructions.h"
#include "cpu/exec/system/table_registers.h"

namespace ringside {

void system_handlers(Handlers* next) {
  using enum Operand;
#include "cpu/exec/core/row_macros.inc"
#include "cpu/decode/rows/system.inc"
#undef GROUP
#undef ROW
#undef ROW_0
}

}  // namespace ringside
