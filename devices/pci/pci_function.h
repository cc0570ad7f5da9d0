// Owns a PCI function's configuration space: its registers as bytes with write masks, its base addresses, its
// interrupt pin. Devices derive from it.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"
#include "devices/bus/device.h"
#include "devices/dma_memory.h"

namespace ringside {

// Source: PCI Local Bus Specification 3.0, "Configuration Space". The command register's place, and its bits.
struct PciCommand {
  static constexpr u8 offset = 0x04;
  static constexpr u16 decode_io = 1, decode_memory = 2, bus_master = 4, interrupt_disable = 0x0400;
};

class PciFunction : public Device {
 public:
  struct Identity {
    u16 vendor, device;
    u8 revision;
    u32 class_code;        // base class, sub-class, interface: 0x060000 is a host bridge
    u8 interrupt_pin = 0;  // 0: none; 1..4: INTA#..INTD#
    u16 subsystem_vendor = 0, subsystem = 0;
  };
  enum class BarKind : u8 { none, io, memory32, memory64, rom };

  // `name` is for dumps.
  PciFunction(std::string name, Identity identity);
  PciFunction(const PciFunction&) = delete;
  PciFunction& operator=(const PciFunction&) = delete;

  // size 1, 2 or 4; an access that leaves the space, or crosses a 32-bit register, is the caller's to split.
  u32 config_read(u8 offset, unsigned size) const;
  void config_write(u8 offset, unsigned size, u32 value);

  const std::string& name() const { return name_; }
  u8 interrupt_pin() const { return config_[0x3d]; }
  // What the pin shows: the request, unless the command register or MSI switches it off.
  bool interrupt() const;
  // For the bus: called when the pin changes.
  void connect(IrqLine* pin) { pin_ = pin; }
  void set_multifunction() { config_[0x0e] |= 0x80, initial_[0x0e] |= 0x80; }

  void reset(ResetKind kind) final;
  void fields(Fields& fields) override;
  void restored() override;

 protected:
  // A register of the device: its value after reset, which bits can be written, which are cleared by writing
  // ones.
  void define(u8 offset, unsigned size, u32 value, u32 writable, u32 clears = 0);
  // `size` is a power of two, at least 4 (I/O) or 16 (memory); a 64-bit one takes index + 1 as well.
  void define_bar(unsigned index, BarKind kind, u64 size, bool prefetchable = false);
  // The expansion ROM's base address: decoded while its own enable bit is set as well. Told as rom_bar.
  static constexpr unsigned rom_bar = 6;
  void define_rom(u64 size);
  u8 config(u8 offset) const { return config_[offset]; }
  // Where a base address is decoded now; nullopt: nowhere.
  std::optional<u64> bar_address(unsigned index) const {
    return bars_[index].decoded ? std::optional(bars_[index].address) : std::nullopt;
  }

  // After a write to (or a reset or restore of) the registers first..last.
  virtual void config_written(u8 /*first*/, u8 /*last*/) {}
  // A base address is now decoded at `address`, or no longer (then `address` is the old one).
  virtual void bar_mapped(unsigned /*index*/, bool /*decoded*/, u64 /*address*/) {}
  virtual void device_reset() {}

  void set_interrupt(bool level);

  // The capability of message-signalled interrupts at `offset` (a multiple of 4): one message, 64-bit
  // address.
  void define_msi(u8 offset);
  // While software has switched it on, the pin is silent and the device sends its message.
  bool msi_enabled() const { return msi_ != 0 && (config_[msi_ + 2u] & 1) != 0; }
  // The write that is the interrupt. False: it is switched off, or nobody took it.
  bool send_msi(DmaMemory& memory) const;

 private:
  struct Bar {
    BarKind kind = BarKind::none;
    u64 size = 0;
    bool decoded = false;  // as told to the device
    u64 address = 0;
  };

  u64 bar_value(unsigned index) const;
  void update_bars();
  void update_pin();

  std::string name_;
  std::array<u8, 256> config_{}, initial_{}, writable_{}, clears_{};
  std::array<Bar, 7> bars_;  // the last is the ROM's
  IrqLine* pin_ = nullptr;
  bool request_ = false;
  u8 msi_ = 0;  // the capability's offset; 0: none
};

}  // namespace ringside
