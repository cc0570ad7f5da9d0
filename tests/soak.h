// Owns how much longer than usual the tests on random cases run: RINGSIDE_SOAK=n in the environment
// multiplies their cases by n.
#pragma once

#include <cstdlib>

// At least 1.
inline unsigned soak_factor() {
  const char* factor = std::getenv("RINGSIDE_SOAK");
  const int n = factor == nullptr ? 1 : std::atoi(factor);
  return n > 1 ? static_cast<unsigned>(n) : 1;
}
