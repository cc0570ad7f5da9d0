// Owns the handlers of every row of the lowering table.
#include "cpu/exec/engine/handler_table.h"

namespace ringside {

const std::vector<Handlers>& all_handlers() {
  static const std::vector<Handlers> handlers = [] {
    std::vector<Handlers> h(row_count);
    integer_handlers(&h[integer_rows]);
    control_handlers(&h[control_rows]);
    stack_handlers(&h[stack_rows]);
    far_handlers(&h[far_rows]);
    descriptors_handlers(&h[descriptors_rows]);
    string_handlers(&h[string_rows]);
    io_handlers(&h[io_rows]);
    system_handlers(&h[system_rows]);
    x87_handlers(&h[x87_rows]);
    mmx_handlers(&h[mmx_rows]);
    sse_handlers(&h[sse_rows]);
    sse_int_handlers(&h[sse_int_rows]);
    vmx_handlers(&h[vmx_rows]);
    return h;
  }();
  return handlers;
}

}  // namespace ringside
