// Owns the tests of the comparison: machines that do the same, and a dispatcher with a bug of one bit.
#include <doctest/doctest.h>

#include "frontend/differ/lockstep.h"
#include "frontend/render/sheet_text.h"
#include "tests/machine/guest.h"

namespace ringside {
namespace {

std::unique_ptr<Machine> visor(Dispatcher dispatcher) {
  MachineConfig config = Guest::config(1);
  config.boot.bios = RINGSIDE_BINARY_DIR "/roms/visor.bin";
  config.dispatcher = dispatcher;
  std::string error;
  auto machine = Machine::create(config, error);
  REQUIRE_MESSAGE(machine, error);
  return machine;
}

// A dispatcher that does `harm` once it has retired `count` instructions, each time that it comes by there.
Side with_bug(Machine& machine, u64 count, std::function<void(Machine&)> harm) {
  return {"buggy", machine, [&machine, count, harm](u64 instructions) {
            const u64 now = machine.retired();
            if (now < count && now + instructions >= count) {
              machine.run(count - now);
              instructions -= machine.retired() - now;
              if (machine.retired() == count) harm(machine);
            }
            if (instructions != 0) machine.run(instructions);
          }};
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("both dispatchers run the visor to the same end") {
  const auto emitted = visor(Dispatcher::emitted), reference = visor(Dispatcher::reference);
  const Side one{"emitted", *emitted, {}}, other{"reference", *reference, {}};
  const Comparison result = run_in_lockstep(one, other, ~u64{0}, nullptr);
  CHECK(!result.parting);
  CHECK(result.instructions > 40'000);
  CHECK(has(result.ending, "powered the machine off"));
  CHECK(has(text(comparison_sheet(result, one.name, other.name)), "emitted and reference did the same for"));
}

TEST_CASE("a bug of one bit in a register is found at its instruction") {
  for (const u64 count : {1u, 777u, 48'200u}) {
    const auto good = visor(Dispatcher::emitted), bad = visor(Dispatcher::reference);
    const Side one{"emitted", *good, {}};
    const Side other = with_bug(*bad, count, [](Machine& m) { m.cpu(0).cr2 ^= 0x10; });
    const Comparison result = run_in_lockstep(one, other, ~u64{0}, nullptr);
    REQUIRE(result.parting);
    CHECK(result.parting->alike == count - 1);
    REQUIRE(!result.parting->values.empty());
    CHECK(result.parting->values[0].what == "CPU 0 cr2");
    CHECK(!result.parting->mnemonic.empty());
    const std::string words = text(comparison_sheet(result, one.name, other.name));
    CHECK(has(words, "part at instruction " + std::to_string(count)));
    CHECK(has(words, " on buggy"));
  }
}

TEST_CASE("a bug of one bit in memory is found, though no register shows it") {
  const auto good = visor(Dispatcher::emitted), bad = visor(Dispatcher::reference);
  const Side other = with_bug(*bad, 5000, [](Machine& m) {
    const u8 byte = 0x40;
    m.memory().write_block(HostPhys(0x700123), &byte, 1);
  });
  const Comparison result = run_in_lockstep({"emitted", *good, {}}, other, ~u64{0}, nullptr);
  REQUIRE(result.parting);
  CHECK(result.parting->alike == 4999);
  REQUIRE(result.parting->values.size() == 1);
  CHECK(result.parting->values[0].what == "host-physical 0x700123");
  CHECK(result.parting->values[0].other == "0x40");
}

TEST_CASE("a comparison ends at its limit, and when it is told") {
  const auto emitted = visor(Dispatcher::emitted), reference = visor(Dispatcher::reference);
  const Side one{"emitted", *emitted, {}}, other{"reference", *reference, {}};
  CHECK(run_in_lockstep(one, other, 1234, nullptr).instructions == 1234);
  CHECK(run_in_lockstep(one, other, ~u64{0}, nullptr, [] { return false; }).instructions == 0);
}

}  // namespace ringside
