// Owns the handlers of the rows in cpu/decode/rows/fma.inc.
#include "cpu/exec/core/handlers.h"
#include "cpu/exec/avx/fused.h"

namespace ringside {

void fma_handlers(Handlers* next) {
  using enum Operand;
#include "cpu/exec/core/row_macros.inc"
#include "cpu/decode/rows/fma.inc"
#undef GROUP
#undef ROW
#undef ROW_0
}

}  // namespace ringside
