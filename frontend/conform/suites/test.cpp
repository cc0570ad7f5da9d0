// Owns what a test is called.
#include "frontend/conform/suites/test.h"

#include <fmt/format.h>

namespace ringside::conform {

std::string full_name(const Test& test) { return fmt::format("{}: {}", test.suite, test.name); }

const Test* test_of(std::span<const Test> tests, const TestResult& result) {
  const auto is = [&](const Test& test) { return test.suite == result.suite && test.name == result.name; };
  for (const Test& test : tests) {
    if (is(test)) return &test;
    if (test.fixture && is(*test.fixture)) return test.fixture.get();
  }
  return nullptr;
}

}  // namespace ringside::conform
