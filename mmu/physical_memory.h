// Owns the machine's physical address space: sparse RAM, ROM, memory-mapped devices, the A20 gate, and for
// each RAM page whether it was written, since when, and which of its lines hold decoded code.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cpu/arch/seams.h"

namespace ringside {

// Told when the map changed (RAM, ROM, a device, the A20 gate): whoever caches host pointers drops them.
class MapListener {
 public:
  virtual ~MapListener() = default;
  virtual void map_changed() = 0;
  // Pages lost a mark: whoever writes by a host pointer must ask for it again.
  virtual void write_pointers_expired() = 0;
};

// Told before a store lands on a line that holds decoded code.
class CodeWatcher {
 public:
  virtual ~CodeWatcher() = default;
  virtual void code_written(HostPhys address, u64 size) = 0;
};

class PhysicalMemory {
 public:
  static constexpr u64 line_bytes = 128;  // granularity of the code map: 32 lines a page

  // The lines of a page that `bytes` bytes at `offset` touch; they stay inside the page.
  static constexpr u32 line_mask(u64 offset, u64 bytes) {
    const u64 first = offset / line_bytes, last = (offset + bytes - 1) / line_bytes;
    return static_cast<u32>(bit_range(static_cast<unsigned>(first), static_cast<unsigned>(last)));
  }

  PhysicalMemory();
  ~PhysicalMemory();
  PhysicalMemory(const PhysicalMemory&) = delete;
  PhysicalMemory& operator=(const PhysicalMemory&) = delete;

  // Adds zeroed RAM; bytes and base are multiples of 4 KiB, below 2^52. Host memory is taken as pages are
  // touched. False: the host refuses that much address space, or the range is not as said or meets other RAM.
  bool add_ram(HostPhys base, u64 bytes, std::string name);
  // Adds read-only memory (a copy of `bytes`, padded with zeros to 4 KiB); it hides what lies below it. Of
  // regions that overlap, the one that was added last is seen.
  void add_rom(HostPhys base, const std::vector<u8>& bytes, std::string name);
  // Adds a device's registers; base and bytes are multiples of 4 KiB unless `bytes` < 4 KiB. It hides what
  // lies below it. remove_mmio takes it away again (IA32_APIC_BASE moves, BARs are programmed).
  void add_mmio(HostPhys base, u64 bytes, MmioDevice& device, std::string name);
  void remove_mmio(MmioDevice& device);
  // Memory of a device: zeroed RAM with an address of its own, past all that a CPU can name, by which saved
  // states, marks and its device know it. CPUs see all of it at `at`, a multiple of 4 KiB, from show_ram to
  // hide_ram, in one place at a time. nullopt: as add_ram.
  std::optional<HostPhys> add_device_ram(u64 bytes, std::string name);
  void show_ram(HostPhys ram, HostPhys at, std::string name);
  void hide_ram(HostPhys ram);
  // The device's own writes, inside one page, whatever the A20 gate does; it reads by ram_page.
  void write_device_ram(HostPhys ram, const void* in, u64 bytes);
  // Who answers between `base` and `base` + `bytes` (multiples of 4 KiB): the RAM that lies below, or what
  // lies above it, apart for reads and for writes. Reads that do not go to RAM see what was added above it,
  // or nothing; writes that do not go to RAM meet a device there, or vanish. The PAM registers of a host
  // bridge.
  void set_shadow(HostPhys base, u64 bytes, bool read_ram, bool write_ram);
  // Increments with every change of the map: whoever caches host pointers flushes when it moves.
  u64 map_generation() const { return map_generation_; }
  void add_listener(MapListener& listener);
  void remove_listener(MapListener& listener);

  // Address bit 20 is forced to 0 while the gate is closed (A20M# is low) and nobody blocks it: VMX operation
  // does. Reset state here: open.
  void set_a20(bool open);
  bool a20() const { return a20_line_; }
  // Each `true` of a CPU wants its `false`.
  void block_a20m(bool blocked);
  // The address that the bus sees: every function here applies the gate, so that applying it twice is
  // harmless.
  HostPhys gated(HostPhys address) const { return HostPhys(a20_ ? address.value : address.value & ~bit(20)); }

  // Host pointer to the RAM or ROM page that holds `address` (page offset included), or nullptr if there is
  // none. ROM gives nullptr for write. A non-null answer for write marks the page written.
  u8* pointer(HostPhys address, bool write);

