// Owns the mouse: three buttons and, for drivers that knock as Microsoft's did, a wheel.
#pragma once

#include <array>

#include "devices/i8042/ps2_device.h"

namespace ringside {

// Source: IBM PS/2 Hardware Interface Technical Reference, "Mouse"; the wheel's knock is a sample rate of
// 200, 100, 80.
class Ps2Mouse final : public Ps2Device {
 public:
  // Movement since the last call, right and up positive; wheel towards the user positive; buttons: bit 0
  // left, 1 right, 2 middle. What finds no room in the queue goes out as soon as bytes are taken from it.
  void move(int right, int up, int wheel, u8 buttons);
  u8 take() {
    const bool makes_room = takes_event();
    const u8 byte = Ps2Device::take();
    if (makes_room) report();
    return byte;
  }

  void receive(u8 byte) override;
  bool has_wheel() const { return id_ == 3; }

  void reset();
  void fields(Fields& fields);

 private:
  void set_defaults();
  void argument(u8 command, u8 value);
  bool send_packet(bool asked);
  void report();

  s32 right_ = 0, up_ = 0, wheel_ = 0;
  u8 command_ = 0;  // the command that waits for its argument; 0: none
  u8 buttons_ = 0, sent_buttons_ = 0, rate_ = 100, resolution_ = 2, id_ = 0;
  std::array<u8, 3> rates_{};  // the last three sample rates
  bool reporting_ = false, remote_ = false, wrap_ = false, scaling_ = false;
};

}  // namespace ringside
