// Owns the ATA disk.
#pragma once

#include "devices/block/block_device.h"
#include "devices/ide/ide_drive.h"

namespace ringside {

// Source: ATA/ATAPI-6, "Command descriptions", "Identify device data". Its place says its serial number.
class AtaDisk final : public IdeDrive {
 public:
  AtaDisk(Clock& clock, unsigned place, BlockDevice& block);

  void move_data(BusMaster& by) override;

 private:
  static constexpr u64 access_time = 60 * microsecond, sector_time = 3 * microsecond,
                       plain_time = 10 * microsecond, flush_time = 200 * microsecond;
  static constexpr u8 most_multiple = 16;

  void begin(u8 command) override;
  void go_on() override;
  void data_moved() override;
  void drive_reset(bool hard) override;
  void drive_fields(Fields& visit) override;
  bool packet_device() const override { return false; }

  void begin_media(bool ext);
  bool position(bool ext, u64& sector) const;
  void say_position(u64 sector);
  void read_on();
  void write_on();
  void fail_media(bool reading, u64 sector);
  bool inside() const { return sector_ <= block_.sectors() && left_ <= block_.sectors() - sector_; }
  u64 block_sectors() const;
  void set_features();
  void set_transfer_mode(u8 mode);
  void set_multiple();
  void identify();

  BlockDevice& block_;
  unsigned place_;
  u8 command_ = 0;
  u64 sector_ = 0;  // the next one of the command
  u64 left_ = 0;    // sectors of the command
  u8 heads_ = 16, track_sectors_ = 63;
  u8 multiple_ = 0;  // sectors of a block of READ MULTIPLE; 0: not set
  bool write_cache_ = true, look_ahead_ = true, standby_ = false;
  u16 multiword_mode_ = 0, ultra_mode_ = 0;  // as IDENTIFY's words show them, in their upper halves
};

}  // namespace ringside