  // All that a TLB fill wants to know of the page that holds an address; marks nothing.
  struct Page {
    u8* bytes = nullptr;  // of the page's start
    bool ram = false;     // RAM that takes writes; else ROM, or RAM that plays one
    bool has_code = false;
    bool marked = false;              // written, and every mark knows it: one more write has nothing to tell
    const u32* code_lines = nullptr;  // a bit a line, as long as the map does not change
    u64 number = 0;                   // RAM pages count densely, in the order of add_ram: below ram_pages()
  };
  // False: no page that is RAM or ROM as a whole.
  bool page(HostPhys address, Page& result);
  u64 ram_pages() const;

  // Accesses of 1 to 8 bytes inside one page, by the slow path and by devices. Holes read as all ones, writes
  // to holes and ROM vanish. Writes tell the code watcher. No alignment is needed.
  u64 read(HostPhys address, unsigned size);
  void write(HostPhys address, unsigned size, u64 value);
  bool is_mmio(HostPhys address) const;
  // As read, of a naturally aligned word: the page walk's way, inline while it stays in one stretch of RAM.
  template <class Word>
  Word read_word(HostPhys address) {
    const u64 offset = gated(address).value - window_.first;
    if (offset >= window_.bytes) return static_cast<Word>(read(address, sizeof(Word)));
    Word word;
    std::memcpy(&word, window_.host + offset, sizeof word);
    return word;
  }

  // Bulk access for loaders, DMA, page walks that leave a page, dumps; any length; MMIO is skipped as a hole.
  void read_block(HostPhys address, void* out, u64 bytes);
  void write_block(HostPhys address, const void* in, u64 bytes);

  // Code lines. `mark_code` is called for each line that a decoded block covers.
  void set_code_watcher(CodeWatcher* watcher) { watcher_ = watcher; }
  void mark_code(HostPhys address, u64 bytes);
  void unmark_code_page(HostPhys page);  // forgets all lines of that page
  bool page_has_code(HostPhys address) const;
  bool lines_have_code(HostPhys address, u64 bytes) const;  // inside one page

  // What was added, in address order, and a fold over the pages that were ever written (in address order).
  struct Region {
    HostPhys base;
    u64 bytes;
    enum class Kind : u8 { ram, rom, mmio, window } kind;  // window: RAM of a device, where it is shown
    std::string name;
  };
  std::vector<Region> regions() const;
  template <class Visit>
  void for_each_written_page(Visit visit) const {  // visit(HostPhys page, const u8* bytes)
    HostPhys page;
    for (const u8* bytes = written_page_from(page); bytes != nullptr; bytes = written_page_from(page)) {
      visit(page, bytes);
      page = page + page_bytes;
    }
  }

  // Marks. Who wants to know which pages of RAM are written from now on adds a mark: a checkpoint, a screen.
  // Each is independent of the others; a page costs its first write after add_mark() or clear_mark(), and
  // nothing more. nullopt: there are most_marks already.
  static constexpr unsigned most_marks = 8;
  // `before_write` is told of each page when it gets the mark, while it still holds what it did.
  using BeforeWrite = std::function<void(HostPhys page, const u8* bytes)>;
  std::optional<unsigned> add_mark(BeforeWrite before_write = {});
  void remove_mark(unsigned mark);
  // The pages with the mark, in the order of their first writes. A page may have it without having changed.
  std::vector<HostPhys> marked_pages(unsigned mark) const;
  void clear_mark(unsigned mark);

  // Gives a page of RAM, found by its own address whatever lies above it, the bytes that it is to have;
  // nullptr: zeros. Marks it and tells the code watcher of lines that differ, if any do. False: there is no
  // such page.
  bool restore_page(HostPhys page, const u8* bytes);
  // The bytes of a page of RAM found in the same way; nullptr: there is no such page.
  const u8* ram_page(HostPhys page) const;

 private:
  // The first page at or after `page` that was ever written; `page` is moved there. nullptr: none is left.
  const u8* written_page_from(HostPhys& page) const;

  struct Impl;
  // The stretch of RAM or ROM that was read last; whole words, none before the first read and after a change
  // of the map.
  struct Window {
    u64 first = 0, bytes = 0;
    const u8* host = nullptr;
  };
  void map_moved();
  std::unique_ptr<Impl> impl_;
  CodeWatcher* watcher_ = nullptr;
  u64 map_generation_ = 1;
  bool a20_line_ = true;
  unsigned a20m_blockers_ = 0;
  bool a20_ = true;  // what the two come to: bit 20 of addresses passes
  void apply_a20();
  Window window_;
};

}  // namespace ringside
