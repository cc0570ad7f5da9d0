// Owns what a test is called.
#include "frontend/conform/suites/test.h"

#include <fmt/format.h>

namespace ringside::conform {

std::string full_name(const Test& test) { return fmt::format("{}: {}", test.suite, test.name); }

}  // namespace ringside::conform
