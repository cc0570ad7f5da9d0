// Owns the keyboard controller with its keyboard and mouse, and the system's port 0x92 beside it: both move
// the A20 gate, and both can reset the machine.
#pragma once

#include <array>

#include "cpu/arch/fields.h"
#include "devices/bus/reset_control.h"
#include "devices/i8042/ps2_keyboard.h"
#include "devices/i8042/ps2_mouse.h"
#include "devices/port_window.h"

namespace ringside {

// Commands and bytes take no time: IBF is never seen set. Starts as firmware leaves it (translation and the
// keyboard's interrupt on, mouse off, A20 open), so that a kernel may be started without firmware. The A20
// gate is one latch: the output port and port 0x92 show and set the same bit. Source: IBM PS/2 Hardware
// Interface Technical Reference, "Keyboard and Auxiliary Device Controller".
class I8042 final : public Device {
 public:
  static constexpr PortSpan data_port{0x60, 1};
  static constexpr PortSpan command_port{0x64, 1};
  static constexpr PortSpan system_port{0x92, 1};
  static constexpr unsigned keyboard_irq = 1;
  static constexpr unsigned mouse_irq = 12;

  // `a20`: high while address line 20 is let through. Every reset opens it.
  I8042(Clock& clock, IrqLine& irq1, IrqLine& irq12, IrqLine& a20, ResetControl& control);

  // See Ps2Keyboard and Ps2Mouse.
  bool key(u8 set1_code, bool extended, bool down);
  bool pause_key();
  void move_mouse(int right, int up, int wheel, u8 buttons);
  const Ps2Keyboard& keyboard() const { return keyboard_; }
  const Ps2Mouse& mouse() const { return mouse_; }
  bool a20_open() const { return a20_open_; }
  // A CPU that starts at FFFFFFF0H must meet the ROM there.
  void open_a20() { set_a20(true); }

  Description describe() const override {
    return {"8042", "keyboard controller: keyboard, mouse, reset and A20; port 0x92 too"};
  }
  void places(Places& at) override;
  void reset(ResetKind kind) override;
  void fields(Fields& fields) override;

 private:
  enum class Source : u8 { controller, keyboard, mouse };
  struct Mode {
    enum : u8 { irq1 = 1, irq12 = 2, system = 4, keyboard_off = 0x10, mouse_off = 0x20, translate = 0x40 };
  };

  u8& mode() { return ram_[0]; }
  void put(u8 byte, Source source);
  void answer(u8 byte, Source source = Source::controller);
  void pump();
  void update_irqs();
  void set_a20(bool open);
  void command(u8 byte);
  void data_for_command(u8 byte);
  void write_output_port(u8 value);
  u32 read_data(u16 offset, unsigned size);
  void write_data(u16 offset, unsigned size, u32 value);
  u32 read_status(u16 offset, unsigned size);
  void write_command(u16 offset, unsigned size, u32 value);
  u32 read_system(u16 offset, unsigned size);
  void write_system(u16 offset, unsigned size, u32 value);

  IrqLine& irq1_;
  IrqLine& irq12_;
  IrqLine& a20_;
  ResetControl& control_;
  Ps2Keyboard keyboard_;
  Ps2Mouse mouse_;
  std::array<u8, 32> ram_{};  // byte 0 is the command byte
  u8 output_ = 0, answer_ = 0, command_ = 0;
  Source source_ = Source::controller, answer_source_ = Source::controller;
  bool full_ = false, answer_waits_ = false, wrote_command_ = false, break_prefix_ = false;
  bool a20_open_ = true, fast_reset_ = false;
  PortWindow<I8042> data_window_, command_window_, system_window_;
};

}  // namespace ringside
