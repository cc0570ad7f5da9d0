// Owns the I/O bus: which chip answers which port.
#pragma once

#include <string>
#include <vector>

#include "cpu/arch/seams.h"

namespace ringside {

// A chip's side of the bus. `offset` is from the start of the range that it was mapped with; size 1, 2 or 4.
// An access that crosses the end of a range, or a 2- or 4-byte access to a device mapped as byte-wide, is
// split by the bus into byte accesses, lowest first.
class PortDevice {
 public:
  virtual ~PortDevice() = default;
  virtual u32 io_read(u16 offset, unsigned size) = 0;
  virtual void io_write(u16 offset, unsigned size, u32 value) = 0;
};

// A range of ports that a chip answers. Each chip has its own as constants.
struct PortSpan {
  enum class Width : u8 { bytes, any };  // bytes: the chip sees single bytes only
  u16 first;
  u16 count;
  Width width = Width::bytes;
};

class PortBus final : public PortSpace {
 public:
  struct Range {
    u16 first;
    u16 last;
    PortSpan::Width width;
    PortDevice* device;
    std::string name;
  };

  // A later mapping over an earlier one wins.
  void map(PortSpan span, PortDevice& device, std::string name);
  // A range that software has placed by a base address: what map() mapped wins over it, and of two such the
  // one that begins first. One range a device; unmap() takes it away.
  void map_movable(PortSpan span, PortDevice& device, std::string name);
  void unmap(const PortDevice& device);

  u32 port_read(u16 port, unsigned size) override;
  void port_write(u16 port, unsigned size, u32 value) override;

  // In order of mapping; for `info` commands and documents.
  const std::vector<Range>& ranges() const { return ranges_; }
  const std::vector<Range>& movable_ranges() const { return movable_; }

 private:
  const Range* find(u16 port) const;
  std::vector<Range> ranges_, movable_;
};

}  // namespace ringside
