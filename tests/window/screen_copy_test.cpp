// Owns the tests of the picture's way to another thread: what is copied is what is shown, and both threads
// may go on at any moment.
#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "frontend/screen/screen_copy.h"
#include "tests/random.h"

namespace ringside {
namespace {

using Update = ScreenCopy::Update;

struct Card {
  VgaState state;
  std::vector<u8> memory = std::vector<u8>(VgaState::memory_bytes);
  Picture picture() const { return picture_of(state, memory.data(), {}); }
  void linear(u16 width, u16 height, u16 depth) {
    state.attribute_index = 0x20;
    state.dispi.values[Dispi::width] = state.dispi.values[Dispi::virtual_width] = width;
    state.dispi.values[Dispi::height] = height;
    state.dispi.values[Dispi::depth] = depth;
    state.dispi.values[Dispi::enable] = Dispi::Enable::on | Dispi::Enable::linear;
  }
};

// Half of them random, so that modes that make sense come up, too.
void random_registers(Card& card, Random& random) {
  VgaState& s = card.state;
  for (u8& value : s.crtc) value = static_cast<u8>(random.next());
  for (u8& value : s.graphics) value = static_cast<u8>(random.next());
  for (u8& value : s.attribute) value = static_cast<u8>(random.next());
  for (u8& value : s.sequencer) value = static_cast<u8>(random.next());
  for (u8& value : s.palette) value = static_cast<u8>(random.next());
  s.sequencer[1] &= 0xdf;
  s.attribute_index = 0x20;
  constexpr u16 depths[] = {4, 8, 15, 16, 24, 32};
  s.dispi.values[Dispi::depth] = depths[random.next() % 6];
  s.dispi.values[Dispi::enable] = random.next() & 1;
  s.dispi.values[Dispi::width] = static_cast<u16>(random.next() % 200 / 8 * 8 + 8);
  s.dispi.values[Dispi::height] = static_cast<u16>(random.next() % 100 + 1);
  s.dispi.values[Dispi::virtual_width] = static_cast<u16>(s.dispi.values[Dispi::width] + random.next() % 64);
  s.dispi.values[Dispi::x] = static_cast<u16>(random.next() % 64);
  s.dispi.values[Dispi::y] = static_cast<u16>(random.next() % (random.next() & 1 ? 0x10000 : 64));
}

}  // namespace

TEST_CASE("a picture is drawn once for each change, in whatever memory the card shows") {
  Card card;
  ScreenCopy copy;
  card.linear(64, 64, 32);
  CHECK(copy.update(card.state, card.memory.data(), {}) == Update::changed);
  REQUIRE(copy.draw());
  CHECK(copy.update(card.state, card.memory.data(), {}) == Update::same);
  CHECK_FALSE(copy.draw());
  card.memory[64 * 64 * 4 - 4] = 0x55;
  CHECK(copy.update(card.state, card.memory.data(), {}) == Update::changed);
  const auto changed = copy.draw();
  REQUIRE(changed);
  CHECK(changed->dots.back() == 0x55);
  // Behind what is shown.
  card.memory[1 << 20] = 0x55;
  CHECK(copy.update(card.state, card.memory.data(), {}) == Update::same);
  CHECK_FALSE(copy.draw());
  // Blinking is seen in text modes only.
  CHECK(copy.update(card.state, card.memory.data(), {false, false}) == Update::same);
  CHECK_FALSE(copy.draw());
}

TEST_CASE("with any registers the copy's picture is the card's") {
  Random random(1);
  Card card;
  ScreenCopy copy;
  for (unsigned round = 0; round < 300; ++round) {
    random_registers(card, random);
    // As guests do: here and there, some of it at the end and in the planes.
    for (unsigned n = 0; n < 2000; ++n)
      card.memory[random.next() % (n % 2 ? VgaState::memory_bytes : 0x40000)] =
          static_cast<u8>(random.next());
    CHECK(copy.update(card.state, card.memory.data(), {}) == Update::changed);
    const auto drawn = copy.draw();
    REQUIRE(drawn);
    REQUIRE(*drawn == card.picture());
  }
}

TEST_CASE("one thread changes the card while the other draws") {
  ScreenCopy copy;
  std::atomic<bool> done = false;
  u64 drawn = 0;
  Picture last;
  std::thread window([&] {
    for (bool more = true; more;) {
      more = !done;
      if (auto picture = copy.draw()) {
        ++drawn;
        last = std::move(*picture);
      }
    }
  });
  Card card;
  card.linear(64, 64, 32);
  for (u32 n = 1; n <= 3000; ++n) {
    for (u32 at = 0; at < 64 * 64 * 4; at += 4) std::memcpy(&card.memory[at], &n, sizeof n);
    while (copy.update(card.state, card.memory.data(), {}) == Update::busy && n == 3000) {
    }
  }
  done = true;
  window.join();
  CHECK(drawn >= 1);
  CHECK(last == card.picture());
}

}  // namespace ringside
