// Owns the small window through which a chip with several register ranges sits in the memory space.
#pragma once

#include "cpu/arch/seams.h"

namespace ringside {

// One range of a chip that has several: forwards single bytes, lowest first, to two members of the chip.
template <class Chip>
class MmioWindow final : public MmioDevice {
 public:
  using Read = u8 (Chip::*)(u32 offset);
  using Write = void (Chip::*)(u32 offset, u8 value);

  MmioWindow(Chip& chip, Read read, Write write) : chip_(chip), read_(read), write_(write) {}
  u64 mmio_read(u64 offset, unsigned size) override {
    u64 value = 0;
    for (unsigned n = 0; n < size; ++n) value |= u64{(chip_.*read_)(static_cast<u32>(offset + n))} << (8 * n);
    return value;
  }
  void mmio_write(u64 offset, unsigned size, u64 value) override {
    for (unsigned n = 0; n < size; ++n)
      (chip_.*write_)(static_cast<u32>(offset + n), static_cast<u8>(value >> (8 * n)));
  }

 private:
  Chip& chip_;
  Read read_;
  Write write_;
};

}  // namespace ringside
