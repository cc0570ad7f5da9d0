// Owns the handlers of every row of the lowering table.
#include "cpu/exec/engine/handler_table.h"

#include <algorithm>

#include "cpu/decode/groups.h"

namespace ringside {

// Each fills the handlers of its group, beginning at next[0].
#define ROW(...)
#define ROW_0(...)
#define GROUP(name, oracle) void name##_handlers(Handlers* next);
#include "cpu/decode/rows/all.inc"
#undef GROUP

namespace {

Handlers* first_of(std::vector<Handlers>& handlers, RowGroup group) {
  const auto all = rows();
  return &handlers[static_cast<std::size_t>(std::ranges::find(all, group, &RowInfo::group) - all.begin())];
}

}  // namespace

const std::vector<Handlers>& all_handlers() {
  static const std::vector<Handlers> handlers = [] {
    std::vector<Handlers> h(row_count);
#define GROUP(name, oracle) name##_handlers(first_of(h, RowGroup::name));
#include "cpu/decode/rows/all.inc"
#undef GROUP
#undef ROW
#undef ROW_0
    return h;
  }();
  return handlers;
}

}  // namespace ringside
