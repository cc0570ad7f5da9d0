// Owns the contents of the descriptor tables.
#include "tests/oracle/segments.h"

#include "tests/oracle/native.h"

namespace oracle {
namespace {

constexpr u32 code = static_cast<u32>(code_page), data = static_cast<u32>(data_base),
              bytes = static_cast<u32>(data_bytes);
using C = LdtEntry::Contents;

// Every offset that a segment allows is data's or nobody's, except in the wide ones.
constexpr std::array<LdtEntry, ldt::count> table = {{
    {.base = code, .limit = code_limit, .contents = C::code, .big = true},
    {.base = code, .limit = code_limit, .contents = C::code},
    {.base = data, .limit = bytes - 1, .big = true},
    {.base = data, .limit = bytes - 1},
    {.base = data - 0x3000, .limit = 0xfffff, .big = true, .pages = true},
    {.base = data - 0x3000, .limit = 0xfffff, .pages = true},
    {.base = data - 0x8000, .limit = 0xffff, .big = true},
    {.base = data - 0xd000, .limit = 0x1ffff},
    {.base = data + 0x101, .limit = 0x2ffd, .big = true},
    {.base = data + bytes, .limit = 0xffffb, .contents = C::expand_down, .big = true, .pages = true},
    {.base = data + bytes - 0x10000, .limit = 0xbfff, .contents = C::expand_down},
    {.base = data, .limit = bytes - 1, .big = true, .read_only = true},
    {.base = data, .limit = bytes - 1, .contents = C::code, .big = true},
    {.base = data, .limit = bytes - 1, .contents = C::code, .read_only = true},
    {.base = data, .limit = bytes - 1, .absent = true},
    {.base = code, .limit = code_limit, .contents = C::code, .absent = true},
    {.empty = true},
    {.base = data, .limit = 3, .pages = true},
}};

constexpr u64 make(u32 base, u32 limit, u32 rights) {
  return (limit & 0xffff) | u64{base & 0xffffff} << 16 | u64{rights & 0xff} << 40 |
         u64{limit >> 16 & 15} << 48 | u64{rights >> 12 & 15} << 52 | u64{base >> 24} << 56;
}

}  // namespace

std::span<const LdtEntry> ldt_entries() { return table; }

u64 LdtEntry::descriptor() const {
  if (empty) return 0;
  // Accessed, of privilege level 3; Linux sets "available" where the segment counts as usable.
  const u32 type = static_cast<u32>(contents) << 2 | (read_only ? 0 : 2) | 1;
  const u32 flags = (pages ? 8 : 0) | (big ? 4 : 0) | 1;
  return make(base, limit, type | 0x70 | (absent ? 0 : 0x80) | flags << 12);
}

u64 gdt_descriptor(Descriptors host, unsigned entry, u64 tss_at, u64 ldt_at) {
  switch (entry) {
    case 1: return make(0, 0xfffff, 0xc09b);
    case 2: return make(0, 0xfffff, 0xa09b);
    case 3: return make(0, 0xfffff, 0xc093);
    case 4: return host.code32 ? make(0, 0xfffff, 0xc0fb) : 0;
    case 5: return make(0, 0xfffff, 0xc0f3);
    case 6: return make(0, 0xfffff, 0xa0fb);
    case 8: return make(static_cast<u32>(tss_at), 0x206f, 0x8b);
    case 10: return !host.local ? 0 : make(static_cast<u32>(ldt_at), ldt::count * 8 - 1, 0x82);
    default: return 0;  // the upper halves of the two above; thread-local storage, which nobody asked for
  }
}

}  // namespace oracle
