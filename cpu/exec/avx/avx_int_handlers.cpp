// Owns the handlers of the rows in cpu/decode/rows/avx_int.inc.
#include "cpu/exec/core/handlers.h"
#include "cpu/exec/avx/halves.h"
#include "cpu/exec/avx/masked.h"
#include "cpu/exec/sse/crypto.h"
#include "cpu/exec/sse/packed_integer.h"
#include "cpu/exec/sse/shuffle.h"
#include "cpu/exec/sse/text.h"
#include "cpu/exec/sse/vector_moves.h"

namespace ringside {

void avx_int_handlers(Handlers* next) {
  using enum Operand;
#include "cpu/exec/core/row_macros.inc"
#include "cpu/decode/rows/avx_int.inc"
#undef GROUP
#undef ROW
#undef ROW_0
}

}  // namespace ringside
