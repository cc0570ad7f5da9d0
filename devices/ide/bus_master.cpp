// Owns the bus master's registers and its list of regions.
#include "devices/ide/bus_master.h"

#include <algorithm>
#include <array>

namespace ringside {

u8 BusMaster::read(u16 offset) const {
  switch (offset) {
    case 0: return command_;
    case 2: return status_;
    case 4:
    case 5:
    case 6:
    case 7: return static_cast<u8>(table_ >> (8 * (offset - 4)));
    default: return 0;
  }
}

void BusMaster::write(u16 offset, u8 value) {
  if (offset == 0) {
    const bool starts = (value & start_bit) && !(command_ & start_bit);
    command_ = value & (start_bit | write_memory_bit);
    if (starts) {
      descriptor_ = table_;
      left_ = 0;
      last_ = false;
      status_ |= active_bit;
    } else if (!(value & start_bit)) {
      status_ &= static_cast<u8>(~active_bit);
    }
  } else if (offset == 2) {
    status_ = static_cast<u8>((status_ & ~drives_bits & ~(value & (error_bit | interrupt_bit))) |
                              (value & drives_bits));
  } else if (offset >= 4) {
    const unsigned shift = 8 * (offset - 4u);
    table_ = (table_ & ~(u32{0xff} << shift)) | u32{value} << shift;
    table_ &= ~u32{3};
  }
}

void BusMaster::reset() {
  command_ = status_ = 0;
  table_ = descriptor_ = address_ = left_ = 0;
  last_ = false;
}

void BusMaster::stop(bool error) {
  status_ &= static_cast<u8>(~active_bit);
  if (error) status_ |= error_bit;
}

bool BusMaster::next_region() {
  constexpr u8 end_of_table = 0x80;
  std::array<u8, 8> entry;
  if (last_ || !memory_.dma_read(HostPhys(descriptor_), entry)) {
    stop(!last_);
    return false;
  }
  descriptor_ += 8;
  address_ = (entry[0] | u32{entry[1]} << 8 | u32{entry[2]} << 16 | u32{entry[3]} << 24) & ~u32{1};
  left_ = (entry[4] | u32{entry[5]} << 8) & ~u32{1};
  if (left_ == 0) left_ = 0x10000;
  last_ = (entry[7] & end_of_table) != 0;
  return true;
}

template <class Move>
bool BusMaster::move(std::size_t bytes, bool to_memory, Move move) {
  if (to_memory != ((command_ & write_memory_bit) != 0)) {
    stop(true);
    return false;
  }
  for (std::size_t done = 0; done < bytes;) {
    if (left_ == 0 && !next_region()) return false;
    const std::size_t piece = std::min<std::size_t>(left_, bytes - done);
    if (!move(HostPhys(address_), done, piece)) {
      stop(true);
      return false;
    }
    address_ += static_cast<u32>(piece);
    left_ -= static_cast<u32>(piece);
    done += piece;
  }
  return true;
}

bool BusMaster::to_memory(std::span<const u8> bytes) {
  return move(bytes.size(), true, [&](HostPhys at, std::size_t done, std::size_t piece) {
    return memory_.dma_write(at, bytes.subspan(done, piece));
  });
}

bool BusMaster::from_memory(std::span<u8> bytes) {
  return move(bytes.size(), false, [&](HostPhys at, std::size_t done, std::size_t piece) {
    return memory_.dma_read(at, bytes.subspan(done, piece));
  });
}

void BusMaster::drive_done() {
  if (last_ && left_ == 0) stop(false);
}

void BusMaster::fields(Fields& visit) {
  visit.group("bus_master");
  visit("command", command_);
  visit("status", status_);
  visit("table", table_);
  visit("descriptor", descriptor_);
  visit("address", address_);
  visit("left", left_);
  visit("last", last_);
  visit.end();
}

}  // namespace ringside
