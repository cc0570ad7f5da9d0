// Owns accesses to the physical address space: by pointer, by value, in bulk, and the code lines they meet.
#include "mmu/physical_memory.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "mmu/physical_map.h"

namespace ringside {

namespace {

constexpr u64 address_space = bit(52);

u64 low_bytes(u64 value, unsigned size) { return size >= 8 ? value : value & (bit(size * 8) - 1); }

u64 left_in_page(HostPhys address) { return page_bytes - address.page_offset(); }

u32 code_lines_at(const MapSegment& segment, u64 address) {
  return segment.backing == nullptr ? 0 : segment.backing->code_lines(segment.index(address));
}

}  // namespace

PhysicalMemory::PhysicalMemory() : impl_(std::make_unique<Impl>()) {}
PhysicalMemory::~PhysicalMemory() = default;

void PhysicalMemory::map_moved() {
  ++map_generation_;
  window_ = {};
  for (MapListener* listener : impl_->listeners) listener->map_changed();
}

void PhysicalMemory::add_listener(MapListener& listener) { impl_->listeners.push_back(&listener); }
void PhysicalMemory::remove_listener(MapListener& listener) { std::erase(impl_->listeners, &listener); }

bool PhysicalMemory::add_ram(HostPhys base, u64 bytes, std::string name) {
  if (base.value >= address_space || bytes > address_space - base.value) return false;
  if (!impl_->add_ram(base, bytes, std::move(name))) return false;
  map_moved();
  return true;
}

bool PhysicalMemory::Impl::add_ram(HostPhys base, u64 bytes, std::string name) {
  if (bytes == 0 || base.page_offset() != 0 || bytes % page_bytes != 0) return false;
  const u64 last = base.value + bytes - 1;
  for (const Layer& layer : layers) {
    if (layer.kind == Region::Kind::ram && layer.first <= last && base.value <= layer.last) return false;
  }
  auto backing = std::make_shared<Backing>(base, bytes / page_bytes, true, ram_pages);
  if (!backing->good()) return false;
  ram_pages += backing->pages;
  for (auto& mark : marks) {
    if (mark) mark->bits.resize((ram_pages + 63) / 64);
  }
  layers.push_back({base.value, last, Region::Kind::ram, std::move(name), std::move(backing)});
  rebuild();
  return true;
}

void PhysicalMemory::add_rom(HostPhys base, const std::vector<u8>& bytes, std::string name) {
  if (bytes.empty()) return;
  const HostPhys start = base.page();
  const u64 pages = (base.page_offset() + bytes.size() + page_bytes - 1) / page_bytes;
  auto backing = std::make_shared<Backing>(start, pages, false, 0);
  if (!backing->good()) return;
  std::memcpy(backing->bytes.data() + base.page_offset(), bytes.data(), bytes.size());
  const u64 last = start.value + pages * page_bytes - 1;
  impl_->layers.push_back({start.value, last, Region::Kind::rom, std::move(name), std::move(backing)});
  impl_->rebuild();
  map_moved();
}

void PhysicalMemory::add_mmio(HostPhys base, u64 bytes, MmioDevice& device, std::string name) {
  if (bytes == 0) return;
  // A guest may program a BAR so that it runs over the top of the address space: what is beyond is not seen.
  const u64 last = bytes - 1 > ~u64{0} - base.value ? ~u64{0} : base.value + bytes - 1;
  impl_->layers.push_back({base.value, last, Region::Kind::mmio, std::move(name), nullptr, &device});
  impl_->rebuild();
  map_moved();
}

void PhysicalMemory::remove_mmio(MmioDevice& device) {
  if (std::erase_if(impl_->layers, [&](const Layer& l) { return l.device == &device; }) == 0) return;
  impl_->rebuild();
  map_moved();
}

void PhysicalMemory::set_shadow(HostPhys base, u64 bytes, bool read_ram, bool write_ram) {
  const SharedStretch wanted{base.value, base.value + bytes - 1, read_ram, write_ram};
  const auto known = std::find_if(impl_->shadows.begin(), impl_->shadows.end(),
                                  [&](const SharedStretch& s) { return s.first == wanted.first; });
  if (known == impl_->shadows.end()) {
    impl_->shadows.push_back(wanted);
  } else if (known->read_ram == read_ram && known->write_ram == write_ram) {
    return;
  } else {
    *known = wanted;
  }
  impl_->rebuild();
  map_moved();
}

void PhysicalMemory::set_a20(bool open) {
  a20_line_ = open;
  apply_a20();
}

void PhysicalMemory::block_a20m(bool blocked) {
  a20m_blockers_ += blocked ? 1u : ~0u;
  apply_a20();
}

void PhysicalMemory::apply_a20() {
  const bool open = a20_line_ || a20m_blockers_ != 0;
  if (open == a20_) return;
  a20_ = open;
  map_moved();
}

bool PhysicalMemory::page(HostPhys address, Page& result) {
  const u64 at = gated(address).page().value;
  const MapSegment& segment = impl_->find(at);
  if (segment.backing == nullptr || !segment.covers(at, page_bytes)) return false;
  const Backing& backing = *segment.backing;
  const u64 index = segment.index(at);
  result.bytes = segment.bytes + (at - segment.first);
  result.ram = segment.writable();
  result.code_lines = &backing.code_lines(index);
  result.has_code = *result.code_lines != 0;
  result.marked = Backing::has(backing.marked, index);
  result.number = backing.first_number + index;
  return true;
}

u64 PhysicalMemory::ram_pages() const { return impl_->ram_pages; }

u8* PhysicalMemory::pointer(HostPhys address, bool write) {
  address = gated(address);
  const u64 at = address.page().value;
  const MapSegment& segment = impl_->find(at);
  if (segment.backing == nullptr || !segment.covers(at, page_bytes)) return nullptr;
  if (write) {
    if (!segment.writable()) return nullptr;
    impl_->mark_written(*segment.backing, segment.index(at));
  }
  return segment.bytes + (address.value - segment.first);
}

u64 PhysicalMemory::read(HostPhys address, unsigned size) {
  const u64 at = gated(address).value;
  if (size == 0 || size > 8) return 0;
  const MapSegment& segment = impl_->find(at);
  if (segment.covers(at, size)) {
    if (segment.backing != nullptr) {
      u64 value = 0;
      std::memcpy(&value, segment.bytes + (at - segment.first), size);
      // Only stretches of whole pages, so that an aligned word that starts inside lies inside.
      const u64 bytes = segment.last - segment.first + 1;
      if (((segment.first | bytes) & 0xfff) == 0) window_ = {segment.first, bytes, segment.bytes};
      return value;
    }
    if (segment.device == nullptr) return low_bytes(~u64{0}, size);
    if (std::has_single_bit(size)) {
      return low_bytes(segment.device->mmio_read(at - segment.first + segment.device_offset, size), size);
    }
  }
  // Part of the access lies elsewhere, or no device knows its size: byte by byte.
  if (size == 1) return 0xff;
  u64 value = 0;
  for (unsigned i = 0; i < size; ++i) value |= read(HostPhys(at + i), 1) << (8 * i);
  return value;
}

void PhysicalMemory::write(HostPhys address, unsigned size, u64 value) {
  const HostPhys place = gated(address);
  const u64 at = place.value;
  if (size == 0 || size > 8) return;
  const MapSegment& segment = impl_->find(at);
  const bool one_piece = segment.covers(at, size) && left_in_page(place) >= size;
  if (one_piece && segment.device != nullptr) {
    if (std::has_single_bit(size)) {
      segment.device->mmio_write(at - segment.first + segment.device_offset, size, low_bytes(value, size));
      return;
    }
  } else if (one_piece) {
    if (segment.target == nullptr) return;
    Backing& backing = *segment.target;
    const u64 index = segment.target_index(at);
    if (backing.code_lines(index) & line_mask(place.page_offset(), size)) [[unlikely]] {
      if (watcher_ != nullptr) watcher_->code_written(place, size);
    }
    impl_->mark_written(backing, index);
    std::memcpy(segment.target_bytes + (at - segment.first), &value, size);
    return;
  }
  if (size == 1) return;
  for (unsigned i = 0; i < size; ++i) write(HostPhys(at + i), 1, value >> (8 * i) & 0xff);
}

bool PhysicalMemory::is_mmio(HostPhys address) const {
  return impl_->find(gated(address).value).device != nullptr;
}

void PhysicalMemory::read_block(HostPhys address, void* out, u64 bytes) {
  for (u8* to = static_cast<u8*>(out); bytes != 0;) {
    const HostPhys place = gated(address);
    const MapSegment& segment = impl_->find(place.value);
    u64 chunk = std::min(bytes, left_in_page(place));
    if (segment.last - place.value < chunk - 1) chunk = segment.last - place.value + 1;
    if (segment.backing != nullptr) {
      std::memcpy(to, segment.bytes + (place.value - segment.first), chunk);
    } else {
      std::memset(to, 0xff, chunk);
    }
    to += chunk;
    address = address + chunk;
    bytes -= chunk;
  }
}

void PhysicalMemory::write_block(HostPhys address, const void* in, u64 bytes) {
  for (const u8* from = static_cast<const u8*>(in); bytes != 0;) {
    const HostPhys place = gated(address);
    const MapSegment& segment = impl_->find(place.value);
    u64 chunk = std::min(bytes, left_in_page(place));
    if (segment.last - place.value < chunk - 1) chunk = segment.last - place.value + 1;
    if (segment.target != nullptr) {
      Backing& backing = *segment.target;
      const u64 index = segment.target_index(place.value);
      if ((backing.code_lines(index) & line_mask(place.page_offset(), chunk)) != 0 && watcher_ != nullptr) {
        watcher_->code_written(place, chunk);
      }
      impl_->mark_written(backing, index);
      std::memcpy(segment.target_bytes + (place.value - segment.first), from, chunk);
    }
    from += chunk;
    address = address + chunk;
    bytes -= chunk;
  }
}

void PhysicalMemory::mark_code(HostPhys address, u64 bytes) {
  while (bytes != 0) {
    const HostPhys place = gated(address);
    const u64 chunk = std::min(bytes, left_in_page(place));
    const MapSegment& segment = impl_->find(place.value);
    if (segment.backing != nullptr) {
      segment.backing->code_lines(segment.index(place.value)) |= line_mask(place.page_offset(), chunk);
    }
    address = address + chunk;
    bytes -= chunk;
  }
}

void PhysicalMemory::unmark_code_page(HostPhys page) {
  const u64 at = gated(page).value;
  const MapSegment& segment = impl_->find(at);
  if (segment.backing != nullptr) segment.backing->code_lines(segment.index(at)) = 0;
}

bool PhysicalMemory::page_has_code(HostPhys address) const {
  const u64 at = gated(address).value;
  return code_lines_at(impl_->find(at), at) != 0;
}

bool PhysicalMemory::lines_have_code(HostPhys address, u64 bytes) const {
  const HostPhys place = gated(address);
  if (bytes == 0) return false;
  const u64 inside = std::min(bytes, left_in_page(place));
  return (code_lines_at(impl_->find(place.value), place.value) & line_mask(place.page_offset(), inside)) != 0;
}

std::vector<PhysicalMemory::Region> PhysicalMemory::regions() const {
  std::vector<Region> out;
  for (const Layer& layer : impl_->layers) {
    if (layer.first >= address_space) continue;  // of a device: its window is seen
    const auto place = std::upper_bound(out.begin(), out.end(), layer.first,
                                        [](u64 first, const Region& r) { return first < r.base.value; });
    out.insert(place, {HostPhys(layer.first), layer.last - layer.first + 1, layer.kind, layer.name});
  }
  return out;
}

}  // namespace ringside
