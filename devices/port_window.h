// Owns the small window through which a chip with several separate port ranges sits on the I/O bus.
#pragma once

#include "devices/bus/device.h"

namespace ringside {

// One range of a chip that has several: forwards to two members of the chip. Holds no state.
template <class Chip>
class PortWindow final : public PortDevice {
 public:
  using Read = u32 (Chip::*)(u16 offset, unsigned size);
  using Write = void (Chip::*)(u16 offset, unsigned size, u32 value);

  PortWindow(Chip& chip, Read read, Write write) : chip_(chip), read_(read), write_(write) {}
  u32 io_read(u16 offset, unsigned size) override { return (chip_.*read_)(offset, size); }
  void io_write(u16 offset, unsigned size, u32 value) override { (chip_.*write_)(offset, size, value); }

 private:
  Chip& chip_;
  Read read_;
  Write write_;
};

}  // namespace ringside
