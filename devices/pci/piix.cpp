// Owns the behaviour of the ISA bridge.
#include "devices/pci/piix.h"

#include <utility>

namespace ringside {

namespace {
constexpr u8 first_route = 0x60, last_route = 0x63;
}  // namespace

Piix3Isa::Piix3Isa(std::array<IrqLine*, 16> lines)
    : PciFunction("piix3_isa", {0x8086, 0x7000, 0x00, 0x060100}), lines_(lines) {
  define(0x04, 2, 0x0007, 0x0008);
  define(0x06, 2, 0x0200, 0, 0xf800);
  define(0x4c, 1, 0x4d, 0x7f);      // ISA I/O recovery
  define(0x4e, 2, 0x0003, 0xffff);  // X-bus chip selects
  define(0x60, 4, 0x80808080, 0x8f8f8f8f);
  define(0x69, 1, 0x02, 0xfe);  // top of memory
  define(0x6a, 2, 0x0000, 0x8091);
  define(0x70, 2, 0x8080, 0xefef);
  define(0x76, 2, 0x0c0c, 0x8f8f);
  define(0x78, 2, 0x0002, 0xffff);
  define(0x82, 1, 0x00, 0x0f);  // deterministic latency; Linux turns passive release on
  define(0xa0, 1, 0x08, 0x1d);
}

void Piix3Isa::update() {
  u16 wanted = 0;
  for (unsigned pirq = 0; pirq < 4; ++pirq) {
    const u8 route = config(static_cast<u8>(first_route + pirq));
    if (!(route & 0x80) && ((pirqs_ >> pirq) & 1)) wanted |= static_cast<u16>(1u << (route & 15));
  }
  wanted &= routable_irqs;
  const u16 changed = wanted ^ driven_;
  driven_ = wanted;
  for (unsigned irq = 0; irq < 16; ++irq) {
    if (((changed >> irq) & 1) && lines_[irq]) lines_[irq]->set(((wanted >> irq) & 1) != 0);
  }
}

void Piix3Isa::set_pirq(unsigned pirq, bool level) {
  const u8 mask = static_cast<u8>(1u << (pirq & 3));
  pirqs_ = level ? pirqs_ | mask : pirqs_ & static_cast<u8>(~mask);
  update();
}

void Piix3Isa::config_written(u8 first, u8 last) {
  if (last >= first_route && first <= last_route) update();
}

void Piix3Isa::fields(Fields& fields) {
  PciFunction::fields(fields);
  fields.group("piix3_routing");
  fields("pirqs", pirqs_);
  fields("driven", driven_);
  fields.end();
}

// --- Power management ---

Piix4Pm::Piix4Pm(AcpiPm& pm, PortBus& ports, Moved moved)
    : PciFunction("piix4_pm", {0x8086, 0x7113, 0x03, 0x068000, 1}),
      pm_(pm),
      ports_(ports),
      moved_(std::move(moved)) {
  define(0x04, 2, 0x0001, 0x0001);
  define(0x06, 2, 0x0280, 0, 0xf900);
  define(0x3c, 1, AcpiPm::sci_irq, 0);
  define(pm_base, 4, 1, 0xffc0);
  // DEVACTB: APMC_EN as firmware leaves it whose SMM handlers are in place. There is no SMM here: SeaBIOS
  // would wait for its own for ever.
  define(0x58, 4, bit(25), 0);
  define(pm_miscellaneous, 1, 0, pm_ports_on);
  define(0x90, 4, 0x00000001, 0);
}

void Piix4Pm::config_written(u8, u8) {
  const u16 base = static_cast<u16>(config(pm_base + 1) << 8 | (config(pm_base) & 0xc0));
  const bool on = (config(pm_miscellaneous) & pm_ports_on) != 0;
  std::optional<u16> first;
  if (base == 0 && !on) first = AcpiPm::base;
  if (base != 0 && on) first = base;
  ports_.unmap(pm_);
  if (first) ports_.map_movable({*first, AcpiPm::port_count, PortSpan::Width::any}, pm_, "acpi pm");
  pm_.placed_at(first);
  if (moved_) moved_(first);
}

}  // namespace ringside
