// Owns the tests that saving changes nothing: images that are saved on the way end as those that are not, and
// each saved state, restored elsewhere, ends there, too; caches and all.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "frontend/machine/checkpoints.h"

using namespace ringside;

namespace {

constexpr u64 longest_run = 20'000'000;

std::unique_ptr<Machine> machine_with(const std::string& image, Dispatcher dispatcher) {
  MachineConfig config;
  std::string error;
  config.model = *parse_cpu_model("max", error);
  config.ram_bytes = 16 << 20;
  if (image.ends_with("_smp")) config.cpus = 2;
  config.dispatcher = dispatcher;
  config.debug_exit = MachineConfig::DebugExit{};
  config.boot.bios = RINGSIDE_BINARY_DIR "/" + image + ".bin";
  std::unique_ptr<Machine> machine = Machine::create(config, error);
  REQUIRE_MESSAGE(machine, error);
  return machine;
}

void run_to(Machine& machine, u64 end, u64 slice = longest_run) {
  while (machine.retired() < end) {
    const Ending::Why why = machine.run(std::min(slice, end - machine.retired())).why;
    if (why != Ending::Why::running) return;
  }
}

// Where an image ends, and a number of places on the way there.
struct Way {
  u64 length = 0;
  std::vector<u8> end;  // the saved state
  std::vector<u64> places;

  Way(const std::string& image, unsigned count) {
    const auto whole = machine_with(image, Dispatcher::emitted);
    run_to(*whole, longest_run);
    length = whole->retired();
    end = whole->save();
    u64 state = length;
    for (unsigned n = 0; n < count; ++n) {
      state = state * 6364136223846793005 + 1442695040888963407;
      places.push_back((state >> 20) % length);
    }
    std::sort(places.begin(), places.end());
  }
};

// Guests that look at what caches hold, meet every VM exit, or have two CPUs.
const char* const images[] = {
    "tests/system/paging64",  "tests/system/paging_pae", "tests/system/rights", "tests/system/exits",
    "tests/system/exits_smp", "tests/system/apic_smp",   "roms/visor"};

}  // namespace

TEST_CASE(
    "a machine that is saved on its way ends as one that never was, and so does each that is restored") {
  for (const std::string image : images) {
    CAPTURE(image);
    const Way way(image, 16);
    const auto saved = machine_with(image, Dispatcher::emitted);
    std::vector<std::vector<u8>> states;
    for (const u64 place : way.places) {
      run_to(*saved, place);
      states.push_back(saved->save());
      CHECK((saved->save() == states.back()));
    }
    run_to(*saved, longest_run);
    CHECK((saved->save() == way.end));
    // One machine goes from one to the other, backwards, so that each time it holds something else.
    const auto restored = machine_with(image, Dispatcher::emitted);
    for (std::size_t n = states.size(); n-- > 0;) {
      CAPTURE(way.places[n]);
      std::string error;
      REQUIRE_MESSAGE(restored->restore(states[n], error), error);
      CHECK((restored->save() == states[n]));
      run_to(*restored, longest_run);
      CHECK(restored->retired() == way.length);
      CHECK((restored->save() == way.end));
    }
  }
}

TEST_CASE("what the caches hold is the same in both dispatchers and in slices") {
  for (const std::string image : images) {
    CAPTURE(image);
    const Way way(image, 0);
    const auto sliced = machine_with(image, Dispatcher::reference);
    run_to(*sliced, longest_run, 17);
    CHECK(sliced->retired() == way.length);
    CHECK((sliced->save() == way.end));
  }
}

TEST_CASE("checkpoints: back and forth between them, on branches, and without those that were given up") {
  const std::string image = "roms/visor";
  const Way way(image, 12);
  const auto machine = machine_with(image, Dispatcher::emitted);
  const auto checkpoints = Checkpoints::create(*machine);
  REQUIRE(checkpoints);
  std::vector<unsigned> numbers;
  std::vector<std::vector<u8>> states;
  for (const u64 place : way.places) {
    run_to(*machine, place);
    numbers.push_back(checkpoints->take());
    states.push_back(machine->save());
    CHECK(checkpoints->retired(numbers.back()) == place);
  }
  run_to(*machine, longest_run);
  CHECK((machine->save() == way.end));
  const auto goes_back_to = [&](std::size_t n) {
    CAPTURE(n);
    REQUIRE(checkpoints->restore(numbers[n]));
    CHECK((machine->save() == states[n]));
  };
  for (const std::size_t n : {11, 3, 7, 0, 11, 10}) goes_back_to(n);
  // A branch: what is written there is another future.
  goes_back_to(5);
  machine->memory().write(HostPhys(0x3000), 4, 0x1234);
  machine->memory().write(HostPhys(0x900000), 4, 0x1234);
  const unsigned other = checkpoints->take();
  const std::vector<u8> branch = machine->save();
  goes_back_to(9);
  REQUIRE(checkpoints->restore(other));
  CHECK((machine->save() == branch));
  // Only the one that the machine is on must stay.
  CHECK_FALSE(checkpoints->forget(other));
  CHECK_FALSE(checkpoints->forget(12345));
  CHECK_FALSE(checkpoints->restore(12345));
  const u64 before = checkpoints->bytes();
  for (const std::size_t n : {0, 5, 6, 8, 11}) CHECK(checkpoints->forget(numbers[n]));
  CHECK(checkpoints->bytes() < before);
  CHECK(checkpoints->numbers().size() == 8);
  for (const std::size_t n : {9, 1, 10, 7}) goes_back_to(n);
  REQUIRE(checkpoints->restore(other));
  CHECK((machine->save() == branch));
  goes_back_to(2);
  run_to(*machine, longest_run);
  CHECK((machine->save() == way.end));
}
