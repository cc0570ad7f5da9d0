// Owns the taking, restoring and giving up of checkpoints.
#include "frontend/machine/checkpoints.h"

#include <algorithm>
#include <cstring>

#include "frontend/machine/zero_page.h"

namespace ringside {
namespace {

constexpr u64 bytes_of_entry = 64;  // of a page's place in the lists, about

}  // namespace

std::unique_ptr<Checkpoints> Checkpoints::create(Machine& machine) {
  std::unique_ptr<Checkpoints> all(new Checkpoints(machine));
  Checkpoints& self = *all;
  const std::optional<unsigned> mark =
      machine.memory().add_mark([&self](HostPhys page, const u8* bytes) { self.keep(page, bytes); });
  if (!mark) return nullptr;
  self.mark_ = *mark;
  return all;
}

Checkpoints::~Checkpoints() {
  if (mark_ != no_mark) machine_.memory().remove_mark(mark_);
}

void Checkpoints::keep(HostPhys page, const u8* bytes) {
  const auto known = now_.find(page);
  if (known != now_.end() && store_.promised(known->second)) store_.keep(known->second, bytes);
}

void Checkpoints::charge(const Point& point, bool taken) {
  const u64 own = point.state.capacity() + sizeof point + point.pages.size() * bytes_of_entry;
  own_bytes_ = taken ? own_bytes_ + own : own_bytes_ - own;
}

unsigned Checkpoints::take() {
  PhysicalMemory& memory = machine_.memory();
  Point point;
  point.parent = current_;
  point.retired = machine_.retired();
  point.state = machine_.save_without_ram();
  const auto add = [&](HostPhys page, const u8* bytes) {
    Held& known = now_.try_emplace(page, PageStore::zeros).first->second;
    // What was written to since is kept; of what was not there is nothing new.
    if (store_.promised(known)) return;
    const u8* const before = store_.bytes(known);
    const bool zero = all_zero(bytes);
    if (before == nullptr ? zero : std::memcmp(before, bytes, page_bytes) == 0) return;
    known = zero ? PageStore::zeros : store_.promise();
    point.pages.emplace_back(page, known);
  };
  if (current_ == Point::none) {
    memory.for_each_written_page(add);
  } else {
    for (const HostPhys page : memory.marked_pages(mark_)) add(page, memory.ram_page(page));
    std::sort(point.pages.begin(), point.pages.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
  }
  memory.clear_mark(mark_);
  current_ = next_++;
  charge(point, true);
  points_.emplace(current_, std::move(point));
  return current_;
}

void Checkpoints::differing(unsigned a, unsigned b, Pages& pages) const {
  // A parent is older than its children, so that the younger of two is never above the other.
  while (a != b) {
    const bool a_is_younger = b == Point::none || (a != Point::none && a > b);
    unsigned& younger = a_is_younger ? a : b;
    const Point& point = points_.at(younger);
    for (const auto& [page, held] : point.pages) pages.try_emplace(page, PageStore::zeros);
    younger = point.parent;
  }
}

void Checkpoints::look_up(unsigned number, Pages& pages) const {
  std::vector<HostPhys> wanted;
  for (const auto& [page, held] : pages) wanted.push_back(page);
  std::sort(wanted.begin(), wanted.end());
  for (; number != Point::none && !wanted.empty(); number = points_.at(number).parent) {
    const auto& known = points_.at(number).pages;
    std::erase_if(wanted, [&, at = known.begin()](HostPhys page) mutable {
      at = std::lower_bound(at, known.end(), page, [](const auto& a, HostPhys b) { return a.first < b; });
      if (at == known.end() || at->first != page) return false;
      pages[page] = at->second;
      return true;
    });
  }
}

bool Checkpoints::restore(unsigned number) {
  const auto found = points_.find(number);
  if (found == points_.end()) return false;
  PhysicalMemory& memory = machine_.memory();
  Pages written, changed;
  for (const HostPhys page : memory.marked_pages(mark_)) written.try_emplace(page, PageStore::zeros);
  differing(current_, number, changed);
  look_up(number, changed);
  if (!machine_.restore_without_ram(found->second.state)) return false;
  for (const auto& [page, held] : changed) {
    // Others may need what the page holds now.
    if (const auto known = now_.find(page); known != now_.end() && known->second != held)
      keep(page, memory.ram_page(page));
    now_[page] = held;
    written.try_emplace(page, PageStore::zeros);
  }
  for (const auto& [page, nothing] : written) {
    const auto held = now_.find(page);
    if (held != now_.end() && store_.promised(held->second)) continue;  // RAM still has it
    memory.restore_page(page, held == now_.end() ? nullptr : store_.bytes(held->second));
  }
  memory.clear_mark(mark_);
  current_ = number;
  return true;
}

bool Checkpoints::forget(unsigned number) {
  const auto found = points_.find(number);
  if (found == points_.end() || number == current_) return false;
  auto& given_up = found->second.pages;
  for (auto& [other, point] : points_) {
    if (point.parent != number) continue;
    charge(point, false);
    decltype(point.pages) both;
    both.reserve(given_up.size() + point.pages.size());
    auto own = point.pages.begin();
    for (const auto& [page, held] : given_up) {
      while (own != point.pages.end() && own->first < page) both.push_back(*own++);
      if (own != point.pages.end() && own->first == page) continue;
      both.emplace_back(page, held);
      store_.hold(held);
    }
    both.insert(both.end(), own, point.pages.end());
    point.parent = found->second.parent;
    if (point.parent == Point::none)
      std::erase_if(both, [](const auto& page) { return page.second == PageStore::zeros; });
    point.pages = std::move(both);
    charge(point, true);
  }
  for (const auto& [page, held] : given_up) store_.let_go(held);
  charge(found->second, false);
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

}  // namespace ringside
