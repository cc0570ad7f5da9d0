// Owns the making of the flat physical map from its layers, and host memory.
#include "mmu/physical_map.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace ringside {

HostPages::HostPages(u64 bytes) {
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return;
#ifdef MADV_HUGEPAGE
  madvise(at, bytes, MADV_HUGEPAGE);  // a guest that reads far and wide misses the host's TLB as well
#endif
  data_ = static_cast<u8*>(at);
  bytes_ = bytes;
}

HostPages::~HostPages() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

void HostPages::zero() {
  // Only what was touched is given back, where the host can do that.
  if (madvise(data_, bytes_, MADV_DONTNEED) != 0) std::memset(data_, 0, bytes_);
}

HostPages::HostPages(HostPages&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Backing::Backing(HostPhys at, u64 page_count, bool is_ram, u64 number)
    : base(at),
      pages(page_count),
      ram(is_ram),
      first_number(number),
      bytes(page_count * page_bytes),
      lines(page_count * sizeof(u32)),
      written((page_count + 63) / 64 * sizeof(u64)),
      marked((page_count + 63) / 64 * sizeof(u64)) {}

const MapSegment& PhysicalMemory::Impl::search(u64 address) {
  const auto after = std::upper_bound(map.begin(), map.end(), address,
                                      [](u64 a, const MapSegment& s) { return a < s.first; });
  last_hit = static_cast<std::size_t>(after - map.begin()) - 1;
  return map[last_hit];
}

MapSegment PhysicalMemory::Impl::segment_of(u64 first, u64 last) const {
  const Layer *top = nullptr, *ram = nullptr, *above_ram = nullptr;
  for (const Layer& layer : layers) {
    if (layer.first > first || last > layer.last) continue;
    // Windows move, and lie below all registers whatever came first: a restored map is the saved one.
    if (layer.kind == Region::Kind::window && top != nullptr && top->device != nullptr) continue;
    top = &layer;
    (layer.kind == Region::Kind::ram ? ram : above_ram) = &layer;
  }
  const Layer* read = top;
  const bool to_ram = top != nullptr && (top == ram || top->kind == Region::Kind::window);
  const Layer* write = to_ram ? top : nullptr;
  for (const SharedStretch& shadow : shadows) {
    if (shadow.first > first || last > shadow.last) continue;
    read = shadow.read_ram ? ram : above_ram;
    write = shadow.write_ram ? ram : nullptr;
  }
  MapSegment segment{first, last};
  if (read != nullptr) {
    segment.backing = read->backing.get();
    segment.device = read->device;
    if (segment.device != nullptr) segment.device_offset = first - read->first;
    if (segment.backing != nullptr) segment.bytes = segment.backing->bytes.data() + (first - read->first);
  }
  if (write != nullptr) {
    segment.target = write->backing.get();
    segment.target_bytes = segment.target->bytes.data() + (first - write->first);
  }
  return segment;
}

void PhysicalMemory::Impl::rebuild() {
  std::vector<u64> starts{0};
  const auto borders = [&](u64 first, u64 last) {
    starts.push_back(first);
    if (last != ~u64{0}) starts.push_back(last + 1);
  };
  for (const Layer& layer : layers) borders(layer.first, layer.last);
  for (const SharedStretch& shadow : shadows) borders(shadow.first, shadow.last);
  std::sort(starts.begin(), starts.end());
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());

  map.clear();
  last_hit = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const MapSegment next = segment_of(starts[i], i + 1 < starts.size() ? starts[i + 1] - 1 : ~u64{0});
    if (!map.empty() && map.back().goes_on_in(next)) {
      map.back().last = next.last;
    } else {
      map.push_back(next);
    }
  }
}

}  // namespace ringside
