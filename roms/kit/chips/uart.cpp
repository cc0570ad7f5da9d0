// Owns what a 16550 does, by National Semiconductor's data sheet.
#include "roms/kit/chips/uart.h"

namespace kit {

Uart::Cause Uart::cause() const {
  if (interrupt_enable_ & 1 && count_) return data_available;
  if (interrupt_enable_ & 2 && !transmitter_told_) return transmitter_empty;
  return none;
}

bool Uart::receive(u8 byte) {
  if (count_ == room) return false;
  queue_[(first_ + count_++) % room] = byte;
  return true;
}

int Uart::sent() {
  const int byte = sent_;
  sent_ = -1;
  return byte;
}

u8 Uart::in(u8 offset) {
  switch (offset) {
    case 0: {
      if (divisor_access()) return static_cast<u8>(divisor_);
      if (!count_) return 0;
      const u8 byte = queue_[first_];
      first_ = (first_ + 1) % room;
      --count_;
      return byte;
    }
    case 1: return divisor_access() ? static_cast<u8>(divisor_ >> 8) : interrupt_enable_;
    case 2: {
      const Cause why = cause();
      if (why == transmitter_empty) transmitter_told_ = true;
      return static_cast<u8>(why | (fifo_control_ & 1 ? 0xc0 : 0));
    }
    case 3: return line_control_;
    case 4: return modem_control_;
    case 5: return static_cast<u8>(0x60 | (count_ ? 1 : 0));  // the transmitter is always empty
    case 6: {
      if (!(modem_control_ & 0x10)) return 0xb0;  // carrier, data set ready, clear to send
      // The loop: the outputs DTR, RTS, OUT1 and OUT2 are the inputs DSR, CTS, RI and DCD.
      const u8 m = modem_control_;
      return static_cast<u8>((m & 1) << 5 | (m & 2) << 3 | (m & 4) << 4 | (m & 8) << 4);
    }
    default: return scratch_;
  }
}

void Uart::out(u8 offset, u8 value) {
  switch (offset) {
    case 0:
      if (divisor_access()) {
        divisor_ = static_cast<u16>((divisor_ & 0xff00) | value);
      } else {
        if (modem_control_ & 0x10)
          receive(value);
        else
          sent_ = value;
        transmitter_told_ = false;
      }
      break;
    case 1:
      if (divisor_access()) {
        divisor_ = static_cast<u16>((divisor_ & 0xff) | value << 8);
      } else {
        if (value & 2 && !(interrupt_enable_ & 2)) transmitter_told_ = false;
        interrupt_enable_ = value & 0xf;
      }
      break;
    case 2:
      fifo_control_ = value;
      if (value & 2) count_ = 0;
      break;
    case 3: line_control_ = value; break;
    case 4: modem_control_ = value & 0x1f; break;
    case 7: scratch_ = value; break;
    default: break;
  }
}

}  // namespace kit
