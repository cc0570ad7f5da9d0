// Owns what ATA disks and ATAPI drives have in common: the registers, the phases of a command, the data port.
#pragma once

#include <string>
#include <vector>

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"
#include "devices/ide/bus_master.h"
#include "devices/ide/ide_registers.h"

namespace ringside {

class IdeDrive;

// What a drive says to its channel.
class IdeDriveHost {
 public:
  virtual ~IdeDriveHost() = default;
  virtual void interrupt_changed() = 0;
  // The drive would move data by bus master, which is to call IdeDrive::move_data when it is started.
  virtual void wants_bus_master() = 0;
};

// A command takes a time that follows from it alone, in which the drive is busy. Then it has data for the
// data port (data_in), waits for data (data_out), or for the bus master (bus_master); or it is done.
class IdeDrive {
 public:
  IdeDrive(Clock& clock, const std::string& name);
  virtual ~IdeDrive() = default;
  IdeDrive(const IdeDrive&) = delete;
  IdeDrive& operator=(const IdeDrive&) = delete;

  void connect(IdeDriveHost& host) { host_ = &host; }
  // RESET# or SRST: the registers get the drive's signature. A hard reset forgets settings, too.
  void reset(bool hard);
  void fields(Fields& visit);
  void restored();

  // A register other than the data port. `high`: what was written to it before last (HOB).
  u8 read(ide::Register reg, bool high) const;
  u8 status() const { return status_; }
  void write(ide::Register reg, u8 value);
  // False: there is a command going on, which hears nothing but resets.
  bool listens() const { return (status_ & (ide::Status::BSY | ide::Status::DRQ)) == 0; }
  void command(u8 command);
  void diagnose();  // EXECUTE DEVICE DIAGNOSTIC, which is said to both drives

  // `size` bytes, 1 to 4, of the data port; zeros, or nothing happens, if no data are due.
  u32 read_data(unsigned size);
  void write_data(unsigned size, u32 value);

  bool interrupts() const { return interrupt_; }
  void acknowledge();  // the host has read the status
  bool waits_for_bus_master() const { return phase_ == Phase::bus_master; }
  // Called while it waits for it. What does not fit into the list of regions comes when it is started again.
  virtual void move_data(BusMaster& by) = 0;

 protected:
  struct Registers {
    u8 feature = 0, count = 0, lba_low = 0, lba_mid = 0, lba_high = 0;
  };
  static constexpr u64 microsecond = 1000;  // nanoseconds

  // The command has come; the drive calls one of the functions below.
  virtual void begin(u8 command) = 0;
  // The time that busy() was told is over.
  virtual void go_on() = 0;
  // The host has read, or written, all that the data port was to move: data()
  virtual void data_moved() = 0;
  virtual void drive_reset(bool hard) = 0;
  virtual void drive_fields(Fields& visit) = 0;
  virtual bool packet_device() const = 0;

  void busy(u64 nanoseconds);
  // `bytes` of data(), from `offset` on, are for the host to read or to write; with an interrupt or without.
  void offer(std::size_t offset, std::size_t bytes, bool interrupt);
  void expect(std::size_t bytes, bool interrupt);
  void wait_for_bus_master();
  void finish();                     // without an error, with an interrupt
  void finish_silently();            // the last data were read
  void fail(u8 error, u8 more = 0);  // with these bits of the error register, and more of the status
  void sign();

  std::vector<u8>& data() { return data_; }
  Registers now_, before_;  // what was written last, and what before that
  u8 device_ = 0;

 private:
  enum class Phase : u8 { idle, busy, data_in, data_out, bus_master };
  void enter(Phase phase, u8 status, bool interrupt);
  u8* register_byte(Registers& set, ide::Register reg);
  bool due() const { return at_ < end_ && end_ <= data_.size(); }

  IdeDriveHost* host_ = nullptr;
  Timer timer_;
  Clock& clock_;
  Phase phase_ = Phase::idle;
  u8 status_ = 0, error_ = 0;
  bool interrupt_ = false;
  std::vector<u8> data_;
  u64 at_ = 0, end_ = 0;  // of what the data port moves, in data_
};

// Into an identification's `words` words from `word` on: two letters a word, the first one above; spaces
// behind them.
void put_text(std::vector<u8>& to, unsigned word, unsigned words, std::string_view text);

}  // namespace ringside
