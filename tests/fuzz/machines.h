// Owns what the fuzz targets that run machines share: the input in pieces, a GDT, segments, runs in slices.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "frontend/machine/checkpoints.h"

namespace ringside::fuzz {

// What the fuzzer gives, taken in pieces; zeros when it is used up.
struct Input {
  const u8* data;
  std::size_t size;
  template <class T>
  T take() {
    T value{};
    const std::size_t n = std::min(size, sizeof value);
    if (n) std::memcpy(&value, data, n);
    data += n;
    size -= n;
    return value;
  }
  // Zero-based, below `n`.
  unsigned pick(std::size_t n) { return static_cast<unsigned>(take<u8>() % n); }
};

// 08: code, 10: data, 18 and 20: the same for CPL 3, 28: 64-bit code, 30: that for CPL 3, 38: a busy TSS at
// 6000H, 48: 16-bit code.
constexpr u64 descriptors[] = {0,
                               0x00cf9b000000ffff,
                               0x00cf93000000ffff,
                               0x00cffb000000ffff,
                               0x00cff3000000ffff,
                               0x00af9b000000ffff,
                               0x00affb000000ffff,
                               0x00008b0060000fff,
                               0,
                               0x00009b000000ffff};

inline void load_segment(Cpu& cpu, SegReg reg, u16 selector, u64 base, u32 limit, u32 rights) {
  Segment& s = cpu.segment[reg];
  s.selector = selector;
  s.base = base;
  s.limit = limit;
  s.rights = rights;
  s.update();
}

// A machine that is made once, and begins each input as it was made: what the last one wrote is put back.
class Fresh {
 public:
  explicit Fresh(const MachineConfig& config) {
    std::string error;
    machine_ = Machine::create(config, error);
    if (machine_) checkpoints_ = Checkpoints::create(*machine_);
    if (!checkpoints_) {
      std::fprintf(stderr, "%s\n", error.c_str());
      std::abort();
    }
    keep();
  }
  // From now on it begins as it is now.
  void keep() { made_ = checkpoints_->take(); }
  Machine& again() {
    if (!checkpoints_->restore(made_)) std::abort();
    return *machine_;
  }

 private:
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<Checkpoints> checkpoints_;
  unsigned made_ = 0;
};

// Runs to `end` instructions or the machine's end, `slice()` at a time. False: it sleeps for ever.
template <class Slice>
bool run_to(Machine& machine, u64 end, Slice slice) {
  unsigned sleeps = 0;
  while (machine.retired() < end) {
    const u64 before = machine.retired();
    const Ending& ending = machine.run(std::min<u64>(slice(), end - before));
    if (ending.why == Ending::Why::idle) return false;
    if (ending.why != Ending::Why::running) return true;
    if (machine.retired() == before && ++sleeps > 50) return false;
  }
  return true;
}
// Slices: all at once, or small ones of many sizes, among them those of one and two instructions.
constexpr auto whole = [] { return ~u64{0}; };
constexpr auto small_slices = [] { return [n = u64{0}]() mutable { return 1 + ++n * 7 % 23; }; };

}  // namespace ringside::fuzz
