// Owns the behaviour of the mouse.
#include "devices/i8042/ps2_mouse.h"

#include <algorithm>
#include <span>

namespace ringside {

namespace {
constexpr s32 furthest = 1 << 20;  // movement kept back while nobody listens
}

void Ps2Mouse::set_defaults() {
  rate_ = 100;
  resolution_ = 2;
  scaling_ = reporting_ = remote_ = wrap_ = false;
  right_ = up_ = wheel_ = 0;
  command_ = 0;
}

void Ps2Mouse::reset() {
  set_defaults();
  rates_ = {};
  id_ = 0;
  buttons_ = sent_buttons_ = 0;
  reset_link();
}

bool Ps2Mouse::send_packet(bool asked) {
  const s32 x = std::clamp<s32>(right_, -255, 255);
  const s32 y = std::clamp<s32>(up_, -255, 255);
  const s32 z = std::clamp<s32>(wheel_, -8, 7);
  const std::array<u8, 4> packet{
      static_cast<u8>(0x08 | (buttons_ & 7) | (x < 0 ? 0x10 : 0) | (y < 0 ? 0x20 : 0)), static_cast<u8>(x),
      static_cast<u8>(y), static_cast<u8>(z)};
  const std::size_t length = has_wheel() ? 4 : 3;
  if (asked) {
    for (std::size_t i = 0; i < length; ++i) reply(packet[i]);
  } else if (!event(std::span<const u8>(packet.data(), length))) {
    return false;
  }
  right_ -= x;
  up_ -= y;
  wheel_ -= z;
  sent_buttons_ = buttons_;
  return true;
}

void Ps2Mouse::move(int right, int up, int wheel, u8 buttons) {
  const auto gather = [](s32& sum, int more) {
    sum = static_cast<s32>(std::clamp<s64>(s64{sum} + more, -furthest, furthest));
  };
  gather(right_, right);
  gather(up_, up);
  gather(wheel_, wheel);
  if (!has_wheel()) wheel_ = 0;
  buttons_ = buttons & 7;
  report();
}

void Ps2Mouse::report() {
  if (!reporting_ || remote_ || wrap_) return;
  while (right_ != 0 || up_ != 0 || wheel_ != 0 || buttons_ != sent_buttons_) {
    if (!send_packet(false)) break;
  }
}

void Ps2Mouse::argument(u8 command, u8 value) {
  if (command == 0xe8) {
    resolution_ = value & 3;
  } else {
    rate_ = value;
    rates_ = {rates_[1], rates_[2], value};
    if (rates_ == std::array<u8, 3>{200, 100, 80}) id_ = 3;
  }
  reply(ack);
}

void Ps2Mouse::receive(u8 byte) {
  if (wrap_ && byte != 0xec && byte != 0xff) return reply(byte);  // an echo
  if (const u8 command = command_; command != 0) {
    command_ = 0;
    return argument(command, byte);
  }
  switch (byte) {
    case 0xe6:
    case 0xe7: scaling_ = byte == 0xe7; return reply(ack);
    case 0xe8:
    case 0xf3: command_ = byte; return reply(ack);
    case 0xe9:
      reply(ack);
      reply(static_cast<u8>((remote_ ? 0x40 : 0) | (reporting_ ? 0x20 : 0) | (scaling_ ? 0x10 : 0) |
                            ((buttons_ & 1) << 2) | ((buttons_ & 4) >> 1) | ((buttons_ & 2) >> 1)));
      reply(resolution_);
      return reply(rate_);
    case 0xea: remote_ = false; return reply(ack);
    case 0xeb:
      reply(ack);
      send_packet(true);
      return;
    case 0xec: wrap_ = false; return reply(ack);
    case 0xee: wrap_ = true; return reply(ack);
    case 0xf0: remote_ = true; return reply(ack);
    case 0xf2: reply(ack); return reply(id_);
    case 0xf4: reporting_ = true; return reply(ack);
    case 0xf5: reporting_ = false; return reply(ack);
    case 0xf6: set_defaults(); return reply(ack);
    case 0xfe: return reply(last());
    case 0xff:
      reset();
      reply(ack);
      reply(0xaa);
      return reply(id_);
    default: return reply(resend);
  }
}

void Ps2Mouse::fields(Fields& fields) {
  fields.group("mouse");
  queue_fields(fields);
  fields("right", right_);
  fields("up", up_);
  fields("wheel", wheel_);
  fields("command", command_);
  fields("buttons", buttons_);
  fields("sent_buttons", sent_buttons_);
  fields("rate", rate_);
  fields("resolution", resolution_);
  fields("id", id_);
  fields("rates", rates_);
  fields("reporting", reporting_);
  fields("remote", remote_);
  fields("wrap", wrap_);
  fields("scaling", scaling_);
  fields.end();
}

}  // namespace ringside
