// Owns the names of the lowering table's groups. Apart from rows.h, because it reads the rows: who needs no
// group by name is not compiled again when a row changes.
#pragma once

#include "cpu/decode/rows.h"

namespace ringside {

// A group is one file of cpu/decode/rows/, which begins with a line GROUP(name, oracle) and whose handlers a
// function NAME_handlers makes. all.inc lists them.
enum class RowGroup : u8 {
#define ROW(...)
#define ROW_0(...)
#define GROUP(name, oracle) name,
#include "cpu/decode/rows/all.inc"
#undef GROUP
#undef ROW
#undef ROW_0
  count
};

constexpr unsigned row_count = 0
#define ROW(...) +1
#define ROW_0(...) +1
#define GROUP(name, oracle)
#include "cpu/decode/rows/all.inc"
#undef GROUP
#undef ROW
#undef ROW_0
    ;

}  // namespace ringside
