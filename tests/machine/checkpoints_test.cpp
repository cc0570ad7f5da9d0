// Owns the tests of checkpoints' memory: a page is copied when it is written again, and each checkpoint has
// what it had.
#include "frontend/machine/checkpoints.h"

#include <map>

#include "tests/machine/guest.h"
#include "tests/random.h"

namespace ringside {
namespace {

constexpr u64 area = 0x100000, pages = 64;

void write_page(Machine& machine, u64 page, u8 value) {
  const std::vector<u8> bytes(page_bytes, value);
  machine.memory().write_block(HostPhys(area + page * page_bytes), bytes.data(), bytes.size());
}

std::vector<u8> contents(Machine& machine) {
  std::vector<u8> all(pages * page_bytes);
  machine.memory().read_block(HostPhys(area), all.data(), all.size());
  return all;
}

}  // namespace

TEST_CASE(
    "a page that is written once takes no memory of a checkpoint's, and one that is written again does") {
  Guest guest;
  Machine& machine = *guest.machine;
  const auto points = Checkpoints::create(machine);
  REQUIRE(points);
  for (u64 page = 0; page < pages; ++page) write_page(machine, page, 1);
  points->take();
  const u64 before = points->bytes();
  CHECK(before < pages * page_bytes);
  points->take();
  CHECK(points->bytes() < pages * page_bytes + before);
  for (u64 page = 0; page < pages; ++page) write_page(machine, page, 2);
  CHECK(points->bytes() >= before + pages * page_bytes);
}

TEST_CASE("whatever is written, and wherever the machine goes, each checkpoint has what it had") {
  for (u64 seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    Guest guest;
    Machine& machine = *guest.machine;
    const auto points = Checkpoints::create(machine);
    REQUIRE(points);
    std::map<unsigned, std::vector<u8>> known;
    unsigned current = points->take();
    known[current] = contents(machine);
    for (unsigned step = 0; step < 200; ++step) {
      for (u64 writes = random.next() % 12; writes > 0; --writes)
        write_page(machine, random.next() % pages, static_cast<u8>(random.next() % 4));
      switch (random.next() % 4) {
        case 0:
        case 1:
          current = points->take();
          known[current] = contents(machine);
          break;
        case 2: {
          auto goal = known.begin();
          std::advance(goal, random.next() % known.size());
          REQUIRE(points->restore(current = goal->first));
          CHECK(contents(machine) == goal->second);
          break;
        }
        default: {
          auto given_up = known.begin();
          std::advance(given_up, random.next() % known.size());
          if (given_up->first == current) break;
          CHECK(points->forget(given_up->first));
          known.erase(given_up);
        }
      }
    }
    for (const auto& [number, bytes] : known) {
      REQUIRE(points->restore(number));
      CHECK(contents(machine) == bytes);
    }
  }
}

}  // namespace ringside
