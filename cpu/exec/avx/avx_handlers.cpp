// Owns the handlers of the rows in cpu/decode/rows/avx.inc.
#include "cpu/exec/core/handlers.h"
#include "cpu/exec/avx/half_precision.h"
#include "cpu/exec/avx/halves.h"
#include "cpu/exec/avx/masked.h"
#include "cpu/exec/sse/compare.h"
#include "cpu/exec/sse/convert.h"
#include "cpu/exec/sse/float_arithmetic.h"
#include "cpu/exec/sse/shuffle.h"
#include "cpu/exec/sse/vector_moves.h"

namespace ringside {

void avx_handlers(Handlers* next) {
  using enum Operand;
#include "cpu/exec/core/row_macros.inc"
#include "cpu/decode/rows/avx.inc"
#undef GROUP
#undef ROW
#undef ROW_0
}

}  // namespace ringside
