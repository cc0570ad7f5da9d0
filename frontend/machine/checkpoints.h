// Owns checkpoints of a machine in memory: the pages of RAM that changed from one to the next, and going
// back.
#pragma once

#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "frontend/machine/machine.h"
#include "frontend/machine/page_store.h"

namespace ringside {

// Each checkpoint has the pages that differ from the one that the machine came from, so that taking and
// restoring cost what was written between the two, whatever the size of RAM. They are copied on write: a page
// is RAM's own until somebody writes to it again. Going back to one and running on makes a branch; those on
// other branches stay. The machine outlives this, and is not rebooted meanwhile.
class Checkpoints {
 public:
  // nullptr: memory has no mark left to give (PhysicalMemory::add_mark).
  static std::unique_ptr<Checkpoints> create(Machine& machine);
  ~Checkpoints();
  Checkpoints(const Checkpoints&) = delete;
  Checkpoints& operator=(const Checkpoints&) = delete;

  // Takes one of the machine as it is, which changes nothing of it. Its number is never used again.
  unsigned take();
  // The machine is as it was when the checkpoint was taken. False: there is no such checkpoint.
  bool restore(unsigned number);
  // Gives up a checkpoint; what others need of it they keep. False: there is none, or it is the one that the
  // machine was taken from or restored to last.
  bool forget(unsigned number);

  bool is_current(unsigned number) const { return number == current_; }

  std::vector<unsigned> numbers() const;
  u64 retired(unsigned number) const;  // Machine::retired() when it was taken
  u64 bytes() const { return own_bytes_ + store_.pages() * page_bytes; }  // of memory, about

 private:
  using Held = PageStore::Held;
  struct Point {
    static constexpr unsigned none = ~0u;
    unsigned parent = none;
    u64 retired = 0;
    std::vector<u8> state;  // all but RAM
    // Where RAM differs from the parent's, in the order of addresses. One without a parent has all pages that
    // are not zero.
    std::vector<std::pair<HostPhys, Held>> pages;
  };
  struct HashPage {
    std::size_t operator()(HostPhys page) const { return std::hash<u64>()(page.value / page_bytes); }
  };
  using Pages = std::unordered_map<HostPhys, Held, HashPage>;

  explicit Checkpoints(Machine& machine) : machine_(machine) {}
  // Somebody is about to write to a page of RAM, for the first time since the machine was at the current one.
  void keep(HostPhys page, const u8* bytes);
  // Pages that may differ between two checkpoints are added, with nothing held.
  void differing(unsigned a, unsigned b, Pages& pages) const;
  // What these pages hold in a checkpoint.
  void look_up(unsigned number, Pages& pages) const;
  void charge(const Point& point, bool taken);

  Machine& machine_;
  static constexpr unsigned no_mark = ~0u;
  unsigned mark_ = no_mark;
  unsigned next_ = 0, current_ = Point::none;
  u64 own_bytes_ = 0;  // but the pages
  std::map<unsigned, Point> points_;
  PageStore store_;
  Pages now_;  // of the current one, all that are not zero; held by the checkpoints
};

}  // namespace ringside
