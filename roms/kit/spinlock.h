// Owns the lock for what several CPUs share, and a guard that gives it back at the end of a block.
#pragma once

#include "roms/kit/instructions.h"

namespace kit {

// Whoever holds it must not be interrupted by something that wants it: take it with interrupts disabled.
class Spinlock {
 public:
  void lock() {
    while (__atomic_exchange_n(&held_, true, __ATOMIC_ACQUIRE)) pause();
  }
  void unlock() { __atomic_store_n(&held_, false, __ATOMIC_RELEASE); }

 private:
  bool held_ = false;
};

class Guard {
 public:
  explicit Guard(Spinlock& lock) : lock_(lock) { lock_.lock(); }
  ~Guard() { lock_.unlock(); }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  Spinlock& lock_;
};

}  // namespace kit
