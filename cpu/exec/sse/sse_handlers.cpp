// Owns the handlers of the rows in cpu/decode/rows/sse.inc.
#include "cpu/exec/core/handlers.h"
#include "cpu/exec/sse/compare.h"
#include "cpu/exec/sse/convert.h"
#include "cpu/exec/sse/extended_state.h"
#include "cpu/exec/sse/float_arithmetic.h"
#include "cpu/exec/sse/shuffle.h"
#include "cpu/exec/sse/vector_moves.h"

namespace ringside {

void sse_handlers(Handlers* next) {
  using enum Operand;
#include "cpu/exec/core/row_macros.inc"
#include "cpu/decode/rows/sse.inc"
#undef GROUP
#undef ROW
#undef ROW_0
}

}  // namespace ringside
