// Owns the device by which test suites raise interrupt lines and exercise port and memory-mapped I/O.
#pragma once

#include <array>
#include <vector>

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"
#include "devices/port_window.h"

namespace ringside {

// QEMU's pc-testdev as kvm-unit-tests uses it. The page-flush port drops a page from what QEMU has cached;
// nothing here could go stale, so it takes the write and does nothing.
class PcTestdev final : public Device, public MmioDevice {
 public:
  static constexpr PortSpan irq_ports{0x2000, 24};
  static constexpr PortSpan scratch_ports{0xe0, 4, PortSpan::Width::any};
  static constexpr PortSpan flush_ports{0xe4, 4, PortSpan::Width::any};
  static constexpr HostPhys io_ram_base{0xff000000};
  static constexpr u64 io_ram_bytes = 0x10000;
  static constexpr unsigned irq_lines = 24;

  // lines[n]: input n of the I/O APIC (and of the PICs, below 16); null: no such line.
  explicit PcTestdev(std::array<IrqLine*, irq_lines> lines);

  u64 mmio_read(u64 offset, unsigned size) override;
  void mmio_write(u64 offset, unsigned size, u64 value) override;

  Description describe() const override {
    return {"test device", "the conformance suite's test device", "pc-testdev"};
  }
  void places(Places& at) override;
  void reset(ResetKind kind) override;
  void fields(Fields& fields) override;

 private:
  u32 read_irq(u16 offset, unsigned size);
  void write_irq(u16 offset, unsigned size, u32 value);
  u32 read_scratch(u16 offset, unsigned size);
  void write_scratch(u16 offset, unsigned size, u32 value);
  u32 read_flush(u16, unsigned) { return 0; }
  void write_flush(u16, unsigned, u32) {}

  std::array<IrqLine*, irq_lines> lines_;
  u32 levels_ = 0;
  u32 scratch_ = 0;
  std::vector<u8> io_ram_;
  PortWindow<PcTestdev> irq_window_, scratch_window_, flush_window_;
};

}  // namespace ringside
