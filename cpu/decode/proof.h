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
  x87,      // tests/float80/instruction_test.cpp
  user,     // tests/oracle/user_test.cpp, which runs the rows of the others once more, in every mode
  refusal   // likewise; but there is no more to compare than that privilege level 3 is too low
};

struct Proof {
  Oracle oracle = Oracle::none;
  std::string_view why;  // of `none`: why only tests written by hand reach the row
  // Where a program of privilege level 3 can run it, and so tests/oracle/user_test.cpp does.
  bool in_64_bit_mode = false, in_other_code = false;
};

// The oracle that the first line of a group's file names, for those of its rows that suit it.
Oracle oracle_of(RowGroup group);
// `row`: its number in rows().
Proof proof_of(unsigned row);

}  // namespace ringside
