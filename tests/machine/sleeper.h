// Owns a guest that sleeps, and that mixes into memory when each interrupt wakes it and what its device says.
#pragma once

#include <memory>

#include "tests/machine/guest.h"
#include "tests/random.h"

namespace ringside {

// Mixes the time at which an interrupt is taken and what its device's port holds into memory.
inline void mix_interrupt(Guest& g, u64 vector, u16 port) {
  const u64 here = g.next;
  g.next = Guest::handlers + 0x1000 + 128 * (vector & 63);
  const u64 start = g.next;
  g.bytes({0x60, 0x0f, 0x31, 0x31, 0x05}).number(Guest::data, 4);  // pushad; rdtsc; xor [data], eax
  g.bytes({0x66, 0xba}).number(port, 2).bytes({0xec});             // mov dx, port; in al, dx
  g.bytes({0x01, 0x05}).number(Guest::data + 4, 4);                // add [data + 4], eax
  g.bytes({0xd1, 0x05}).number(Guest::data + 4, 4);                // rol dword [data + 4], 1
  g.out(0x20, 0x20).out(0xa0, 0x20).bytes({0x61, 0xcf});           // popad; iretd
  g.put(Guest::handler(vector), 0xe9, 1);
  g.put(Guest::handler(vector) + 1, start - (Guest::handler(vector) + 5), 4);
  g.next = here;
}

enum class Others { none, busy, asleep };

// Sleeps for longer than a run without instructions takes, and is woken by the PIT, the serial port, the
// keyboard and the mouse.
inline std::unique_ptr<Guest> sleeper(Dispatcher dispatcher, Others others) {
  MachineConfig config = Guest::config(others == Others::none ? 1 : 3);
  config.dispatcher = dispatcher;
  auto made = std::make_unique<Guest>(config);
  Guest& g = *made;
  constexpr u16 serial = 0x3f8, keyboard = 0x60, timer = 0x40;
  g.open_pic().start_pit(65000).out(0x21, 0xe8);
  g.out(0xa0, 0x11).out(0xa1, 0x28).out(0xa1, 2).out(0xa1, 1).out(0xa1, 0xef);
  g.out(serial + 1, 1).out(serial + 4, 0x0b);
  g.out(0x64, 0x60).out(0x60, 0x43).out(0x64, 0xa8).out(0x64, 0xd4).out(0x60, 0xf4);
  mix_interrupt(g, 0x20, timer);
  mix_interrupt(g, 0x21, keyboard);
  mix_interrupt(g, 0x24, serial);
  mix_interrupt(g, 0x2c, keyboard);
  const u64 again = g.sti().next;
  g.hlt().bytes({0xff, 0x05}).number(Guest::data + 8, 4).bytes({0xe9});  // inc dword [data + 8]; jmp
  g.number(again - (g.next + 4), 4);
  if (others == Others::none) return made;
  const u64 second = g.next;
  if (others == Others::busy) g.bytes({0xff, 0x05}).number(Guest::data + 12, 4).bytes({0xeb, 0xf8});
  g.cli().hlt().bytes({0xeb, 0xfd});
  g.start(1, second);
  g.start(2, second);
  return made;
}

inline InputEvent some_event(Random& random) {
  switch (random.next() % 6) {
    case 0:
      return KeyStroke{static_cast<u8>(2 + random.next() % 40), random.next() % 4 == 0,
                       random.next() % 2 == 0};
    case 1:
      return MouseMove{static_cast<int>(random.next() % 9) - 4, static_cast<int>(random.next() % 9) - 4, 0,
                       1};
    case 2: return random.next() % 2 ? InputEvent(PauseKey{}) : InputEvent(PowerButton{});
    default: return SerialByte{0, static_cast<u8>(random.next())};
  }
}

}  // namespace ringside
