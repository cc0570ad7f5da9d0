// Owns the memory of which slots of a table were filled, so that emptying it need not touch them all.
#pragma once

#include <array>
#include <span>

#include "cpu/arch/types.h"

namespace ringside {

// It remembers them as long as they are few; after `most` it only knows that there were more. A slot may be
// in it twice.
template <unsigned most>
class SlotLog {
 public:
  void note(unsigned slot) {
    if (count_ == most)
      overflow_ = true;
    else
      slots_[count_++] = static_cast<u16>(slot);
  }
  bool empty() const { return count_ == 0; }
  bool overflow() const { return overflow_; }  // slots() are not all
  std::span<const u16> slots() const { return {slots_.data(), count_}; }
  void clear() {
    count_ = 0;
    overflow_ = false;
  }
  // Makes the entries that were noted, or all, equal to `empty`; nothing is noted any more.
  template <class Table, class Entry>
  void wipe(Table& table, const Entry& empty) {
    if (overflow_) {
      table.fill(empty);
    } else {
      for (const u16 slot : slots()) table[slot] = empty;
    }
    clear();
  }

 private:
  unsigned count_ = 0;
  bool overflow_ = false;
  std::array<u16, most> slots_{};
};

}  // namespace ringside
