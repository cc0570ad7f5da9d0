// Owns which rows of the lowering table are compared with a real processor, and why the others cannot be. The
// oracle tests choose their rows by it; `ringside isa` prints it.
#pragma once

#include "cpu/decode/rows.h"

namespace ringside {

// The test that compares a row with the host's processor.
enum class Oracle : u8 {
  none,
  general,  // tests/oracle/integer_test.cpp
  vector,   // tests/oracle/sse_rows_test.cpp
  x87       // tests/float80/instruction_test.cpp
};

struct Proof {
  Oracle oracle = Oracle::none;
  std::string_view why;  // of `none`: why only tests written by hand reach the row
};

// `row`: its number in rows().
Proof proof_of(unsigned row);

}  // namespace ringside
