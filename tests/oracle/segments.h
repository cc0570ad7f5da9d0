// Owns the segments that the oracle's user programs may load: the local descriptor table, which is the same
// on the host and in the emulated machine, and what they may know of the global one.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "cpu/arch/types.h"

namespace oracle {

using namespace ringside;

// Which of the descriptors that programs may use this host has. Those that are missing are missing in the
// emulated machine, too.
struct Descriptors {
  bool local = true;   // the table below
  bool code32 = true;  // the global table's segment for 32-bit code
};

// A descriptor of privilege level 3, as modify_ldt takes it. `limit` in bytes, or in pages.
struct LdtEntry {
  enum class Contents : u8 { data = 0, expand_down = 1, code = 2 };
  u32 base = 0, limit = 0;
  Contents contents = Contents::data;
  bool big = false;        // D/B
  bool pages = false;      // G
  bool read_only = false;  // data; of code: execute-only
  bool absent = false;
  bool empty = false;  // no descriptor at all

  u64 descriptor() const;
};

// The table, and the places of entries in it that tests name.
namespace ldt {
constexpr unsigned code32 = 0, code16 = 1, data32 = 2, data16 = 3, wide32 = 4, wide16 = 5, window32 = 6,
                   window16 = 7, odd = 8, down32 = 9, down16 = 10, read_only = 11, code_as_data = 12,
                   execute_only = 13, absent_data = 14, absent_code = 15, empty = 16, last = 17, count = 18;
}
std::span<const LdtEntry> ldt_entries();
constexpr u16 ldt_selector(unsigned entry) { return static_cast<u16>(entry * 8 + 7); }

// Selectors of the global table that every 64-bit Linux gives to its programs.
constexpr u16 user_code32 = 0x23, user_data = 0x2b, user_code64 = 0x33;

// That table as Linux fills it, as far as a program can tell. Of its last entry only that it is not to be
// touched: it differs from processor to processor.
constexpr unsigned gdt_count = 16;
u64 gdt_descriptor(Descriptors host, unsigned entry, u64 tss_at, u64 ldt_at);
constexpr u16 not_to_be_touched = 0x78;

}  // namespace oracle
