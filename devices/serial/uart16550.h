// Owns the serial port: a 16550A with its FIFOs, as wired on a PC (MCR's OUT2 gates the interrupt line).
#pragma once

#include <array>

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"
#include "devices/port_window.h"
#include "devices/serial/serial_sink.h"

namespace ringside {

// Sending takes no time: the transmitter is empty again at once, and its interrupt follows. Receiving is
// paced by the host, which calls `input`. The character timeout of the receive FIFO runs in virtual time,
// from the divisor. Data sheet: National Semiconductor PC16550D.
class Uart16550 final : public Device, public PortDevice {
 public:
  struct Place {
    const char* name;  // for dumps
    PortSpan ports;
    unsigned irq;
  };
  static constexpr std::array<Place, 4> com{
      {{"com1", {0x3f8, 8}, 4}, {"com2", {0x2f8, 8}, 3}, {"com3", {0x3e8, 8}, 4}, {"com4", {0x2e8, 8}, 3}}};
  static constexpr u64 oscillator_hz = 1'843'200;  // 16 times the highest bit rate
  static constexpr unsigned fifo_bytes = 16;

  Uart16550(const Place& place, Clock& clock, IrqLine& irq, SerialSink& sink);

  u32 io_read(u16 offset, unsigned size) override;
  void io_write(u16 offset, unsigned size, u32 value) override;

  // A byte from the host. False: there is no room (or the guest has put the chip in loopback); offer it again
  // later.
  bool input(u8 byte);
  // The host holds the line in the break state for at least one character. False: no room.
  bool input_break();
  // True while `input` would take a byte.
  bool ready() const;
  // The modem's lines as the host wants them, in MSR's bits 4..7 (CTS, DSR, RI, DCD). Default: CTS, DSR, DCD.
  void set_modem_lines(u8 lines);

  Description describe() const override { return {"16550A", "serial port: -serial"}; }
  void places(Places& at) override {
    at.ports(place_.ports, *this, place_.name);
    at.irq(place_.irq);
  }
  void reset(ResetKind kind) override;
  void fields(Fields& fields) override;
  void restored() override;

 private:
  struct Ier {
    enum : u8 { data = 1, thre = 2, line_status = 4, modem = 8 };
  };
  struct Lcr {
    enum : u8 { length = 3, stop = 4, parity = 8, dlab = 0x80 };
  };
  struct Mcr {
    enum : u8 { dtr = 1, rts = 2, out1 = 4, out2 = 8, loop = 0x10 };
  };
  struct Lsr {
    enum : u8 {
      ready = 1,
      overrun = 2,
      break_bit = 0x10,
      errors = 0x1e,
      thre = 0x20,
      temt = 0x40,
      fifo = 0x80
    };
  };

  struct Entry {
    u8 data;
    u8 errors;  // LSR's bits for this character
  };

  bool fifo_enabled() const { return (fcr_ & 1) != 0; }
  unsigned capacity() const { return fifo_enabled() ? fifo_bytes : 1; }
  unsigned trigger_level() const;
  bool receive(Entry entry);
  u8 read_data();
  u8 interrupt_id() const;  // IIR's bits 0..3
  u8 read_line_status();
  u8 modem_lines() const;  // MSR's bits 4..7 as the chip sees them now, also in loopback
  void write_fifo_control(u8 value);
  void transmit(u8 byte);
  void note_modem_change(u8 before);
  void restart_timeout();
  void update_irq();
  void clear_receiver();

  Place place_;
  Clock& clock_;
  IrqLine& irq_;
  SerialSink& sink_;
  Timer timeout_;

  u8 ier_ = 0, fcr_ = 0, lcr_ = 0, mcr_ = 0, scratch_ = 0;
  u16 divisor_ = 12;
  u8 line_errors_ = 0;  // overrun and the errors of the character on top, until LSR is read
  u8 modem_delta_ = 0;  // MSR's bits 0..3
  u8 modem_inputs_ = 0xb0;
  bool thre_pending_ = false;
  bool timeout_pending_ = false;
  std::array<u8, fifo_bytes> data_{};
  std::array<u8, fifo_bytes> errors_{};
  u8 head_ = 0, count_ = 0;
};

}  // namespace ringside
