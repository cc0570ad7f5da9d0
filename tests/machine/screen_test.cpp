// Owns the tests of the screen on a whole machine: its state, guests without firmware, what is typed.
#include <doctest/doctest.h>

#include <set>

#include "devices/vga/vga.h"
#include "frontend/machine/checkpoints.h"
#include "frontend/screen/screen.h"
#include "frontend/screen/typist.h"
#include "tests/machine/guest.h"

using namespace ringside;

namespace {

std::unique_ptr<Machine> with_screen(bool vga = true) {
  std::string error;
  MachineConfig config;
  config.model = *parse_cpu_model(default_cpu_model, error);
  config.ram_bytes = 1 << 20;
  config.vga = vga;
  return Machine::create(config, error);
}

void write_text(Machine& machine, std::string_view text) {
  for (std::size_t n = 0; n < text.size(); ++n)
    machine.memory().write(HostPhys(0xb8000 + 2 * n), 2, 0x0700u | static_cast<u8>(text[n]));
}

std::vector<KeyStroke> strokes(std::string_view text) {
  std::string error;
  std::vector<KeyStroke> all;
  const auto steps = parse_typed(text, error);
  REQUIRE_MESSAGE(steps, error);
  for (const TypedStep& step : *steps)
    if (const auto* stroke = std::get_if<KeyStroke>(&step)) all.push_back(*stroke);
  return all;
}

std::string refusal(std::string_view text) {
  std::string error;
  CHECK_FALSE(parse_typed(text, error));
  return error;
}

}  // namespace

TEST_CASE(
    "the screen is a part of a saved state, of the state's hash and of a checkpoint, wherever it is shown") {
  const auto machine = with_screen();
  write_text(*machine, "before");
  const std::string hash = machine->state_hash();
  const std::vector<u8> saved = machine->save();
  const auto checkpoints = Checkpoints::create(*machine);
  const unsigned point = checkpoints->take();
  const Picture picture = screen_picture(*machine);
  write_text(*machine, "behind");
  CHECK(machine->state_hash() != hash);
  CHECK(screen_lines(*machine)[0] == "behind");
  CHECK(screen_picture(*machine) != picture);
  CHECK(checkpoints->restore(point));
  CHECK(machine->state_hash() == hash);
  CHECK(screen_picture(*machine) == picture);
  const auto other = with_screen();
  std::string error;
  REQUIRE_MESSAGE(other->restore(saved, error), error);
  CHECK(screen_lines(*other)[0] == "before");
  CHECK(other->state_hash() == hash);
  CHECK_FALSE(with_screen(false)->restore(saved, error));
  REQUIRE(other->reboot(error));
  CHECK(screen_lines(*other)[0] == "");
}

TEST_CASE("a machine without a screen says so") {
  const auto machine = with_screen(false);
  CHECK(machine->screen() == nullptr);
  CHECK(screen_picture(*machine).dots.empty());
  CHECK(screen_lines(*machine).empty());
  CHECK(screen_mode(*machine).empty());
  CHECK(png_of(screen_picture(*machine)).empty());
  CHECK(screen_mode(*with_screen()) == "text, 80x25");
}

TEST_CASE("a picture is a PNG file of its size") {
  const std::string file = png_of(screen_picture(*with_screen()));
  REQUIRE(file.size() > 40);
  CHECK(file.substr(1, 3) == "PNG");
  CHECK(file.substr(16, 8) == std::string("\0\0\2\xd0\0\0\1\x90", 8));
}

