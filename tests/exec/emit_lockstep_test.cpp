// Owns the lock-step tests of the two dispatchers: the same random program on both, the same state at every
// stop.
#include <doctest/doctest.h>

#include "tests/exec/program_generator.h"
#include "tests/soak.h"

using namespace ringside;

namespace {

using Mode = ProgramGenerator::Mode;

struct Pair {
  EngineMachine reference, emitted;

  Pair(u64 seed, Mode mode) {
    REQUIRE(reference.cache.set_dispatcher(Dispatcher::reference));
    for (EngineMachine* m : {&reference, &emitted}) ProgramGenerator(seed, mode).load(*m);
  }
  // Out of the loop that a random program soon runs into.
  void move_on(u64 n) {
    for (EngineMachine* m : {&reference, &emitted}) {
      m->cpu.rip = ProgramGenerator::code_begin(m->cpu) + n * 0x9e3779b1 % ProgramGenerator::code_bytes;
      m->cpu.gpr[RSP] = ProgramGenerator::stack(m->cpu);
    }
  }
};

// Stops of every length: short ones meet blocks that end in the middle, long ones chains of blocks.
u64 compare(u64 seed, Mode mode, u64 instructions) {
  Pair pair(seed, mode);
  Random random{seed + 7};
  u64 done = 0;
  for (unsigned n = 0; done < instructions; ++n) {
    const u64 slice = 1 + random.below(n % 4 == 0 ? 400 : 40);
    const u64 ran = run(pair.reference.cpu, slice), also = run(pair.emitted.cpu, slice);
    CAPTURE(seed);
    CAPTURE(static_cast<int>(mode));
    CAPTURE(done);
    CHECK(ran == also);
    const std::string difference = pair.reference.image().difference(pair.emitted.image());
    CHECK(difference == "");
    done += ran;
    if (ran != also || difference != "" || pair.reference.cpu.activity != Activity::active) break;
    if (n % 3 == 2) pair.move_on(n);
  }
  return done;
}

void compare_many(Mode mode, u64 first_seed) {
  if (!has_two_dispatchers()) return;
  u64 done = 0;
  const u64 programs = 8 * soak_factor();
  for (u64 seed = first_seed; seed < first_seed + programs; ++seed) done += compare(seed, mode, 4000);
  CHECK(done > programs * 300);
}

}  // namespace

TEST_CASE("dispatchers in lock-step: protected mode") { compare_many(Mode::protected32, 1'200'000); }
TEST_CASE("dispatchers in lock-step: 64-bit mode") { compare_many(Mode::long64, 1'300'000); }
TEST_CASE("dispatchers in lock-step: 64-bit mode with pages that move") {
  compare_many(Mode::long64_pages, 1'400'000);
}
