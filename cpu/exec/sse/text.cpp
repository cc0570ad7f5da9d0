// Owns the comparison of short texts as the manual's "String/text Processing Instructions" defines it.
#include "cpu/exec/sse/text.h"

#include <algorithm>

namespace ringside {
namespace {

enum Aggregation : u8 { equal_any, ranges, equal_each, equal_ordered };

template <class T>
u32 aggregate(const LanesOf<T>& a, const LanesOf<T>& b, unsigned length_a, unsigned length_b,
              unsigned aggregation) {
  const unsigned n = a.size();
  u32 result = 0;
  const auto set = [&](unsigned j) { result |= 1u << j; };
  switch (aggregation) {
    case equal_any:
      for (unsigned j = 0; j < length_b; ++j) {
        if (std::find(a.begin(), a.begin() + length_a, b[j]) != a.begin() + length_a) set(j);
      }
      break;
    case ranges:
      for (unsigned j = 0; j < length_b; ++j) {
        for (unsigned i = 0; i + 1 < length_a; i += 2) {
          if (a[i] <= b[j] && b[j] <= a[i + 1]) set(j);
        }
      }
      break;
    case equal_each:
      // Two elements beyond the ends are equal.
      for (unsigned j = 0; j < n; ++j) {
        const bool in_a = j < length_a, in_b = j < length_b;
        if (in_a && in_b ? a[j] == b[j] : in_a == in_b) set(j);
      }
      break;
    default:
      // a, found as a whole (as far as the operand reaches) at each place of b.
      for (unsigned j = 0; j < n; ++j) {
        bool found = true;
        for (unsigned i = 0; i < length_a && i + j < n; ++i) found &= i + j < length_b && a[i] == b[i + j];
        if (found) set(j);
      }
  }
  return result;
}

template <class T>
TextResult compare_elements(const V128& first, const V128& second, unsigned length_a, unsigned length_b,
                            unsigned control) {
  const auto a = bits_as<LanesOf<T>>(first), b = bits_as<LanesOf<T>>(second);
  constexpr unsigned n = 16 / sizeof(T);
  constexpr u32 every = (1u << n) - 1;
  u32 bits = aggregate<T>(a, b, length_a, length_b, control >> 2 & 3);
  const unsigned polarity = control >> 4 & 3;
  if (polarity == 1) bits ^= every;
  if (polarity == 3) bits ^= (1u << length_b) - 1;  // only the elements of the text are negated
  const u64 flags = (bits ? Eflags::CF : 0) | (length_b < n ? Eflags::ZF : 0) |
                    (length_a < n ? Eflags::SF : 0) | (bits & 1 ? Eflags::OF : 0);
  return {bits, n, flags};
}

TextResult compare_formats(const V128& a, const V128& b, unsigned length_a, unsigned length_b,
                           unsigned control) {
  switch (control & 3) {
    case 0: return compare_elements<u8>(a, b, length_a, length_b, control);
    case 1: return compare_elements<u16>(a, b, length_a, length_b, control);
    case 2: return compare_elements<s8>(a, b, length_a, length_b, control);
    default: return compare_elements<s16>(a, b, length_a, length_b, control);
  }
}

unsigned length_of(const V128& text, bool words) {
  if (words) {
    const auto lanes = bits_as<LanesOf<u16>>(text);
    return static_cast<unsigned>(std::find(lanes.begin(), lanes.end(), 0) - lanes.begin());
  }
  const auto lanes = bits_as<LanesOf<u8>>(text);
  return static_cast<unsigned>(std::find(lanes.begin(), lanes.end(), 0) - lanes.begin());
}
unsigned length_of(s64 length, bool words) {
  const u64 size = length < 0 ? u64{0} - static_cast<u64>(length) : static_cast<u64>(length);
  return static_cast<unsigned>(std::min<u64>(size, words ? 8 : 16));
}

}  // namespace

TextResult compare_text_explicit(const V128& a, const V128& b, s64 length_a, s64 length_b, u8 control) {
  const bool words = control & 1;
  return compare_formats(a, b, length_of(length_a, words), length_of(length_b, words), control);
}
TextResult compare_text_implicit(const V128& a, const V128& b, u8 control) {
  const bool words = control & 1;
  return compare_formats(a, b, length_of(a, words), length_of(b, words), control);
}

}  // namespace ringside
