// Owns the behaviour of the 16550A serial port.
#include "devices/serial/uart16550.h"

#include <bit>

#include "devices/bus/timer_fields.h"

namespace ringside {

Uart16550::Uart16550(const Place& place, Clock& clock, IrqLine& irq, SerialSink& sink)
    : place_(place), clock_(clock), irq_(irq), sink_(sink), timeout_(clock, "timeout", [this] {
        timeout_pending_ = count_ != 0;
        update_irq();
      }) {}

void Uart16550::reset(ResetKind) {
  ier_ = fcr_ = lcr_ = mcr_ = scratch_ = 0;
  divisor_ = 12;
  line_errors_ = modem_delta_ = 0;
  thre_pending_ = false;
  data_ = errors_ = {};
  clear_receiver();
  update_irq();
}

unsigned Uart16550::trigger_level() const {
  static constexpr std::array<u8, 4> levels{1, 4, 8, 14};
  return fifo_enabled() ? levels[fcr_ >> 6] : 1;
}

void Uart16550::clear_receiver() {
  head_ = count_ = 0;
  timeout_pending_ = false;
  timeout_.disarm();
}

bool Uart16550::ready() const { return count_ < capacity() && !(mcr_ & Mcr::loop); }

bool Uart16550::input(u8 byte) { return ready() && receive({byte, 0}); }

bool Uart16550::input_break() { return ready() && receive({0, Lsr::break_bit}); }

bool Uart16550::receive(Entry entry) {
  if (count_ == capacity()) {
    // With the FIFO full the shift register is overwritten and the FIFO kept; without a FIFO the old byte
    // goes.
    line_errors_ |= Lsr::overrun;
    if (!fifo_enabled()) data_[head_] = entry.data;
    update_irq();
    return false;
  }
  const unsigned slot = (head_ + count_) % fifo_bytes;
  data_[slot] = entry.data;
  errors_[slot] = entry.errors;
  ++count_;
  // An error shows in LSR when its character has come to the top.
  if (count_ == 1) line_errors_ |= entry.errors;
  timeout_pending_ = false;
  restart_timeout();
  update_irq();
  return true;
}

void Uart16550::restart_timeout() {
  if (!fifo_enabled() || count_ == 0) return timeout_.disarm();
  const unsigned half_bits = 2 * (1 + 5 + (lcr_ & Lcr::length) + ((lcr_ & Lcr::parity) ? 1 : 0)) +
                             ((lcr_ & Lcr::stop) ? ((lcr_ & Lcr::length) == 0 ? 3 : 4) : 2);
  const u64 clocks = u64{4} * half_bits * 8 * (divisor_ ? divisor_ : 0x10000);
  timeout_.arm(clock_.now() + clock_.ticks_of(clocks, oscillator_hz));
}

u8 Uart16550::read_data() {
  timeout_pending_ = false;
  if (count_ == 0) return data_[head_];  // an empty receiver still shows what it last held
  const u8 byte = data_[head_];
  head_ = static_cast<u8>((head_ + 1) % fifo_bytes);
  if (!fifo_enabled()) head_ = static_cast<u8>((head_ + fifo_bytes - 1) % fifo_bytes);
  --count_;
  if (count_ != 0) line_errors_ |= errors_[head_];
  restart_timeout();
  update_irq();
  return byte;
}

u8 Uart16550::read_line_status() {
  u8 value = Lsr::thre | Lsr::temt | line_errors_;
  if (count_ != 0) value |= Lsr::ready;
  if (fifo_enabled()) {
    for (unsigned i = 0; i < count_; ++i) {
      if (errors_[(head_ + i) % fifo_bytes] & Lsr::errors) value |= Lsr::fifo;
    }
  }
  line_errors_ = 0;
  if (count_ != 0) errors_[head_] = 0;
  update_irq();
  return value;
}

u8 Uart16550::modem_lines() const {
  if (!(mcr_ & Mcr::loop)) return modem_inputs_;
  return static_cast<u8>(((mcr_ & Mcr::rts) ? 0x10 : 0) | ((mcr_ & Mcr::dtr) ? 0x20 : 0) |
                         ((mcr_ & Mcr::out1) ? 0x40 : 0) | ((mcr_ & Mcr::out2) ? 0x80 : 0));
}

void Uart16550::note_modem_change(u8 before) {
  const u8 now = modem_lines();
  const u8 changed = before ^ now;
  modem_delta_ |= (changed >> 4) & 0x0b;
  if ((before & 0x40) && !(now & 0x40))
    modem_delta_ |= 0x04;  // the ring indicator reports its trailing edge only
  update_irq();
}

void Uart16550::set_modem_lines(u8 lines) {
  const u8 before = modem_lines();
  modem_inputs_ = lines & 0xf0;
  note_modem_change(before);
}

u8 Uart16550::interrupt_id() const {
  if ((ier_ & Ier::line_status) && line_errors_) return 0x6;
  if (ier_ & Ier::data) {
    if (count_ != 0 && count_ >= trigger_level()) return 0x4;
    if (timeout_pending_) return 0xc;
  }
  if ((ier_ & Ier::thre) && thre_pending_) return 0x2;
  if ((ier_ & Ier::modem) && modem_delta_) return 0x0;
  return 0x1;
}

void Uart16550::update_irq() {
  // The OUT2 pin opens the board's gate; loopback holds the pin inactive.
  const bool gate = (mcr_ & Mcr::out2) && !(mcr_ & Mcr::loop);
  irq_.set(gate && !(interrupt_id() & 1));
}

void Uart16550::write_fifo_control(u8 value) {
  // Switching the FIFOs on or off empties them; bits 1 and 2 clear themselves.
  if (((value ^ fcr_) & 1) || ((value & 1) && (value & 2))) {
    clear_receiver();
    line_errors_ &= Lsr::overrun;
  }
  fcr_ = (value & 1) ? (value & 0xc9) : 0;
  update_irq();
}

void Uart16550::transmit(u8 byte) {
  thre_pending_ = false;
  update_irq();
  if (mcr_ & Mcr::loop) {
    // What the shift register never sent does not come back: a word has 5 to 8 bits.
    receive({static_cast<u8>(byte & bit_range(0, 4 + (lcr_ & Lcr::length))), 0});
  } else {
    sink_.output(byte);
  }
  thre_pending_ = true;
  update_irq();
}

u32 Uart16550::io_read(u16 offset, unsigned) {
  switch (offset & 7) {
    case 0: return (lcr_ & Lcr::dlab) ? (divisor_ & 0xff) : read_data();
    case 1: return (lcr_ & Lcr::dlab) ? (divisor_ >> 8) : ier_;
    case 2: {
      const u8 id = interrupt_id();
      if (id == 0x2) {
        thre_pending_ = false;
        update_irq();
      }
      return id | (fifo_enabled() ? 0xc0u : 0u);
    }
    case 3: return lcr_;
    case 4: return mcr_;
    case 5: return read_line_status();
    case 6: {
      const u8 value = modem_lines() | modem_delta_;
      modem_delta_ = 0;
      update_irq();
      return value;
    }
    default: return scratch_;
  }
}

void Uart16550::io_write(u16 offset, unsigned, u32 wide) {
  const u8 value = static_cast<u8>(wide);
  switch (offset & 7) {
    case 0:
      if (lcr_ & Lcr::dlab) {
        divisor_ = static_cast<u16>((divisor_ & 0xff00) | value);
      } else {
        transmit(value);
      }
      break;
    case 1:
      if (lcr_ & Lcr::dlab) {
        divisor_ = static_cast<u16>((divisor_ & 0x00ff) | value << 8);
      } else {
        // Enabling the interrupt of an empty transmitter raises it at once; drivers count on that.
        if (!(ier_ & Ier::thre) && (value & Ier::thre)) thre_pending_ = true;
        ier_ = value & 0x0f;
        update_irq();
      }
      break;
    case 2: write_fifo_control(value); break;
    case 3: lcr_ = value; break;
    case 4: {
      const u8 before = modem_lines();
      mcr_ = value & 0x1f;
      note_modem_change(before);
      break;
    }
    case 7: scratch_ = value; break;
    default: break;  // LSR and MSR are the factory's to write
  }
}

void Uart16550::fields(Fields& fields) {
  fields.group(place_.name);
  fields("ier", ier_);
  fields("fcr", fcr_);
  fields("lcr", lcr_);
  fields("mcr", mcr_);
  fields("scratch", scratch_);
  fields("divisor", divisor_);
  fields("line_errors", line_errors_);
  fields("modem_delta", modem_delta_);
  fields("modem_inputs", modem_inputs_);
  fields("thre_pending", thre_pending_);
  fields("timeout_pending", timeout_pending_);
  fields("rx_data", data_);
  fields("rx_errors", errors_);
  fields("rx_head", head_);
  fields("rx_count", count_);
  timer_fields(fields, timeout_);
  fields.end();
}

void Uart16550::restored() {
  head_ %= fifo_bytes;
  if (count_ > fifo_bytes) count_ = fifo_bytes;
}

}  // namespace ringside
