// Owns the lock-step tests: a random program ends in the same state, run in one go, in slices, and one by
// one.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/exec/program_generator.h"

using namespace ringside;

namespace {

using Mode = ProgramGenerator::Mode;

// Out of the loop that a random program soon runs into: an interrupt, or another place to go on from.
void disturb(EngineMachine& m, u64 n) {
  if (n % 2) {
    m.interrupts.waiting = 0x20 + static_cast<int>(n / 2 % 64);
    m.cpu.attention |= Attention::interrupt;
  } else {
    m.cpu.rip = ProgramGenerator::code_begin(m.cpu) + n * 0x9e3779b1 % ProgramGenerator::code_bytes;
    m.cpu.gpr[RSP] = ProgramGenerator::stack(m.cpu);
  }
}

// Runs to exactly `end` instructions disturbed after every `period`; each slice is at most `slice()` long.
// False: the CPU stopped.
template <class Slice>
bool run_to(EngineMachine& m, u64 end, u64 period, Slice slice) {
  u64 done = retired(m.cpu);
  while (done < end) {
    if (done % period == 0) disturb(m, done / period);
    const u64 most = std::min({end - done, period - done % period, slice()});
    const u64 ran = run(m.cpu, most);
    CHECK(ran <= most);
    done += ran;
    if (retired(m.cpu) != done) FAIL("retired() says " << retired(m.cpu) << " after " << done);
    if (ran < most) return false;
  }
  return true;
}

// What the programs of one test did together, so that they are known to do something.
struct Work {
  u64 instructions = 0, blocks = 0, dropped = 0, device = 0;
};

Work compare(u64 seed, Mode mode, u64 instructions, u64 period) {
  const auto make = [&](EngineMachine& m) { ProgramGenerator(seed, mode).load(m); };
  EngineMachine whole, sliced, single;
  make(whole), make(sliced), make(single);
  Random random{seed + 99};
  // Compared every now and then, so that a difference is met near its cause.
  for (u64 end = instructions / 8; end <= instructions; end += instructions / 8) {
    const bool ran = run_to(whole, end, period, [] { return ~u64{0}; });
    const bool same_slices = run_to(sliced, end, period, [&] { return 1 + random.below(60); }) == ran;
    const bool same_single = run_to(single, end, period, [] { return u64{1}; }) == ran;
    CAPTURE(seed);
    CAPTURE(end);
    CAPTURE(static_cast<int>(mode));
    CHECK(same_slices);
    CHECK(same_single);
    const StateImage image = whole.image();
    const std::string slices = image.difference(sliced.image()), singly = image.difference(single.image());
    CHECK(slices == "");
    CHECK(singly == "");
    if (!ran || slices != "" || singly != "") break;
  }
  const BlockCache::Statistics& done = whole.cache.statistics();
  return {retired(whole.cpu), done.blocks, done.dropped, whole.device.reads};
}

void compare_many(Mode mode, u64 first_seed) {
  Work all;
  for (u64 seed = first_seed; seed < first_seed + 25; ++seed) {
    const Work one = compare(seed, mode, 6000, 60 + seed % 7 * 50);
    all.instructions += one.instructions;
    all.blocks += one.blocks;
    all.dropped += one.dropped;
    all.device += one.device;
  }
  CHECK(all.instructions > 80'000);
  CHECK(all.blocks > 3'000);
  CHECK(all.dropped > 300);
  if (mode != Mode::real16) CHECK(all.device > 500);
}

}  // namespace

TEST_CASE("lock-step: real mode") { compare_many(Mode::real16, 100); }
TEST_CASE("lock-step: protected mode") { compare_many(Mode::protected32, 200); }
TEST_CASE("lock-step: 64-bit mode") { compare_many(Mode::long64, 300); }
TEST_CASE("lock-step: 64-bit mode with pages that move") { compare_many(Mode::long64_pages, 400); }
