// Owns the handlers of the rows in cpu/decode/rows/mmx.inc.
#include "cpu/exec/core/handlers.h"
#include "cpu/exec/mmx/mmx_instructions.h"
#include "cpu/exec/sse/packed_integer.h"

namespace ringside {

void mmx_handlers(Handlers* next) {
  using enum Operand;
#include "cpu/exec/core/row_macros.inc"
#include "cpu/decode/rows/mmx.inc"
#undef GROUP
#undef ROW
#undef ROW_0
}

}  // namespace ringside
