// Owns RAM of devices: where CPUs see it, and what its device writes.
#include <algorithm>
#include <cstring>

#include "mmu/physical_map.h"

namespace ringside {

std::optional<HostPhys> PhysicalMemory::add_device_ram(u64 bytes, std::string name) {
  constexpr u64 first_place = bit(52), spacing = bit(40);
  HostPhys base(first_place);
  for (const Layer& layer : impl_->layers) {
    if (layer.kind == Region::Kind::ram && layer.first >= base.value) base = base + spacing;
  }
  if (bytes > spacing || !impl_->add_ram(base, bytes, std::move(name))) return std::nullopt;
  map_moved();
  return base;
}

void PhysicalMemory::show_ram(HostPhys ram, HostPhys at, std::string name) {
  const auto own = std::find_if(impl_->layers.begin(), impl_->layers.end(), [&](const Layer& l) {
    return l.kind == Region::Kind::ram && l.first == ram.value;
  });
  if (own == impl_->layers.end()) return;
  const std::shared_ptr<Backing> backing = own->backing;
  const u64 bytes = backing->pages * page_bytes;
  // As of a device's registers: what a guest puts beyond the top of the address space is not seen.
  const u64 last = bytes - 1 > ~u64{0} - at.value ? ~u64{0} : at.value + bytes - 1;
  std::erase_if(impl_->layers,
                [&](const Layer& l) { return l.kind == Region::Kind::window && l.backing == backing; });
  impl_->layers.push_back({at.value, last, Region::Kind::window, std::move(name), backing});
  impl_->rebuild();
  map_moved();
}

void PhysicalMemory::hide_ram(HostPhys ram) {
  const auto gone = std::erase_if(impl_->layers, [&](const Layer& l) {
    return l.kind == Region::Kind::window && l.backing->base == ram;
  });
  if (gone == 0) return;
  impl_->rebuild();
  map_moved();
}

HostPhys PhysicalMemory::Impl::seen_at(HostPhys own) const {
  for (const Layer& layer : layers) {
    if (layer.kind != Region::Kind::window) continue;
    const u64 offset = own.value - layer.backing->base.value;
    if (offset <= layer.last - layer.first) return HostPhys(layer.first + offset);
  }
  return own;
}

void PhysicalMemory::write_device_ram(HostPhys ram, const void* in, u64 bytes) {
  Backing* const backing = impl_->ram_at(ram.value);
  if (backing == nullptr || bytes == 0 || ram.page_offset() + bytes > page_bytes) return;
  const u64 index = backing->index(ram.value);
  if ((backing->code_lines(index) & line_mask(ram.page_offset(), bytes)) != 0 && watcher_ != nullptr)
    watcher_->code_written(impl_->seen_at(ram), bytes);
  impl_->mark_written(*backing, index);
  std::memcpy(backing->page(index) + ram.page_offset(), in, bytes);
}

}  // namespace ringside
