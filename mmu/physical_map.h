// Owns the private parts of physical memory: host pages, what was added, and the flat map that is seen.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "mmu/physical_memory.h"

namespace ringside {

// Zeroed host memory that costs nothing until it is touched.
class HostPages {
 public:
  HostPages() = default;
  explicit HostPages(u64 bytes);
  ~HostPages();
  HostPages(HostPages&& other) noexcept;
  HostPages& operator=(HostPages&&) = delete;
  bool good() const { return data_ != nullptr; }
  void zero();  // as new
  u8* data() const { return data_; }

 private:
  u8* data_ = nullptr;
  u64 bytes_ = 0;
};

// One mark: the pages of RAM that were written since it was made or cleared, by their dense numbers.
struct WrittenMark {
  std::vector<u64> bits;
  std::vector<u64> pages;  // those with their bit set, in the order of their first writes
  PhysicalMemory::BeforeWrite before_write;
};

// The bytes of one RAM or ROM region, with bits and a word of code lines for each page.
struct Backing {
  HostPhys base;  // of a page
  u64 pages;
  bool ram;
  u64 first_number;  // of its pages among all RAM pages
  HostPages bytes, lines;
  HostPages written;  // a bit a page: ever
  HostPages marked;   // a bit a page: it was written and has every mark

  Backing(HostPhys at, u64 page_count, bool is_ram, u64 number);
  bool good() const { return bytes.good() && written.good() && marked.good() && lines.good(); }
  u64 index(u64 own) const { return (own - base.value) / page_bytes; }
  u8* page(u64 index) const { return bytes.data() + index * page_bytes; }
  u32& code_lines(u64 page) const { return reinterpret_cast<u32*>(lines.data())[page]; }
  static u64* words(const HostPages& bits) { return reinterpret_cast<u64*>(bits.data()); }
  static bool has(const HostPages& bits, u64 page) { return words(bits)[page / 64] >> (page % 64) & 1; }
};

// A region as it was added; later ones lie above earlier ones.
struct Layer {
  u64 first, last;  // addresses, both included
  PhysicalMemory::Region::Kind kind;
  std::string name;
  std::shared_ptr<Backing> backing;  // RAM and ROM; of a window the RAM that is seen there
  MmioDevice* device = nullptr;
};

// A piece of the address space that one layer (or none) shows.
struct MapSegment {
  u64 first = 0, last = ~u64{0};
  Backing* backing = nullptr;    // RAM or ROM that is read
  MmioDevice* device = nullptr;  // neither: a hole
  u64 device_offset = 0;         // of `first`
  u8* bytes = nullptr;           // host address of `first`
  Backing* target = nullptr;     // RAM that takes the writes: `backing` itself, but for shadows
  u8* target_bytes = nullptr;    // host address of `first` there

  bool writable() const { return target != nullptr && target == backing; }
  // The page of `backing`, or of `target`, that is seen at an address here.
  u64 index(u64 address) const { return page_of(*backing, bytes, address); }
  u64 target_index(u64 address) const { return page_of(*target, target_bytes, address); }
  // `next` shows the same things' next bytes.
  bool goes_on_in(const MapSegment& next) const {
    const u64 bytes_here = next.first - first;
    return backing == next.backing && device == next.device && target == next.target &&
           (backing == nullptr || bytes + bytes_here == next.bytes) &&
           (device == nullptr || device_offset + bytes_here == next.device_offset);
  }
  bool covers(u64 address, u64 size) const { return address >= first && last - address >= size - 1; }

 private:
  u64 page_of(const Backing& of, const u8* start, u64 address) const {
    return (static_cast<u64>(start - of.bytes.data()) + (address - first)) / page_bytes;
  }
};

// A stretch in which RAM and what lies above it share the accesses.
struct SharedStretch {
  u64 first, last;
  bool read_ram, write_ram;
};

struct PhysicalMemory::Impl {
  std::vector<Layer> layers;
  std::vector<SharedStretch> shadows;
  std::vector<MapSegment> map{MapSegment{}};  // tiles the whole of 2^64, in address order
  std::size_t last_hit = 0;
  u64 ram_pages = 0;
  std::vector<MapListener*> listeners;
  std::vector<std::unique_ptr<WrittenMark>> marks;  // by their numbers; nullptr: free

  const MapSegment& find(u64 address) {
    const MapSegment& recent = map[last_hit];
    if (address - recent.first <= recent.last - recent.first) [[likely]]
      return recent;
    return search(address);
  }
  const MapSegment& search(u64 address);
  void rebuild();
  bool add_ram(HostPhys base, u64 bytes, std::string name);

  // The page is about to be written.
  void mark_written(Backing& backing, u64 index) {
    if (!Backing::has(backing.marked, index)) [[unlikely]]
      mark_first_write(backing, index);
  }
  void mark_first_write(Backing& backing, u64 index);
  // Where CPUs see a page of RAM that has this address of its own.
  HostPhys seen_at(HostPhys own) const;
  // RAM by its own address, and by its dense number; nullptr: there is none.
  Backing* ram_at(u64 address) const;
  Backing* ram_of(u64 number) const;

 private:
  // What is seen of first..last, which no layer's and no shadow's border divides.
  MapSegment segment_of(u64 first, u64 last) const;
};

}  // namespace ringside
