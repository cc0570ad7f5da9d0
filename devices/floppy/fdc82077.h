// Owns the floppy disk controller.
#pragma once

#include <array>

#include "devices/dma/isa_dma.h"
#include "devices/floppy/floppy_kinds.h"
#include "devices/port_window.h"

namespace ringside {

// Disks are write-protected, and data go by DMA only. It is quicker than a real one, whose disks turn five
// times a second. Data sheet: Intel 82077AA CHMOS Single-Chip Floppy Disk Controller.
class Fdc82077 final : public Device {
 public:
  static constexpr PortSpan ports{0x3f0, 6}, input_ports{0x3f7, 1};
  static constexpr unsigned irq = 6, dma_channel = 2, drives = 2;

  // A drive without a disk: nullptr; disks are of some FloppyKind's size at most.
  Fdc82077(Clock& clock, IrqLine& line, IsaDma& dma, std::array<BlockDevice*, drives> disks);

  // For CMOS register 10H: the drives' kinds, the first one's above.
  u8 cmos_kinds() const;

  Description describe() const override { return {"82077AA", "with a floppy drive (-fda): the controller"}; }
  void places(Places& at) override;
  void reset(ResetKind kind) override;
  void fields(Fields& visit) override;
  void restored() override;

 private:
  static constexpr u64 microsecond = 1000, seek_time = 1000 * microsecond, sector_time = 100 * microsecond;
  enum class Phase : u8 { command, execution, result };
  struct Command;
  static const Command commands[];
  static const Command& command_of(u8 opcode);

  u32 read_port(u16 offset, unsigned size);
  void write_port(u16 offset, unsigned size, u32 value);
  u32 read_input(u16 offset, unsigned size);
  void write_rate(u16, unsigned, u32) {}
  void write_output(u8 value);
  u8 main_status() const;
  u8 read_fifo();
  void write_fifo(u8 value);

  // The commands; each ends in a result, at once or after some time, or in nothing.
  void specify() { finish_quietly(); }
  void sense_drive();
  void seek();
  void sense_interrupt();
  void dump();
  void version();
  void configure() { finish_quietly(); }
  void lock();
  void start_media();
  void refuse_write();
  void invalid();

  void expired();
  void read_id();
  void read_data();
  void result(std::initializer_list<u8> bytes);
  void media_result(u8 st0, u8 st1, u8 st2, u8 sector);
  void finish_quietly();
  void interrupt(bool level);
  void controller_reset();
  void busy(u64 nanoseconds);

  unsigned drive() const { return in_[1] & 3; }
  u8 head() const { return in_[1] >> 2 & 1; }
  BlockDevice* disk(unsigned drive) const { return drive < drives ? disks_[drive] : nullptr; }
  FloppyKind kind(unsigned drive) const { return *floppy_kind_of(disks_[drive]->sectors()); }

  std::array<BlockDevice*, drives> disks_;
  Clock& clock_;
  IrqLine& line_;
  IsaDma& dma_;
  Timer timer_;
  PortWindow<Fdc82077> port_window_, input_window_;

  Phase phase_ = Phase::command;
  u8 output_ = 0;             // the digital output register
  std::array<u8, 16> in_{};   // the command with its parameters
  std::array<u8, 16> out_{};  // the result
  u8 in_count_ = 0, out_count_ = 0, out_at_ = 0;
  u8 st0_ = 0;  // for SENSE INTERRUPT STATUS
  bool sense_due_ = false, interrupt_ = false, locked_ = false;
  u8 reset_senses_ = 0;  // one a drive, after a reset
  std::array<u8, 4> cylinders_{};
  std::array<bool, drives> changed_{};  // the disk, since heads were moved last
};

}  // namespace ringside
