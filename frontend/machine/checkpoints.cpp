// Owns the taking, restoring and giving up of checkpoints.
#include "frontend/machine/checkpoints.h"

#include <algorithm>
#include <cstring>

#include "frontend/machine/zero_page.h"

namespace ringside {

std::unique_ptr<Checkpoints> Checkpoints::create(Machine& machine) {
  const std::optional<unsigned> mark = machine.memory().add_mark();
  if (!mark) return nullptr;
  return std::unique_ptr<Checkpoints>(new Checkpoints(machine, *mark));
}

Checkpoints::~Checkpoints() { machine_.memory().remove_mark(mark_); }

const u8* Checkpoints::page_in(unsigned number, HostPhys page) const {
  while (number != Point::none) {
    const Point& point = points_.at(number);
    if (const auto found = point.pages.find(page); found != point.pages.end())
      return found->second ? found->second->data() : nullptr;
    number = point.parent;
  }
  return nullptr;
}

unsigned Checkpoints::take() {
  PhysicalMemory& memory = machine_.memory();
  Point point;
  point.parent = current_;
  point.retired = machine_.retired();
  point.state = machine_.save_without_ram();
  const auto add = [&](HostPhys page, const u8* bytes) {
    const bool zero = all_zero(bytes);
    if (current_ != Point::none) {
      const u8* const before = page_in(current_, page);
      if (before == nullptr ? zero : std::memcmp(before, bytes, page_bytes) == 0) return;
    } else if (zero) {
      return;
    }
    std::shared_ptr<Page> copy;
    if (!zero) {
      copy = std::make_shared<Page>();
      std::memcpy(copy->data(), bytes, page_bytes);
    }
    point.pages.emplace(page, std::move(copy));
  };
  if (current_ == Point::none) {
    memory.for_each_written_page(add);
  } else {
    for (const HostPhys page : memory.marked_pages(mark_)) add(page, memory.ram_page(page));
  }
  memory.clear_mark(mark_);
  current_ = next_++;
  points_.emplace(current_, std::move(point));
  return current_;
}

void Checkpoints::differing(unsigned a, unsigned b, std::set<HostPhys>& pages) const {
  // A parent is older than its children, so that the younger of two is never above the other.
  while (a != b) {
    const bool a_is_younger = b == Point::none || (a != Point::none && a > b);
    unsigned& younger = a_is_younger ? a : b;
    const Point& point = points_.at(younger);
    for (const auto& [page, bytes] : point.pages) pages.insert(page);
    younger = point.parent;
  }
}

bool Checkpoints::restore(unsigned number) {
  const auto found = points_.find(number);
  if (found == points_.end()) return false;
  PhysicalMemory& memory = machine_.memory();
  std::set<HostPhys> pages;
  for (const HostPhys page : memory.marked_pages(mark_)) pages.insert(page);
  differing(current_, number, pages);
  if (!machine_.restore_without_ram(found->second.state)) return false;
  for (const HostPhys page : pages) memory.restore_page(page, page_in(number, page));
  memory.clear_mark(mark_);
  current_ = number;
  return true;
}

bool Checkpoints::forget(unsigned number) {
  const auto found = points_.find(number);
  if (found == points_.end() || number == current_) return false;
  for (auto& [other, point] : points_) {
    if (point.parent != number) continue;
    point.pages.insert(found->second.pages.begin(), found->second.pages.end());
    point.parent = found->second.parent;
    if (point.parent == Point::none)
      std::erase_if(point.pages, [](const auto& page) { return !page.second; });
  }
  points_.erase(found);
  return true;
}

std::vector<unsigned> Checkpoints::numbers() const {
  std::vector<unsigned> all;
  for (const auto& [number, point] : points_) all.push_back(number);
  return all;
}

u64 Checkpoints::retired(unsigned number) const {
  const auto found = points_.find(number);
  return found == points_.end() ? 0 : found->second.retired;
}

u64 Checkpoints::bytes() const {
  std::set<const Page*> pages;
  u64 sum = 0;
  for (const auto& [number, point] : points_) {
    sum += point.state.capacity() + sizeof point + point.pages.size() * 64;
    for (const auto& [page, bytes] : point.pages) {
      if (bytes) pages.insert(bytes.get());
    }
  }
  return sum + pages.size() * page_bytes;
}

}  // namespace ringside
