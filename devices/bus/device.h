// Owns what every device of the board answers to: what it is, where it sits, its resets, its state.
#pragma once

#include <string_view>

#include "cpu/arch/fields.h"
#include "devices/bus/ports.h"

namespace ringside {

class PciFunction;

enum class ResetKind : u8 {
  power_on,  // the supply comes up: as the machine was built
  warm,      // the RESET pin while the power stays: what a battery keeps is kept
};

// Takes down where a device sits: the board maps it there, a list prints it, a test goes through it.
class Places {
 public:
  virtual ~Places() = default;
  virtual void ports(PortSpan, PortDevice&, std::string_view /*name*/) {}
  virtual void memory(HostPhys /*base*/, u64 /*bytes*/, MmioDevice&, std::string_view /*name*/) {}
  // Memory that software can move, so that the device maps it by itself: where it is now.
  virtual void movable(HostPhys /*base*/, u64 /*bytes*/, MmioDevice&, std::string_view /*name*/) {}
  virtual void movable_ports(PortSpan, PortDevice&, std::string_view /*name*/) {}
  virtual void pci(unsigned /*device*/, unsigned /*function*/, PciFunction&) {}
  virtual void irq(unsigned /*isa*/) {}  // an ISA interrupt that it drives; the wire is the board's
};

class Device {
 public:
  struct Description {
    std::string_view name;         // as people know the chip
    std::string_view what;         // in a few words
    std::string_view option = {};  // how -device calls it; empty: it is on every board
  };

  virtual ~Device() = default;
  virtual Description describe() const = 0;
  virtual void places(Places&) {}
  virtual void reset(ResetKind kind) = 0;
  // All that it would go on by. The levels of its outputs are the wires' state, not its own.
  virtual void fields(Fields& visit) = 0;
  // After the fields of all devices and wires were overwritten: to derive again what follows from them. No
  // line may move, for whoever listens was restored, too.
  virtual void restored() {}
};

}  // namespace ringside
