// Owns the handlers of the rows in cpu/decode/rows/string.inc.
#include "cpu/exec/core/handlers.h"
#include "cpu/exec/string/repeat.h"

namespace ringside {

void string_handlers(Handlers* next) {
  using enum Operand;
#include "cpu/exec/core/row_macros.inc"
#include "cpu/decode/rows/string.inc"
#undef GROUP
#undef ROW
#undef ROW_0
}

}  // namespace ringside
