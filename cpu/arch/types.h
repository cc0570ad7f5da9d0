// Owns the integer names and the strong address types that every room speaks.
#pragma once

#include <compare>
#include <cstdint>

namespace ringside {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s8 = std::int8_t;
using s16 = std::int16_t;
using s32 = std::int32_t;
using s64 = std::int64_t;
using u128 = unsigned __int128;
using s128 = __int128;

// An address that cannot be confused with one of another kind. Bytes; wraps at 2^64.
template <class Kind>
struct Address {
  u64 value = 0;

  constexpr Address() = default;
  constexpr explicit Address(u64 v) : value(v) {}

  constexpr Address operator+(u64 bytes) const { return Address(value + bytes); }
  constexpr Address operator-(u64 bytes) const { return Address(value - bytes); }
  constexpr u64 operator-(Address other) const { return value - other.value; }
  constexpr u64 page_offset() const { return value & 0xfff; }
  constexpr Address page() const { return Address(value & ~u64{0xfff}); }
  constexpr auto operator<=>(const Address&) const = default;
};

using LinAddr = Address<struct LinearKind>;           // after segmentation, before paging
using GuestPhys = Address<struct GuestPhysicalKind>;  // after paging, before the second stage
using HostPhys = Address<struct HostPhysicalKind>;    // an address on the emulated machine's own bus

constexpr u64 page_bytes = 4096;

// Bits low..high (both included) set.
constexpr u64 bit_range(unsigned low, unsigned high) { return (~u64{0} >> (63 - high)) & (~u64{0} << low); }
constexpr u64 bit(unsigned n) { return u64{1} << n; }

}  // namespace ringside