TEST_CASE("what is typed becomes keys of a US keyboard, down and up") {
  const auto down = [](u8 code, bool extended = false) { return KeyStroke{code, extended, true}; };
  const auto up = [](u8 code, bool extended = false) { return KeyStroke{code, extended, false}; };
  CHECK(strokes("a") == std::vector{down(0x1e), up(0x1e)});
  CHECK(strokes("A") == std::vector{down(0x2a), down(0x1e), up(0x1e), up(0x2a)});
  CHECK(strokes("\\n") == std::vector{down(0x1c), up(0x1c)});
  CHECK(strokes("\\<") == std::vector{down(0x2a), down(0x33), up(0x33), up(0x2a)});
  CHECK(strokes("<up>") == std::vector{down(0x48, true), up(0x48, true)});
  CHECK(strokes("<ctrl-alt-delete>") ==
        std::vector{down(0x1d), down(0x38), down(0x53, true), up(0x53, true), up(0x38), up(0x1d)});
  CHECK(strokes("<ctrl-c>") == std::vector{down(0x1d), down(0x2e), up(0x2e), up(0x1d)});
  CHECK(strokes("<wait 1><screen x>").empty());
  // Every sign of ASCII has its key, and no two the same ones.
  std::set<std::vector<u8>> all;
  for (char c = ' '; c < 0x7f; ++c) {
    std::vector<u8> codes;
    for (const KeyStroke& stroke : strokes(c == '<' || c == '\\' ? std::string("\\") + c : std::string(1, c)))
      codes.push_back(stroke.code);
    CHECK(all.insert(codes).second);
  }
  CHECK(refusal("<mouse 1>").starts_with("<mouse 1>: no movement"));
  CHECK(refusal("<mouse 1 2 8>").starts_with("<mouse 1 2 8>: no movement"));
  CHECK(refusal("<mouse 1 2 3 4>").starts_with("<mouse 1 2 3 4>: no movement"));
  CHECK(refusal("<mouse 1 x>").starts_with("<mouse 1 x>: no movement"));
  CHECK(refusal("<nokey>").starts_with("<nokey>: no such key"));
  CHECK(refusal("a<") == "> is missing; a < of its own is written \\<");
  CHECK(refusal("\\q").starts_with("\\ is followed by"));
  CHECK(refusal("<wait x>").starts_with("<wait x>: not a time"));
  CHECK(refusal("<wait -1>").starts_with("<wait -1>: not a time"));
  CHECK(refusal("<screen (>").starts_with("<screen> (: "));
  CHECK(refusal("\x80").find("no key") != std::string::npos);
}

TEST_CASE("a typist waits for the screen and for virtual time, and gives a stroke every 10 ms") {
  MachineConfig config = Guest::config();
  config.vga = true;
  Guest guest(config);
  guest.put(Guest::code, 0xfeeb, 2);  // jmp $
  Machine* const machine = guest.machine.get();
  Typist typist;
  std::string error;
  typist.add(*parse_typed("<screen ^go$><wait 0.1>ab", error));
  std::vector<std::pair<double, KeyStroke>> seen;
  machine->on_input([&](const InputRecord& record) {
    seen.emplace_back(machine->seconds(), std::get<KeyStroke>(record.event));
  });
  const auto run = [&](double seconds) {
    for (const double end = machine->seconds() + seconds; machine->seconds() < end;) {
      machine->run(1'000'000);
      typist.type(*machine, false);
    }
  };
  run(0.02);
  CHECK(seen.empty());
  write_text(*machine, "go");
  const double went = machine->seconds();
  run(0.05);
  CHECK(seen.empty());
  run(0.3);
  REQUIRE(seen.size() == 4);
  CHECK(typist.done());
  CHECK(seen[0].first >= went + 0.1);
  CHECK(seen[0].first < went + 0.11);
  for (std::size_t n = 1; n < seen.size(); ++n) CHECK(seen[n].first - seen[n - 1].first >= 0.0099);
  // The mouse is moved, a picture taken, and what stands behind the end never comes.
  std::vector<MouseMove> moves;
  machine->on_input([&](const InputRecord& record) { moves.push_back(std::get<MouseMove>(record.event)); });
  std::string picture;
  typist.on_picture([&](Machine&, const std::string& file) { picture = file; });
  typist.add(*parse_typed("<mouse -20 5><mouse 1 0 4><click><screenshot a.png><quit>c", error));
  run(0.1);
  CHECK(moves == std::vector<MouseMove>{{-20, 5}, {1, 0, 0, 4}, {0, 0, 0, 1}, {}});
  CHECK(picture == "a.png");
  CHECK(typist.quit());
  CHECK(typist.done());
  machine->on_input({});
  // A machine that only sleeps has no time to wait for.
  typist.add(*parse_typed("<wait 100>c", error));
  CHECK(typist.type(*machine, true));
}
