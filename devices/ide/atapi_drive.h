// Owns the CD drive: packet commands over ATA.
#pragma once

#include <array>

#include "devices/block/block_device.h"
#include "devices/ide/ide_drive.h"

namespace ringside {

// The block is the disc, in sectors of 2048 bytes: one track of data. The tray opens and closes, the disc
// stays in it. Sources: ATA/ATAPI-6, "Packet command feature set"; MMC-3.
class AtapiDrive final : public IdeDrive {
 public:
  AtapiDrive(Clock& clock, unsigned place, BlockDevice& block);

  void move_data(BusMaster& by) override;

 private:
  static constexpr u64 access_time = 100 * microsecond, sector_time = 30 * microsecond,
                       plain_time = 10 * microsecond;
  static constexpr u64 disc_sector = 2048, packet_bytes = 12;
  static constexpr u64 most_at_once = 16;  // sectors

  struct Sense {
    u8 key = 0, code = 0, qualifier = 0;
  };

  void begin(u8 command) override;
  void go_on() override;
  void data_moved() override;
  void drive_reset(bool hard) override;
  void drive_fields(Fields& visit) override;
  bool packet_device() const override { return true; }

  u64 disc_sectors() const { return block_.sectors() * sector_bytes / disc_sector; }
  bool by_bus_master() const { return dma_; }
  void identify();
  void set_features();
  void packet();
  void run_packet();
  void check(Sense sense);  // ends the packet with CHECK CONDITION
  void done();              // ends it well
  // The answer, as much of it as the host has room for.
  void answer(std::vector<u8> bytes, u64 room);
  void start_read(u64 first, u64 count);
  void read_on();
  void offer_piece();

  // The packet commands; each ends by one of the functions above.
  using Command = void (AtapiDrive::*)();
  struct Row;
  static const Row rows[];
  static const Row* row_of(u8 opcode);
  void test_unit_ready() { done(); }
  void request_sense();
  void inquiry();
  void start_stop();
  void prevent_removal();
  void read_capacity();
  void read_10();
  void read_12();
  void read_cd();
  void seek();
  void read_toc();
  void get_configuration();
  void get_event_status();
  void read_disc_information();
  void mode_sense_6();
  void mode_sense_10();
  void mechanism_status();
  void accept() { done(); }
  std::vector<u8> mode_pages(u8 page) const;

  u64 number(unsigned at, unsigned bytes) const;  // of the packet, the highest byte first

  BlockDevice& block_;
  unsigned place_;
  u8 command_ = 0;
  bool dma_ = false;
  u16 limit_ = 0;  // bytes that the host takes at once
  std::array<u8, packet_bytes> packet_{};
  bool packet_runs_ = false;
  u64 offered_ = 0;            // of data(): how much the host has had
  u64 sector_ = 0, left_ = 0;  // of the disc: what is to be read yet
  Sense sense_;
  bool tray_open_ = false, locked_ = false, changed_ = false;
  u16 multiword_mode_ = 0, ultra_mode_ = 0;
};

}  // namespace ringside
