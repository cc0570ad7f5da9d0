// Owns the handlers of every row of the lowering table.
#include "cpu/exec/core/handlers.h"

namespace ringside {

const std::vector<Handlers>& all_handlers() {
  static const std::vector<Handlers> handlers = [] {
    std::vector<Handlers> h(row_count);
    integer_handlers(&h[integer_rows]);
    control_handlers(&h[control_rows]);
    far_handlers(h.data() + far_rows);
    string_handlers(h.data() + string_rows);
    system_handlers(h.data() + system_rows);
    x87_handlers(h.data() + x87_rows);
    mmx_handlers(h.data() + mmx_rows);
    sse_handlers(h.data() + sse_rows);
    sse_int_handlers(h.data() + sse_int_rows);
    vmx_handlers(h.data() + vmx_rows);
    return h;
  }();
  return handlers;
}

}  // namespace ringside
