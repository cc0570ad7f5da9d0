// Owns how a recording's blocks hold numbers and texts: as few bytes as they need, the same on every host.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

// Numbers have seven bits a byte, the lowest first; a byte with bit 7 set has a successor.
class ByteWriter {
 public:
  void byte(u8 value) { out_.push_back(value); }
  void number(u64 value) {
    for (; value >= 0x80; value >>= 7) byte(static_cast<u8>(value | 0x80));
    byte(static_cast<u8>(value));
  }
  // Those near zero are short, whatever their sign.
  void signed_number(s64 value) { number(static_cast<u64>(value) << 1 ^ static_cast<u64>(value >> 63)); }
  void bytes(std::span<const u8> all) {
    number(all.size());
    out_.insert(out_.end(), all.begin(), all.end());
  }
  void text(std::string_view text) {
    bytes({reinterpret_cast<const u8*>(text.data()), text.size()});  // NOLINT: characters are bytes
  }
  std::vector<u8>& out() { return out_; }

 private:
  std::vector<u8> out_;
};

// What is missing or no number reads as 0, and ok() is false from then on.
class ByteReader {
 public:
  explicit ByteReader(std::span<const u8> in) : in_(in) {}
  bool ok() const { return ok_; }
  bool at_end() const { return in_.empty(); }
  std::size_t left() const { return in_.size(); }

  u8 byte() {
    if (in_.empty()) return fail();
    const u8 value = in_[0];
    in_ = in_.subspan(1);
    return value;
  }
  u64 number() {
    u64 value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const u8 next = byte();
      if (shift == 63 && next > 1) break;
      value |= u64{next & 0x7fu} << shift;
      if (!(next & 0x80)) return value;
    }
    return fail();
  }
  s64 signed_number() {
    const u64 value = number();
    return static_cast<s64>(value >> 1 ^ (~(value & 1) + 1));
  }
  // A number of things that take a byte each at least.
  u64 count() {
    const u64 value = number();
    return value <= in_.size() ? value : fail();
  }
  std::vector<u8> bytes() {
    const auto size = static_cast<std::size_t>(count());
    const std::vector<u8> all(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(size));
    in_ = in_.subspan(size);
    return all;
  }
  std::string text() {
    const std::vector<u8> all = bytes();
    return {all.begin(), all.end()};
  }

 private:
  u8 fail() {
    ok_ = false;
    in_ = {};
    return 0;
  }

  std::span<const u8> in_;
  bool ok_ = true;
};

}  // namespace ringside
