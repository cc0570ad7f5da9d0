// Owns the behaviour of the keyboard controller.
#include "devices/i8042/i8042.h"

#include "devices/i8042/scancodes.h"

namespace ringside {

I8042::I8042(Clock& clock, IrqLine& irq1, IrqLine& irq12, IrqLine& a20, ResetControl& control)
    : irq1_(irq1),
      irq12_(irq12),
      a20_(a20),
      control_(control),
      keyboard_(clock, [this] { pump(); }),
      data_window_(*this, &I8042::read_data, &I8042::write_data),
      command_window_(*this, &I8042::read_status, &I8042::write_command),
      system_window_(*this, &I8042::read_system, &I8042::write_system) {
  reset(ResetKind::power_on);
}

void I8042::places(Places& at) {
  at.ports(data_port, data_window_, "i8042 data");
  at.ports(command_port, command_window_, "i8042 command");
  at.ports(system_port, system_window_, "system control a");
  at.irq(keyboard_irq);
  at.irq(mouse_irq);
}

void I8042::reset(ResetKind) {
  keyboard_.reset();
  mouse_.reset();
  ram_ = {};
  mode() = Mode::irq1 | Mode::system | Mode::mouse_off | Mode::translate;
  output_ = answer_ = command_ = 0;
  source_ = answer_source_ = Source::controller;
  full_ = answer_waits_ = wrote_command_ = break_prefix_ = fast_reset_ = false;
  set_a20(true);
  update_irqs();
}

bool I8042::key(u8 code, bool extended, bool down) {
  const bool taken = keyboard_.key(code, extended, down);
  pump();
  return taken;
}

bool I8042::pause_key() {
  const bool taken = keyboard_.pause();
  pump();
  return taken;
}

void I8042::move_mouse(int right, int up, int wheel, u8 buttons) {
  mouse_.move(right, up, wheel, buttons);
  pump();
}

// --- The output buffer ---

void I8042::put(u8 byte, Source source) {
  output_ = byte;
  source_ = source;
  full_ = true;
}

void I8042::answer(u8 byte, Source source) {
  answer_ = byte;
  answer_source_ = source;
  answer_waits_ = true;
}

void I8042::pump() {
  while (!full_) {
    if (answer_waits_) {
      answer_waits_ = false;
      put(answer_, answer_source_);
    } else if (!(mode() & Mode::keyboard_off) && keyboard_.has_output()) {
      u8 byte = keyboard_.take();
      if (mode() & Mode::translate) {
        if (byte == 0xf0) {
          break_prefix_ = true;
          continue;
        }
        byte = static_cast<u8>(scancodes::translate(byte) | (break_prefix_ ? 0x80 : 0));
      }
      break_prefix_ = false;
      put(byte, Source::keyboard);
    } else if (!(mode() & Mode::mouse_off) && mouse_.has_output()) {
      put(mouse_.take(), Source::mouse);
    } else {
      break;
    }
  }
  update_irqs();
}

void I8042::update_irqs() {
  irq1_.set(full_ && source_ != Source::mouse && (mode() & Mode::irq1));
  irq12_.set(full_ && source_ == Source::mouse && (mode() & Mode::irq12));
}

void I8042::set_a20(bool open) {
  a20_open_ = open;
  a20_.set(open);
}

void I8042::write_output_port(u8 value) {
  set_a20((value & 2) != 0);
  if (!(value & 1)) control_.init_cpus("keyboard controller's output port");
}

// --- The ports ---

u32 I8042::read_data(u16, unsigned) {
  const u8 value = output_;
  if (full_) {
    full_ = false;
    update_irqs();  // the line falls between two bytes
    pump();
  }
  return value;
}

void I8042::write_data(u16, unsigned, u32 wide) {
  const u8 value = static_cast<u8>(wide);
  wrote_command_ = false;
  if (command_ != 0) {
    data_for_command(value);
  } else {
    mode() &= static_cast<u8>(~Mode::keyboard_off);  // talking to the keyboard lets it talk back
    keyboard_.receive(value);
  }
  pump();
}

u32 I8042::read_status(u16, unsigned) {
  u8 status = 0x10;  // the keyboard lock is open
  if (full_) status |= source_ == Source::mouse ? 0x21 : 0x01;
  if (mode() & Mode::system) status |= 0x04;
  if (wrote_command_) status |= 0x08;
  return status;
}

void I8042::write_command(u16, unsigned, u32 value) {
  wrote_command_ = true;
  command_ = 0;
  command(static_cast<u8>(value));
  pump();
}

void I8042::command(u8 byte) {
  if (byte >= 0x20 && byte < 0x40) return answer(ram_[byte & 0x1f]);
  if (byte >= 0xf0) {
    // The low bits pulse lines of the output port; bit 0 is the CPU's reset.
    if (!(byte & 1)) control_.init_cpus("keyboard controller's reset pulse");
    return;
  }
  if (byte >= 0x60 && byte < 0x80) {
    command_ = byte;
    return;
  }
  switch (byte) {
    case 0xa4: return answer(0xf1);  // no password
    case 0xa7: mode() |= Mode::mouse_off; return;
    case 0xa8: mode() &= static_cast<u8>(~Mode::mouse_off); return;
    case 0xa9:
    case 0xab: return answer(0x00);  // the links are sound
    case 0xaa: mode() |= Mode::system; return answer(0x55);
    case 0xad: mode() |= Mode::keyboard_off; return;
    case 0xae: mode() &= static_cast<u8>(~Mode::keyboard_off); return;
    case 0xc0: return answer(0x80);
    case 0xd0: {
      const u8 outputs = full_ ? (source_ == Source::mouse ? 0x20 : 0x10) : 0x00;
      return answer(static_cast<u8>(0xc1 | (a20_open_ ? 0x02 : 0) | outputs));
    }
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0xd4: command_ = byte; return;
    case 0xdd: return set_a20(false);
    case 0xdf: return set_a20(true);
    case 0xe0: return answer(0x00);
    default: return;
  }
}

void I8042::data_for_command(u8 byte) {
  const u8 command = command_;
  command_ = 0;
  switch (command) {
    case 0xd1: return write_output_port(byte);
    case 0xd2: return answer(byte, Source::keyboard);
    case 0xd3: return answer(byte, Source::mouse);
    case 0xd4: mode() &= static_cast<u8>(~Mode::mouse_off); return mouse_.receive(byte);
    default: ram_[command & 0x1f] = byte; return;
  }
}

u32 I8042::read_system(u16, unsigned) { return (a20_open_ ? 0x02u : 0u) | (fast_reset_ ? 0x01u : 0u); }

void I8042::write_system(u16, unsigned, u32 value) {
  set_a20((value & 2) != 0);
  const bool rises = !fast_reset_ && (value & 1);
  fast_reset_ = (value & 1) != 0;
  if (rises) control_.init_cpus("port 0x92");
}

void I8042::fields(Fields& fields) {
  fields.group("i8042");
  fields("ram", ram_);
  fields("output", output_);
  fields("answer", answer_);
  fields("command", command_);
  fields("source", source_);
  fields("answer_source", answer_source_);
  fields("full", full_);
  fields("answer_waits", answer_waits_);
  fields("wrote_command", wrote_command_);
  fields("break_prefix", break_prefix_);
  fields("a20_open", a20_open_);
  fields("fast_reset", fast_reset_);
  keyboard_.fields(fields);
  mouse_.fields(fields);
  fields.end();
}

}  // namespace ringside
