// Owns an ordinary program: it counts primes, "NAME TURNS", and says from time to time how far it is.
// Programs like this one go on while a guest runs.
#include "roms/lodge/programs/program.h"

namespace {

using namespace lodge;

bool is_prime(u64 number) {
  for (u64 n = 2; n * n <= number; ++n)
    if (number % n == 0) return false;
  return number > 1;
}

}  // namespace

void program(const char* arguments) {
  char name[16] = {};
  u64 letters = 0, turns = 0;
  for (; arguments[letters] && arguments[letters] != ' ' && letters < 15; ++letters)
    name[letters] = arguments[letters];
  for (const char* digit = arguments + letters; *digit; ++digit)
    if (*digit >= '0' && *digit <= '9') turns = turns * 10 + static_cast<u64>(*digit - '0');
  constexpr u64 numbers_a_turn = 20000;
  u64 primes = 0;
  for (u64 turn = 1; turn <= turns; ++turn) {
    for (u64 n = 0; n < numbers_a_turn; ++n) primes += is_prime((turn - 1) * numbers_a_turn + n);
    print(name, ": ", primes, " primes below ", turn * numbers_a_turn, "\n");
  }
}
