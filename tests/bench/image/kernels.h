// Owns the list of benchmark kernels: what the image and the native program share.
#pragma once

namespace bench {

using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;

// A kernel works in the arena and nowhere else; the sum depends on everything it computed and on `n`.
struct Kernel {
  const char* name;
  void (*prepare)(u8* arena);    // not timed; null: nothing to do
  u64 (*run)(u8* arena, u64 n);  // n iterations; the checksum
};

constexpr u64 arena_bytes = 80ull << 20;

extern const Kernel pure_kernels[];  // no privileges: the same sums natively
extern const u64 pure_kernel_count;
extern const Kernel wide_kernels[];  // likewise; for processors that have what `has_wide` asks for
extern const u64 wide_kernel_count;
extern const Kernel routine_kernels[];  // likewise
extern const u64 routine_kernel_count;
bool has_wide(const Kernel& kernel);

}  // namespace bench
