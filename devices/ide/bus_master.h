// Owns one channel's half of the bus master: its registers, and the walk through the list of memory regions.
// Source: Programming Interface for Bus Master IDE Controller, revision 1.0.
#pragma once

#include <span>

#include "cpu/arch/fields.h"
#include "devices/dma_memory.h"

namespace ringside {

class BusMaster {
 public:
  static constexpr u16 ports = 8;

  explicit BusMaster(DmaMemory& memory) : memory_(memory) {}

  u8 read(u16 offset) const;
  void write(u16 offset, u8 value);
  void reset();
  void fields(Fields& visit);

  // Software has started it, and neither the list's end nor an error has stopped it.
  bool active() const { return (status_ & active_bit) != 0; }
  bool failed() const { return (status_ & error_bit) != 0; }
  // What the drive gives goes to the regions of the list, and the other way round. False: the list ended
  // before, leads out of memory, or is meant for the other direction; what fitted was moved, and it is no
  // longer active.
  bool to_memory(std::span<const u8> bytes);
  bool from_memory(std::span<u8> bytes);
  // The drive has no more to move. It stays active where the list goes on, as software may want to know.
  void drive_done();
  void drive_interrupts() { status_ |= interrupt_bit; }

 private:
  static constexpr u8 start_bit = 0x01, write_memory_bit = 0x08;
  static constexpr u8 active_bit = 0x01, error_bit = 0x02, interrupt_bit = 0x04, drives_bits = 0x60;

  template <class Move>
  bool move(std::size_t bytes, bool to_memory, Move move);
  bool next_region();
  void stop(bool error);

  DmaMemory& memory_;
  u8 command_ = 0, status_ = 0;
  u32 table_ = 0;
  // The rest of the region that is being filled, and where the next one's descriptor is.
  u32 descriptor_ = 0, address_ = 0, left_ = 0;
  bool last_ = false;
};

}  // namespace ringside
