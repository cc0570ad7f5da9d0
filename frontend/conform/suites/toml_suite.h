// Owns the reader of a suite's file in TOML: [defaults], and a [[test]] for each test.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "frontend/conform/suites/test.h"

namespace ringside::conform {

// The tests of the text of the file `path`, with its matrices multiplied out. A test with a slip in it is
// broken by one line, "FILE:LINE:COLUMN: ...", and the others stand. False and such a line in `error`: it is
// no suite.
bool read_toml_suite(const std::string& path, std::string_view text, std::vector<Test>& tests,
                     std::string& error);

}  // namespace ringside::conform
