// Owns the tests of the CPUs' turns: their order, their lengths, and that the host's stops change neither.
#include "frontend/machine/turns.h"

#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "frontend/machine/snapshot.h"

using namespace ringside;

namespace {

// The CPU whose turn it is uses its turn up.
void whole_turn(Turns& turns) { turns.spend({.ran = turns.left()}); }

std::vector<u8> state_of(Turns& turns) {
  std::vector<u8> bytes;
  FieldWriter writer(bytes);
  turns.fields(writer);
  return bytes;
}

}  // namespace

TEST_CASE("turns go around; who sleeps or cannot run gives its turn away") {
  Turns turns(3);
  turns.begin_run(0);
  CHECK(turns.cpu() == 0);
  whole_turn(turns);
  CHECK(turns.cpu() == 1);
  turns.spend({.ran = 5});  // a timer was due: the turn goes on
  CHECK(turns.cpu() == 1);
  CHECK(turns.left() == Turns::length(0) - 5);
  turns.spend({.ran = 5, .asleep = true});
  CHECK(turns.cpu() == 2);
  CHECK(turns.left() == Turns::length(0));
  CHECK_FALSE(turns.anybody_waits());
  turns.spend({});
  CHECK(turns.cpu() == 0);
  CHECK(turns.anybody_waits());
  turns.spend({});
  CHECK_FALSE(turns.nobody_runs());
  turns.spend({});
  CHECK(turns.nobody_runs());
  turns.forget_waits();
  CHECK_FALSE(turns.nobody_runs());
}

TEST_CASE("a CPU alone keeps its turn while it sleeps") {
  Turns turns(1);
  turns.begin_run(0);
  turns.spend({.ran = 7, .asleep = true});
  CHECK(turns.left() == Turns::length(0) - 7);
  turns.spend({});
  CHECK(turns.nobody_runs());
}

TEST_CASE("CPUs that are held still have no turns") {
  Turns turns(3);
  turns.begin_run(0b101);
  CHECK(turns.cpu() == 1);
  CHECK(turns.fresh());
  whole_turn(turns);
  CHECK(turns.cpu() == 1);
  turns.spend({});
  CHECK(turns.nobody_runs());
  turns.begin_run(0);
  CHECK(turns.cpu() == 1);
  CHECK_FALSE(turns.fresh());
}

TEST_CASE("where the host stops a CPU nothing is decided") {
  const auto after = [](std::initializer_list<Turns::Stretch> stretches) {
    Turns turns(2);
    turns.begin_run(0);
    for (const Turns::Stretch& stretch : stretches) {
      turns.spend(stretch);
      if (stretch.stopped) turns.begin_run(0);
    }
    return state_of(turns);
  };
  // It halts as its tenth instruction.
  const auto halts = after({{.ran = 10, .asleep = true}});
  CHECK(after({{.ran = 4, .stopped = true}, {.ran = 6, .asleep = true}}) == halts);
  CHECK(after({{.ran = 10, .stopped = true, .asleep = true}, {.asleep = true}}) == halts);
  // It halts, and an interrupt that waits already wakes it.
  const auto wakes = after({{.ran = 12}});
  CHECK(after({{.ran = 10, .stopped = true, .asleep = true}, {.ran = 2}}) == wakes);
  // It cannot run at all: that takes no instruction, so that no stop falls into it.
  const auto idle = after({{.ran = 10, .asleep = true}, {.asleep = true}});
  CHECK(after({{.ran = 10, .stopped = true, .asleep = true}, {.asleep = true}, {.asleep = true}}) == idle);
}

TEST_CASE("each instruction of a loop is once the last of a turn, whatever the loop's length") {
  const auto places_seen = [](u64 loop, u64 turns_of_it) {
    Turns turns(2);
    turns.begin_run(0);
    std::set<u64> seen;
    u64 place = 0;
    for (u64 n = 0; n < turns_of_it; ++n) {
      place = (place + turns.left()) % loop;
      whole_turn(turns);
      whole_turn(turns);
      seen.insert(place);
    }
    return seen.size();
  };
  for (u64 loop = 2; loop < 256; ++loop) {
    CAPTURE(loop);
    CHECK(places_seen(loop, 5 * loop) == loop);
  }
  // Loops about as long as a turn, or as several, move on as well: nowhere for long.
  for (const u64 loop : {Turns::length(0), 2 * Turns::length(1), u64{20'000}, u64{20'011}, u64{65'536}}) {
    CAPTURE(loop);
    CHECK(places_seen(loop, 1000) > 500);
  }
}

TEST_CASE("a state with a turn of a CPU that is not there gives the turn to one that is") {
  Turns eight(8), two(2);
  eight.begin_run(0);
  for (unsigned n = 0; n < 7; ++n) whole_turn(eight);
  const std::vector<u8> saved = state_of(eight);
  FieldReader reader(saved);
  two.fields(reader);
  CHECK(reader.ok());
  CHECK(two.cpu() < 2);
  CHECK(two.left() == Turns::length(0));
}
