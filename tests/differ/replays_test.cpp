// Owns the tests of finding the first instruction that a replay does not do as it was recorded.
#include <doctest/doctest.h>

#include "frontend/differ/replays.h"
#include "frontend/render/sheet_text.h"
#include "tests/machine/guest.h"

namespace ringside {
namespace {

// Adds up the bytes that come to COM1, for ever: poll, read, add to EBX, store the sum and send it.
std::unique_ptr<Machine> adder(Dispatcher dispatcher) {
  MachineConfig config = Guest::config();
  config.dispatcher = dispatcher;
  Guest guest(config);
  u64 at = Guest::code;
  for (const u8 byte :
       {0xba, 0xfd, 0x03, 0x00, 0x00, 0xec, 0xa8, 0x01, 0x74, 0xfb, 0xba, 0xf8, 0x03, 0x00, 0x00,
        0xec, 0x00, 0xc3, 0x88, 0x1d, 0x00, 0x00, 0x02, 0x00, 0x88, 0xd8, 0xee, 0xeb, 0xe3})
    guest.put(at++, byte, 1);
  return std::move(guest.machine);
}

constexpr u64 recorded = 300'000;

// What a run with three bytes was: its state after each 50,000 instructions.
std::shared_ptr<const Recording> recording() {
  const auto machine = adder(Dispatcher::reference);
  auto made = std::make_shared<Recording>();
  RecordedState state(*machine);
  made->head.registers = state.registers();
  made->head.parts = state.parts();
  machine->on_input([&](const InputRecord& record) { made->history.push_back({record.at, record.event}); });
  for (u64 count = 0; count <= recorded; count += 10'000) {
    machine->run(count - machine->retired());
    if (count == 60'000 || count == 110'000 || count == 130'000)
      REQUIRE(machine->input(SerialByte{0, static_cast<u8>(count / 10'000)}));
    if (count % 50'000 != 0) continue;
    auto [registers, parts] = state.look();
    made->marks.push_back({machine->moment(), made->history.size(), std::move(registers), std::move(parts)});
  }
  made->last = machine->moment();
  return made;
}

// Runs the recording; nullopt: it was as recorded all the way.
std::optional<Replayer::Difference> replay(const std::shared_ptr<const Recording>& what, Side side) {
  std::string error;
  const auto replayer = Replayer::create(what, side.machine, error);
  REQUIRE_MESSAGE(replayer, error);
  while (const u64 next = replayer->limit(1'000'000)) side.run(next);
  if (!replayer->difference()) return std::nullopt;
  return *replayer->difference();
}

// A side with a fault: whenever it comes by `count`, a bit of a register is another.
Side faulty(Machine& machine, u64 count) {
  return {"faulty", machine, [&machine, count](u64 instructions) {
            const u64 now = machine.retired();
            if (now < count && now + instructions >= count) {
              machine.run(count - now);
              instructions -= machine.retired() - now;
              machine.cpu(0).gpr[RBX] ^= 0x40;
            }
            if (instructions != 0) machine.run(instructions);
          }};
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE(
    "a dispatcher's fault in a replay is found at its instruction, behind input, and the other is right") {
  const auto what = recording();
  for (const u64 count : {50'001u, 112'345u, 131'313u, 299'999u}) {
    CAPTURE(count);
    const auto once = adder(Dispatcher::emitted);
    const auto difference = replay(what, faulty(*once, count));
    REQUIRE(difference);
    CHECK(difference->alike == (count - 1) / 50'000 * 50'000);
    CHECK(difference->unlike == difference->alike + 50'000);
    const auto good = adder(Dispatcher::reference), bad = adder(Dispatcher::emitted);
    const ReplaysCompared found = compare_replays(faulty(*bad, count), {"reference", *good, {}}, what,
                                                  difference->alike, difference->unlike, nullptr);
    CHECK(found.comparison.failure == "");
    REQUIRE(found.comparison.parting);
    CHECK(found.comparison.parting->alike == count - 1);
    CHECK(found.comparison.parting->values[0].what == "CPU 0 rbx");
    CHECK(found.as_recorded == "reference");
    const std::string words = text(replays_sheet(found, "faulty", "reference"));
    CHECK(has(words, "part at instruction " + std::to_string(count)));
    CHECK(has(words, "reference does what was recorded"));
  }
}

TEST_CASE("where both dispatchers do the same, and not what was recorded, nothing more is claimed") {
  auto what = std::make_shared<Recording>(*recording());
  what->marks[4].registers[0] ^= 1;
  const auto once = adder(Dispatcher::emitted);
  const auto difference = replay(what, {"", *once, [&](u64 n) { once->run(n); }});
  REQUIRE(difference);
  CHECK(difference->alike == 150'000);
  CHECK(difference->unlike == 200'000);
  REQUIRE(difference->values.size() == 1);
  CHECK(has(difference->values[0], "rax of CPU 0"));
  const auto one = adder(Dispatcher::emitted), other = adder(Dispatcher::reference);
  const ReplaysCompared found = compare_replays({"emitted", *one, {}}, {"reference", *other, {}}, what,
                                                difference->alike, difference->unlike, nullptr);
  CHECK(!found.comparison.parting);
  CHECK(found.comparison.failure == "");
  CHECK(found.comparison.instructions == 50'000);
  CHECK(found.as_recorded == "");
  CHECK(!found.known);
}

TEST_CASE("a recording that was looked at after each instruction names the first that differs") {
  auto what = std::make_shared<Recording>(*recording());
  StateMark next = what->marks[2];
  REQUIRE(next.at.retired == 100'000);
  next.at = {100'001, next.at.now + 1, false};
  what->marks.insert(what->marks.begin() + 3, next);
  const auto one = adder(Dispatcher::emitted), other = adder(Dispatcher::reference);
  const ReplaysCompared found =
      compare_replays({"emitted", *one, {}}, {"reference", *other, {}}, what, 100'000, 100'001, nullptr);
  CHECK(found.known);
  CHECK(has(found.where, "CPU 0"));
  CHECK(!found.instruction.empty());
}

}  // namespace ringside
