// Owns the firmware configuration device: items and files that the machine gives to firmware and test suites.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"
#include "devices/dma_memory.h"
#include "devices/port_window.h"

namespace ringside {

// The machine adds items before the run; the guest can only read them, so that they are configuration and not
// state. Source: "QEMU Firmware Configuration (fw_cfg) Device".
class FwCfg final : public Device {
 public:
  static constexpr PortSpan register_ports{0x510, 2, PortSpan::Width::any};
  static constexpr PortSpan dma_ports{0x514, 8, PortSpan::Width::any};

  enum Key : u16 {
    signature = 0x00,
    id = 0x01,
    uuid = 0x02,
    ram_size = 0x03,
    nographic = 0x04,
    cpu_count = 0x05,
    kernel_address = 0x07,
    kernel_size = 0x08,
    kernel_command_line = 0x09,
    initrd_address = 0x0a,
    initrd_size = 0x0b,
    boot_device = 0x0c,
    numa = 0x0d,
    boot_menu = 0x0e,
    max_cpus = 0x0f,
    kernel_entry = 0x10,
    kernel_data = 0x11,
    initrd_data = 0x12,
    command_line_address = 0x13,
    command_line_size = 0x14,
    command_line_data = 0x15,
    setup_address = 0x16,
    setup_size = 0x17,
    setup_data = 0x18,
    file_directory = 0x19,
    first_file = 0x20,
    acpi_tables = 0x8000,
    smbios_entries = 0x8001,
    irq0_override = 0x8002,
    e820_table = 0x8003,
    hpet = 0x8004
  };
  static constexpr std::size_t longest_file_name = 55;

  explicit FwCfg(DmaMemory& memory);

  // Replaces what the key had. Numbers are little endian; text gets its final zero.
  void set_bytes(u16 key, std::vector<u8> bytes);
  void set_u16(u16 key, u16 value) { set_number(key, value, 2); }
  void set_u32(u16 key, u32 value) { set_number(key, value, 4); }
  void set_u64(u16 key, u64 value) { set_number(key, value, 8); }
  void set_text(u16 key, std::string_view text);
  // The file's key; 0: the name is too long, or taken, or there are too many files.
  u16 add_file(std::string_view name, std::vector<u8> bytes);

  void set_machine(u64 ram_bytes, unsigned cpus, unsigned most_cpus);
  // A Linux kernel split into its real-mode part and the rest, and where firmware is to put them.
  struct Kernel {
    std::vector<u8> setup, kernel, initrd;
    std::string command_line;
    u32 setup_at = 0, kernel_at = 0, initrd_at = 0, command_line_at = 0;
  };
  void set_kernel(Kernel kernel);

  Description describe() const override { return {"fw_cfg", "QEMU's configuration interface"}; }
  void places(Places& at) override;
  void reset(ResetKind kind) override;
  void fields(Fields& fields) override;

 private:
  struct Control {
    enum : u32 { error = 1, read = 2, skip = 4, select = 8, write = 16 };
  };

  void set_number(u16 key, u64 value, unsigned bytes);
  void rebuild_directory();
  void select(u16 key);
  u8 next_byte();
  bool copy_out(HostPhys to, u32 length);
  void transfer(HostPhys descriptor);
  u32 read_register(u16 offset, unsigned size);
  void write_register(u16 offset, unsigned size, u32 value);
  u32 read_dma(u16 offset, unsigned size);
  void write_dma(u16 offset, unsigned size, u32 value);

  DmaMemory& memory_;
  std::map<u16, std::vector<u8>> items_;
  std::vector<std::string> files_;  // by key, from first_file
  u16 selected_ = 0;
  u64 position_ = 0;
  u32 dma_high_ = 0;
  PortWindow<FwCfg> register_window_, dma_window_;
};

}  // namespace ringside
