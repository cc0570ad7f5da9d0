// Owns the handlers of the rows in cpu/decode/rows/integer.inc.
#include "cpu/exec/core/handlers.h"
#include "cpu/exec/integer/arithmetic.h"
#include "cpu/exec/integer/bit_fields.h"
#include "cpu/exec/integer/bits.h"
#include "cpu/exec/integer/misc.h"
#include "cpu/exec/integer/moves.h"
#include "cpu/exec/integer/multiply.h"
#include "cpu/exec/integer/shifts.h"

namespace ringside {

void integer_handlers(Handlers* next) {
  using enum Operand;
#include "cpu/exec/core/row_macros.inc"
#include "cpu/decode/rows/integer.inc"
#undef GROUP
#undef ROW
#undef ROW_0
}

}  // namespace ringside
