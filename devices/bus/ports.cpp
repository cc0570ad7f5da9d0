// Owns the routing of port accesses to chips.
#include "devices/bus/ports.h"

#include <algorithm>
#include <tuple>

namespace ringside {

void PortBus::map(PortSpan span, PortDevice& device, std::string name) {
  ranges_.push_back(
      {span.first, static_cast<u16>(span.first + span.count - 1), span.width, &device, std::move(name)});
}

void PortBus::map_movable(PortSpan span, PortDevice& device, std::string name) {
  unmap(device);
  movable_.push_back(
      {span.first, static_cast<u16>(span.first + span.count - 1), span.width, &device, std::move(name)});
  // Whatever the order in which they came there: a restored machine has them in that of another past.
  std::sort(movable_.begin(), movable_.end(), [](const Range& a, const Range& b) {
    return std::tie(a.first, a.name) < std::tie(b.first, b.name);
  });
}

void PortBus::unmap(const PortDevice& device) {
  std::erase_if(movable_, [&](const Range& range) { return range.device == &device; });
}

const PortBus::Range* PortBus::find(u16 port) const {
  for (auto range = ranges_.rbegin(); range != ranges_.rend(); ++range) {
    if (port >= range->first && port <= range->last) return &*range;
  }
  for (const Range& range : movable_) {
    if (port >= range.first && port <= range.last) return &range;
  }
  return nullptr;
}

u32 PortBus::port_read(u16 port, unsigned size) {
  const Range* range = find(port);
  const bool whole =
      range && port + size - 1 <= range->last && (size == 1 || range->width == PortSpan::Width::any);
  if (whole) return range->device->io_read(static_cast<u16>(port - range->first), size);
  if (size == 1) return 0xff;
  u32 value = 0;
  for (unsigned i = 0; i < size; ++i) value |= (port_read(static_cast<u16>(port + i), 1) & 0xff) << (8 * i);
  return value;
}

void PortBus::port_write(u16 port, unsigned size, u32 value) {
  const Range* range = find(port);
  const bool whole =
      range && port + size - 1 <= range->last && (size == 1 || range->width == PortSpan::Width::any);
  if (whole) return range->device->io_write(static_cast<u16>(port - range->first), size, value);
  if (size == 1) return;
  for (unsigned i = 0; i < size; ++i) port_write(static_cast<u16>(port + i), 1, (value >> (8 * i)) & 0xff);
}

}  // namespace ringside
