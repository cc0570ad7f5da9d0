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

class PortBus final : public PortSpace {
 public:
  enum class Width : u8 { bytes, any };  // bytes: the chip sees single bytes only

  struct Range {
    u16 first;
    u16 last;
    Width width;
    PortDevice* device;
    std::string name;
  };

  // Maps ports first..first+count-1. A later mapping over an earlier one wins.
  void map(u16 first, u16 count, PortDevice& device, std::string name, Width width = Width::bytes);
  void unmap(PortDevice& device);

  u32 port_read(u16 port, unsigned size) override;
  void port_write(u16 port, unsigned size, u32 value) override;

  // In order of mapping; for `info` commands and documents.
  const std::vector<Range>& ranges() const { return ranges_; }

 private:
  const Range* find(u16 port) const;
  std::vector<Range> ranges_;
};

}  // namespace ringside
