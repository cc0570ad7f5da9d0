// Owns the integer types of the guests, and the few functions that C++ wants from a library there is none of
// here.
#pragma once

namespace kit {

using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long;
using i64 = long;

constexpr u64 page_bytes = 4096;
constexpr u64 large_page_bytes = 2ul << 20;

constexpr u64 bit(unsigned n) { return 1ul << n; }

template <class T>
constexpr T smaller(T a, T b) {
  return a < b ? a : b;
}

// Everything below 4 GBytes is mapped where it lies (start.asm), so that a physical address is a pointer.
template <class T>
T* at(u64 physical_address) {
  return reinterpret_cast<T*>(physical_address);
}
inline u64 address_of(const volatile void* pointer) { return reinterpret_cast<u64>(pointer); }

bool same(const char* a, const char* b);
bool starts_with(const char* text, const char* beginning);
u64 length_of(const char* text);

}  // namespace kit

// The compiler calls these by itself, for large copies of structures.
extern "C" void* memcpy(void* to, const void* from, unsigned long bytes);
extern "C" void* memset(void* to, int value, unsigned long bytes);
