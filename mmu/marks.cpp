// Owns what physical memory knows of written pages: ever, and since each mark; and putting old pages back.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "mmu/physical_map.h"

namespace ringside {

void PhysicalMemory::Impl::mark_first_write(Backing& backing, u64 index) {
  const u64 word = index / 64, mask = bit(index % 64);
  Backing::words(backing.written)[word] |= mask;
  Backing::words(backing.marked)[word] |= mask;
  const u64 number = backing.first_number + index;
  for (auto& mark : marks) {
    if (!mark || mark->bits[number / 64] >> (number % 64) & 1) continue;
    mark->bits[number / 64] |= bit(number % 64);
    mark->pages.push_back(number);
    if (mark->before_write) mark->before_write(backing.base + index * page_bytes, backing.page(index));
  }
}

Backing* PhysicalMemory::Impl::ram_at(u64 address) const {
  for (const Layer& layer : layers) {
    if (layer.kind == Region::Kind::ram && layer.first <= address && address <= layer.last)
      return layer.backing.get();
  }
  return nullptr;
}

Backing* PhysicalMemory::Impl::ram_of(u64 number) const {
  for (const Layer& layer : layers) {
    if (layer.kind == Region::Kind::ram && number - layer.backing->first_number < layer.backing->pages)
      return layer.backing.get();
  }
  return nullptr;
}

const u8* PhysicalMemory::written_page_from(HostPhys& page) const {
  const Backing* best = nullptr;
  u64 best_index = 0;
  for (const Layer& layer : impl_->layers) {
    if (layer.kind != Region::Kind::ram || page.value > layer.last) continue;
    const Backing& backing = *layer.backing;
    if (best != nullptr && best->base < backing.base) continue;
    u64 index = page.value > layer.first ? (page.value - layer.first + page_bytes - 1) / page_bytes : 0;
    while (index < backing.pages && !Backing::has(backing.written, index)) {
      // Whole words of clear bits are stepped over: most RAM of a big machine was never written.
      index = Backing::words(backing.written)[index / 64] >> (index % 64) == 0 ? (index / 64 + 1) * 64
                                                                               : index + 1;
    }
    if (index >= backing.pages) continue;
    best = &backing;
    best_index = index;
  }
  if (best == nullptr) return nullptr;
  page = best->base + best_index * page_bytes;
  return best->page(best_index);
}

std::optional<unsigned> PhysicalMemory::add_mark(BeforeWrite before_write) {
  auto& marks = impl_->marks;
  const auto place = std::find(marks.begin(), marks.end(), nullptr);
  const unsigned number = static_cast<unsigned>(place - marks.begin());
  if (number == most_marks) return std::nullopt;
  if (place == marks.end()) marks.emplace_back();
  marks[number] = std::make_unique<WrittenMark>();
  marks[number]->bits.resize((impl_->ram_pages + 63) / 64);
  marks[number]->before_write = std::move(before_write);
  for (const Layer& layer : impl_->layers) {
    if (layer.kind == Region::Kind::ram) layer.backing->marked.zero();
  }
  for (MapListener* listener : impl_->listeners) listener->write_pointers_expired();
  return number;
}

void PhysicalMemory::remove_mark(unsigned mark) {
  if (mark < impl_->marks.size()) impl_->marks[mark].reset();
}

std::vector<HostPhys> PhysicalMemory::marked_pages(unsigned mark) const {
  std::vector<HostPhys> pages;
  if (mark >= impl_->marks.size() || !impl_->marks[mark]) return pages;
  pages.reserve(impl_->marks[mark]->pages.size());
  for (const u64 number : impl_->marks[mark]->pages) {
    const Backing& backing = *impl_->ram_of(number);
    pages.push_back(backing.base + (number - backing.first_number) * page_bytes);
  }
  return pages;
}

void PhysicalMemory::clear_mark(unsigned mark) {
  if (mark >= impl_->marks.size() || !impl_->marks[mark]) return;
  WrittenMark& m = *impl_->marks[mark];
  if (m.pages.empty()) return;
  for (const u64 number : m.pages) {
    m.bits[number / 64] &= ~bit(number % 64);
    const Backing& backing = *impl_->ram_of(number);
    const u64 index = number - backing.first_number;
    Backing::words(backing.marked)[index / 64] &= ~bit(index % 64);
  }
  m.pages.clear();
  for (MapListener* listener : impl_->listeners) listener->write_pointers_expired();
}

bool PhysicalMemory::restore_page(HostPhys page, const u8* bytes) {
  static constexpr std::array<u8, page_bytes> zeros{};
  if (bytes == nullptr) bytes = zeros.data();
  Backing* const backing = impl_->ram_at(page.value);
  if (backing == nullptr || page.page_offset() != 0) return false;
  const u64 index = backing->index(page.value);
  u8* const now = backing->page(index);
  if (std::memcmp(now, bytes, page_bytes) == 0) return true;
  // The watcher may forget lines while it is told.
  for (u32 lines = backing->code_lines(index); lines != 0 && watcher_ != nullptr; lines &= lines - 1) {
    const u64 at = static_cast<u64>(std::countr_zero(lines)) * line_bytes;
    if (std::memcmp(now + at, bytes + at, line_bytes) != 0)
      watcher_->code_written(impl_->seen_at(page) + at, line_bytes);
  }
  impl_->mark_written(*backing, index);
  std::memcpy(now, bytes, page_bytes);
  return true;
}

const u8* PhysicalMemory::ram_page(HostPhys page) const {
  const Backing* const backing = impl_->ram_at(page.value);
  return backing == nullptr || page.page_offset() != 0 ? nullptr : backing->page(backing->index(page.value));
}

}  // namespace ringside
