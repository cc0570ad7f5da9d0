// Owns the visitor over named state: whatever has state has one `fields(Fields&)` function, from which
// snapshot, restore, dump, diff and the state hash come.
#pragma once

#include <array>
#include <cstring>
#include <deque>
#include <string_view>
#include <type_traits>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

// A visitor. `fields.group("uart0"); fields("ier", ier_); ...` in a fixed order, the same for reading and
// writing. Host pointers, caches and anything derived are not visited; the owner rebuilds them in its own
// `restored()`.
class Fields {
 public:
  virtual ~Fields() = default;

  // Opens a named group; it lasts until the matching `end()`.
  virtual void group(std::string_view) {}
  virtual void end() {}
  // One field of `size` bytes, little endian; `data` may be read or, by a restoring visitor, overwritten.
  virtual void bytes(std::string_view name, void* data, std::size_t size) = 0;
  // True when the visitor overwrites the fields.
  virtual bool restoring() const { return false; }
  // Of a restoring visitor: no more elements of a sequence can follow, whatever their number is said to be.
  virtual u64 room() const { return ~u64{0}; }

  template <class T>
  void operator()(std::string_view name, T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      u8 byte = value ? 1 : 0;
      bytes(name, &byte, 1);
      value = byte != 0;
    } else {
      static_assert(std::is_integral_v<T> || std::is_enum_v<T>,
                    "visit members one by one: padding has no value");
      bytes(name, &value, sizeof value);
    }
  }
  template <class T, std::size_t N>
  void operator()(std::string_view name, std::array<T, N>& values) {
    for (T& value : values) (*this)(name, value);
  }
  template <class T, std::size_t N>
  void operator()(std::string_view name, T (&values)[N]) {
    for (T& value : values) (*this)(name, value);
  }
  template <class Kind>
  void operator()(std::string_view name, Address<Kind>& address) {
    (*this)(name, address.value);
  }
  template <class T>
  void operator()(std::string_view name, std::vector<T>& values) {
    sequence(name, values);
  }
  template <class T>
  void operator()(std::string_view name, std::deque<T>& values) {
    sequence(name, values);
  }

 private:
  template <class Sequence>
  void sequence(std::string_view name, Sequence& values) {
    u64 count = values.size();
    (*this)(name, count);
    if (restoring()) values.resize(count < room() ? count : room());
    for (auto& value : values) (*this)(name, value);
  }
};

}  // namespace ringside
