// Owns the behaviour of the keyboard.
#include "devices/i8042/ps2_keyboard.h"

#include <array>
#include <span>

#include "devices/bus/timer_fields.h"
#include "devices/i8042/scancodes.h"

namespace ringside {

namespace {

// Of the typematic byte, in milliseconds: 250 to 1000 before the first repeat.
u64 delay_of(u8 typematic) { return ((typematic >> 5 & 3) + 1) * u64{250}; }
// In microseconds: (8 + A) * 2^B * 4.17 ms.
u64 period_of(u8 typematic) { return (8 + (typematic & 7)) * (u64{1} << (typematic >> 3 & 3)) * 4167; }

}  // namespace

Ps2Keyboard::Ps2Keyboard(Clock& clock, std::function<void()> repeated)
    : clock_(clock), timer_(clock, "keyboard repeat", [this] { repeat(); }), repeated_(std::move(repeated)) {}

void Ps2Keyboard::hold_no_key() {
  held_ = 0;
  held_extended_ = false;
  timer_.disarm();
}

void Ps2Keyboard::repeat() {
  timer_.arm(clock_.now() + clock_.ticks_of(period_of(typematic_), 1'000'000));
  if (make(held_, held_extended_)) repeated_();
}

void Ps2Keyboard::set_defaults() {
  set_ = 2;
  typematic_ = 0x2b;
  command_ = 0;
}

void Ps2Keyboard::reset() {
  set_defaults();
  leds_ = 0;
  scanning_ = true;
  hold_no_key();
  reset_link();
}

bool Ps2Keyboard::key(u8 code, bool extended, bool down) {
  const u8 set2 = scancodes::untranslate(code & 0x7f);
  if (!scanning_ || set2 == 0 || code >= 0x80) return false;
  if (down) {
    if (!make(code, extended)) return false;
    held_ = code;
    held_extended_ = extended;
    timer_.arm(clock_.now() + clock_.ticks_of(delay_of(typematic_), 1000));
    return true;
  }
  std::array<u8, 3> bytes{};
  std::size_t length = 0;
  if (extended) bytes[length++] = 0xe0;
  if (set_ == 1) {
    bytes[length++] = static_cast<u8>(code | 0x80);
  } else {
    bytes[length++] = 0xf0;
    bytes[length++] = set2;
  }
  if (!event(std::span<const u8>(bytes.data(), length))) return false;
  if (held_ == code && held_extended_ == extended) hold_no_key();
  return true;
}

bool Ps2Keyboard::make(u8 code, bool extended) {
  const std::array<u8, 2> bytes{0xe0, set_ == 1 ? code : scancodes::untranslate(code)};
  return event(std::span<const u8>(bytes).subspan(extended ? 0 : 1));
}

bool Ps2Keyboard::pause() {
  if (!scanning_) return false;
  if (set_ == 1) return event(std::array<u8, 6>{0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5});
  return event(std::array<u8, 8>{0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77});
}

void Ps2Keyboard::argument(u8 command, u8 value) {
  switch (command) {
    case 0xed: leds_ = value & 7; return reply(ack);
    case 0xf0:
      if (value == 0) {
        reply(ack);
        return reply(set_);
      }
      if (value > 2) return reply(resend);
      set_ = value;
      return reply(ack);
    default:  // 0xf3, and set 3's lists of keys
      if (command == 0xf3) typematic_ = value & 0x7f;
      return reply(ack);
  }
}

void Ps2Keyboard::receive(u8 byte) {
  // An argument is below 0x80; a command in its place starts over.
  if (const u8 command = command_; command != 0) {
    command_ = 0;
    if (byte < 0x80) return argument(command, byte);
  }
  switch (byte) {
    case 0xed:
    case 0xf0:
    case 0xf3:
    case 0xfb:
    case 0xfc:
    case 0xfd: command_ = byte; return reply(ack);
    case 0xee: return reply(0xee);
    case 0xf2:
      reply(ack);
      reply(0xab);
      return reply(0x83);
    case 0xf4:
      forget();
      scanning_ = true;
      return reply(ack);
    case 0xf5:
    case 0xf6:
      forget();
      set_defaults();
      hold_no_key();
      scanning_ = byte == 0xf6;
      return reply(ack);
    case 0xf7:
    case 0xf8:
    case 0xf9:
    case 0xfa: return reply(ack);  // key types of set 3
    case 0xfe: return reply(last());
    case 0xff:
      reset();
      reply(ack);
      return reply(0xaa);  // the self test passed
    default: return reply(resend);
  }
}

void Ps2Keyboard::fields(Fields& fields) {
  fields.group("keyboard");
  queue_fields(fields);
  fields("command", command_);
  fields("set", set_);
  fields("leds", leds_);
  fields("typematic", typematic_);
  fields("scanning", scanning_);
  fields("held", held_);
  fields("held_extended", held_extended_);
  timer_fields(fields, timer_);
  fields.end();
}

}  // namespace ringside
