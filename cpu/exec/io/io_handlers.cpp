// Owns the handlers of the rows in cpu/decode/rows/io.inc.
#include "cpu/exec/core/handlers.h"
#include "cpu/exec/io/port_instructions.h"
#include "cpu/exec/io/string_port_instructions.h"

namespace ringside {

void io_handlers(Handlers* next) {
  using enum Operand;
#include "cpu/exec/core/row_macros.inc"
#include "cpu/decode/rows/io.inc"
#undef GROUP
#undef ROW
#undef ROW_0
}

}  // namespace ringside
