// Owns the registers of the two DMA controllers of a PC and of their page registers.
#pragma once

#include <array>

#include "cpu/arch/fields.h"
#include "devices/dma/isa_dma.h"
#include "devices/dma_memory.h"
#include "devices/port_window.h"

namespace ringside {

// Devices give data to memory by channels 0 to 3, a byte at a time; nothing takes data from it, and nothing
// is on the second controller. Port 0x80 lies among the page registers and is PostPort's. Data sheet: Intel
// 8237A High Performance Programmable DMA Controller.
class Dma8237 final : public Device, public IsaDma {
 public:
  static constexpr PortSpan first_ports{0x00, 0x10};   // channels 0..3
  static constexpr PortSpan second_ports{0xc0, 0x20};  // channels 4..7, every other port
  static constexpr PortSpan page_ports{0x81, 0x0f};

  // Without memory every channel stands still.
  explicit Dma8237(DmaMemory* memory = nullptr);

  Description describe() const override { return {"8237", "DMA controllers"}; }
  void places(Places& at) override;
  void reset(ResetKind kind) override;
  void fields(Fields& fields) override;
  Moved to_memory(unsigned channel, std::span<const u8> bytes) override;

 private:
  struct Chip {
    std::array<u16, 8> base{}, current{};  // address and count of each channel in turn
    std::array<u8, 4> modes{};
    u8 command = 0, requests = 0, mask = 0x0f;
    u8 reached = 0;  // channels that have had their terminal count since the status was read
    bool high_byte = false;
  };

  static u8 read(Chip& chip, unsigned reg);
  static void write(Chip& chip, unsigned reg, u8 value);
  u32 read_first(u16 offset, unsigned) { return read(chips_[0], offset & 15); }
  u32 read_second(u16 offset, unsigned) { return read(chips_[1], (offset >> 1) & 15); }
  u32 read_page(u16 offset, unsigned) { return pages_[offset % pages_.size()]; }
  void write_first(u16 offset, unsigned, u32 value) { write(chips_[0], offset & 15, static_cast<u8>(value)); }
  void write_second(u16 offset, unsigned, u32 value) {
    write(chips_[1], (offset >> 1) & 15, static_cast<u8>(value));
  }
  void write_page(u16 offset, unsigned, u32 value) {
    pages_[offset % pages_.size()] = static_cast<u8>(value);
  }

  DmaMemory* memory_;
  std::array<Chip, 2> chips_;
  std::array<u8, 15> pages_{};
  PortWindow<Dma8237> first_window_, second_window_, page_window_;
};

}  // namespace ringside
