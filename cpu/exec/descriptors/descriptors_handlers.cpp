// Owns the handlers of the rows in cpu/decode/rows/descriptors.inc.
#include "cpu/exec/core/handlers.h"
#include "cpu/exec/descriptors/descriptor_instructions.h"
#include "cpu/exec/descriptors/segment_loads.h"

namespace ringside {

void descriptors_handlers(Handlers* next) {
  using enum Operand;
#include "cpu/exec/core/row_macros.inc"
#include "cpu/decode/rows/descriptors.inc"
#undef GROUP
#undef ROW
#undef ROW_0
}

}  // namespace ringside
