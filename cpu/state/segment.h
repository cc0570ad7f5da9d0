// Owns the hidden part of a segment register: base, limit and access rights, and the ranges derived from
// them.
#pragma once

#include "cpu/arch/types.h"

namespace ringside {

// Access rights in the format of the VMCS guest-state area (also bytes 5 and 6 of a descriptor).
struct Rights {
  static constexpr u32 type = 0xf, accessed = 1, writable = 2 /* data */, readable = 2 /* code */,
                       expand_down = 4 /* data */, conforming = 4 /* code */, code = 8, S = 1 << 4,
                       P = 1 << 7, AVL = 1 << 12, L = 1 << 13, DB = 1 << 14, G = 1 << 15, unusable = 1 << 16;
  static constexpr unsigned dpl_shift = 5;
};

struct Segment {
  u16 selector = 0;
  u64 base = 0;
  u32 limit = 0xffff;  // in bytes, granularity applied
  u32 rights = 0;

  // Derived by update(): offsets low..high (both included) may be read or written. low > high: none may.
  u32 read_low = 0, read_high = 0, write_low = 0, write_high = 0;

  unsigned dpl() const { return (rights >> Rights::dpl_shift) & 3; }
  unsigned rpl() const { return selector & 3; }
  bool usable() const { return !(rights & Rights::unusable); }
  bool present() const { return rights & Rights::P; }
  bool is_code() const { return (rights & (Rights::S | Rights::code)) == (Rights::S | Rights::code); }
  bool db() const { return rights & Rights::DB; }
  bool long_mode() const { return rights & Rights::L; }
  unsigned type() const { return rights & Rights::type; }

  // To be called after every change of limit or rights.
  void update() {
    u32 low = 0, high = limit;
    const bool data = !(rights & Rights::code);
    if (data && (rights & Rights::expand_down)) {
      low = limit + 1;
      high = rights & Rights::DB ? 0xffffffff : 0xffff;
      if (limit == 0xffffffff) low = 1, high = 0;
    }
    const bool there = usable() && present();
    const bool can_read = there && (data || (rights & Rights::readable));
    const bool can_write = there && data && (rights & Rights::writable);
    read_low = can_read ? low : 1;
    read_high = can_read ? high : 0;
    write_low = can_write ? low : 1;
    write_high = can_write ? high : 0;
  }
};

}  // namespace ringside
