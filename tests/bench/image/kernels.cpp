// Owns the kernels that need no privileges: integers, memory, strings, floating point, an interpreter, a
// chase.
#include "tests/bench/image/kernels.h"

namespace bench {
namespace {

constexpr u64 mib = 1ull << 20;

u64 mix(u64 sum, u64 value) { return (sum ^ value) * 0x9e3779b97f4a7c15ull + (sum >> 29); }

u32 next_random(u32& state) { return state = state * 1664525u + 1013904223u; }

void fill(u8* at, u64 bytes, u32 seed) {
  for (u64 i = 0; i < bytes; i += 4) *reinterpret_cast<u32*>(at + i) = next_random(seed);
}

// 2,000 dependent steps of add, xor, shift and two branches, one of them hard to predict.
u64 int_loop(u8*, u64 n) {
  u64 a = 0x123456789abcdefull, b = 1;
  for (u64 i = 0; i < n * 2000; ++i) {
    a ^= a << 13;
    a ^= a >> 7;
    a += b;
    if (a & 64)
      b += 3;
    else
      b ^= a >> 17;
  }
  return a ^ b;
}

// The primes below 64 Ki, a byte a number.
u64 sieve(u8* arena, u64 n) {
  constexpr u32 limit = 65536;
  u64 sum = 0;
  for (u64 i = 0; i < n; ++i) {
    for (u32 k = 0; k < limit; ++k) arena[k] = 1;
    u32 count = 0;
    for (u32 k = 2; k < limit; ++k) {
      if (!arena[k]) continue;
      ++count;
      for (u32 m = k * 2; m < limit; m += k) arena[m] = 0;
    }
    sum = mix(sum, count);
  }
  return sum;
}

void sort(u32* low, u32* high) {  // both inclusive
  while (low < high) {
    const u32 pivot = low[(high - low) / 2];
    u32 *i = low, *j = high;
    while (i <= j) {
      while (*i < pivot) ++i;
      while (*j > pivot) --j;
      if (i > j) break;
      const u32 t = *i;
      *i++ = *j;
      *j-- = t;
    }
    if (j - low < high - i) {
      sort(low, j);
      low = i;
    } else {
      sort(i, high);
      high = j;
    }
  }
}

u64 quicksort(u8* arena, u64 n) {
  constexpr u32 count = 4096;
  u32* numbers = reinterpret_cast<u32*>(arena);
  u64 sum = 0;
  for (u64 i = 0; i < n; ++i) {
    fill(arena, count * 4,
         static_cast<u32>(i));  // other numbers each time: branch predictors learn a short list
    sort(numbers, numbers + count - 1);
    for (u32 k = 1; k < count; ++k) {
      if (numbers[k - 1] > numbers[k]) return 0;
    }
    sum = mix(sum, numbers[count / 2]);
  }
  return sum;
}

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes, found by bisection.
void prepare_sha256(u8* arena) {
  u32* constants = reinterpret_cast<u32*>(arena + mib);
  u32 found = 0;
  for (u64 p = 2; found < 64; ++p) {
    bool prime = true;
    for (u64 d = 2; d * d <= p; ++d) prime = prime && p % d != 0;
    if (!prime) continue;
    u64 low = 0, high = 8ull << 32;  // the root with 32 bits of fraction
    while (high - low > 1) {
      const u64 middle = (low + high) / 2;
      (static_cast<unsigned __int128>(middle) * middle * middle >> 96) < p ? low = middle : high = middle;
    }
    constants[found++] = static_cast<u32>(low);
  }
  fill(arena, 4096, 99);
}

u32 rotate(u32 x, int by) { return x >> by | x << (32 - by); }

// SHA-256's compression of 64 blocks (4 KiB).
u64 sha256(u8* arena, u64 n) {
  const u32* constants = reinterpret_cast<u32*>(arena + mib);
  u32 h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  for (u64 i = 0; i < n * 64; ++i) {
    const u8* block = arena + i % 64 * 64;
    u32 w[64];
    for (u32 t = 0; t < 16; ++t) w[t] = __builtin_bswap32(reinterpret_cast<const u32*>(block)[t]);
    for (u32 t = 16; t < 64; ++t) {
      const u32 x = w[t - 15], y = w[t - 2];
      w[t] = w[t - 16] + (rotate(x, 7) ^ rotate(x, 18) ^ x >> 3) + w[t - 7] +
             (rotate(y, 17) ^ rotate(y, 19) ^ y >> 10);
    }
    u32 a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], k = h[7];
    for (u32 t = 0; t < 64; ++t) {
      const u32 t1 =
          k + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + constants[t] + w[t];
      const u32 t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      k = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e, h[5] += f, h[6] += g, h[7] += k;
  }
  u64 sum = 0;
  for (const u32 word : h) sum = mix(sum, word);
  return sum;
}

void prepare_crc32(u8* arena) {
  u32* table = reinterpret_cast<u32*>(arena + mib);
  for (u32 i = 0; i < 256; ++i) {
    u32 c = i;
    for (int bit = 0; bit < 8; ++bit) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    table[i] = c;
  }
  fill(arena, 16384, 7);
}

// CRC-32 of 16 KiB, a byte and a table look-up at a time.
u64 crc32(u8* arena, u64 n) {
  const u32* table = reinterpret_cast<u32*>(arena + mib);
  u32 c = ~0u;
  for (u64 i = 0; i < n; ++i) {
    for (u32 k = 0; k < 16384; ++k) c = table[(c ^ arena[k]) & 255] ^ c >> 8;
  }
  return ~c;
}

constexpr u64 copy_bytes = 32768;

void prepare_copy(u8* arena) { fill(arena, copy_bytes, 3); }

// 32 KiB in 64-bit pieces.
[[gnu::always_inline]] inline u64 copy(u8* from_bytes, u64 distance, u64 n) {
  u64* from = reinterpret_cast<u64*>(from_bytes);
  u64* to = reinterpret_cast<u64*>(from_bytes + distance);
  u64 sum = 0;
  for (u64 i = 0; i < n; ++i) {
    from[i % 4096] += i;
    for (u64 k = 0; k < copy_bytes / 8; ++k) to[k] = from[k];
    sum = mix(sum, to[i % 4096] + to[4095]);
  }
  return sum;
}

u64 memcpy64(u8* arena, u64 n) { return copy(arena, 66 << 10, n); }
u64 memcpy_1m(u8* arena, u64 n) { return copy(arena, mib, n); }
u64 memcpy_4m(u8* arena, u64 n) { return copy(arena, 4 * mib, n); }

// A copy of 64 KiB, then 64 KiB set; 128 Ki elements (bytes, or 16 Ki quadwords).
u64 rep_byte(u8* arena, u64 n) {
  u64 sum = 0;
  for (u64 i = 0; i < n; ++i) {
    const void *from = arena, *set_value = nullptr;
    void *to = arena + mib, *set = arena + 2 * mib;
    u64 count = 65536;
    arena[i % 65536] ^= static_cast<u8>(i);
    asm volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
    count = 65536;
    set_value = reinterpret_cast<const void*>(i & 255);
    asm volatile("rep stosb" : "+D"(set), "+c"(count) : "a"(set_value) : "memory");
    sum = mix(sum, arena[mib + i % 65536] + 256u * arena[mib + 65535] + 65536u * arena[2 * mib + i % 65536]);
  }
  return sum;
}

u64 rep_qword(u8* arena, u64 n) {
  u64 sum = 0;
  for (u64 i = 0; i < n; ++i) {
    const void* from = arena;
    void *to = arena + mib, *set = arena + 2 * mib;
    u64 count = 8192;
    arena[i % 65536] ^= static_cast<u8>(i);
    asm volatile("rep movsq" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
    count = 8192;
    asm volatile("rep stosq" : "+D"(set), "+c"(count) : "a"(i) : "memory");
    sum = mix(sum, arena[mib + i % 65536] + 256u * arena[mib + 65535] + 65536u * arena[2 * mib + i % 65536]);
  }
  return sum;
}

void prepare_strings(u8* arena) {
  fill(arena, 65536, 5);
  fill(arena + mib, 65536, 6);
  fill(arena + 2 * mib, 65536, 6);
}

constexpr u32 rank = 32;

// No exception noted so far: an emulator may do less for a guest whose inexact results are already known.
void clear_mxcsr_flags() {
  const u32 at_reset = 0x1f80;
  asm volatile("ldmxcsr %0" : : "m"(at_reset));
}

void prepare_matrix(u8* arena) {
  double* a = reinterpret_cast<double*>(arena);
  for (u32 i = 0; i < 2 * rank * rank; ++i) a[i] = static_cast<double>(i % 37) * 0.125 - 2.0;
  clear_mxcsr_flags();
}

// Whole numbers, whose products and sums all are exact.
void prepare_exact(u8* arena) {
  double* a = reinterpret_cast<double*>(arena);
  for (u32 i = 0; i < 2 * rank * rank; ++i) a[i] = static_cast<double>(i % 37) - 18;
  clear_mxcsr_flags();
}

// Each product, and each sum of them, is a denormal number.
void prepare_denormal(u8* arena) {
  double* a = reinterpret_cast<double*>(arena);
  for (u32 i = 0; i < 2 * rank * rank; ++i) a[i] = (static_cast<double>(i % 37) * 0.125 + 0.3) * 0x1p-520;
  clear_mxcsr_flags();
}

// n products of two matrices of 32 by 32 doubles; one element grows by `step` before each.
u64 products(u8* arena, u64 n, double step) {
  double* a = reinterpret_cast<double*>(arena);
  double* b = a + rank * rank;
  double* c = b + rank * rank;
  u64 sum = 0;
  for (u64 i = 0; i < n; ++i) {
    a[i % (rank * rank)] += step;
    for (u32 row = 0; row < rank; ++row) {
      for (u32 column = 0; column < rank; ++column) {
        double s = 0;
        for (u32 k = 0; k < rank; ++k) s += a[row * rank + k] * b[k * rank + column];
        c[row * rank + column] = s;
      }
    }
    sum = mix(sum, *reinterpret_cast<u64*>(&c[i % (rank * rank)]));
  }
  return sum;
}
u64 matrix(u8* arena, u64 n) { return products(arena, n, 0.001); }
u64 matrix_exact(u8* arena, u64 n) { return products(arena, n, 1); }
u64 matrix_denormal(u8* arena, u64 n) { return products(arena, n, 0x1p-523); }

// 1,000 steps in extended precision: a product, sums and a quotient each.
u64 x87(u8* arena, u64 n) {
  volatile long double* out = reinterpret_cast<long double*>(arena);
  long double x = 0.37L, sum = 0;
  for (u64 i = 0; i < n; ++i) {
    for (int k = 1; k <= 1000; ++k) {
      x = 3.7L * x * (1.0L - x);
      sum += x / static_cast<long double>(k);
    }
  }
  *reinterpret_cast<u64*>(arena + 8) = 0;
  *out = sum;
  return mix(*reinterpret_cast<u64*>(arena), *reinterpret_cast<u16*>(arena + 8));
}

// The same operations on whole numbers; every quotient is exact.
u64 x87_exact(u8* arena, u64 n) {
  volatile long double* out = reinterpret_cast<long double*>(arena);
  long double sum = 0;
  for (u64 i = 0; i < n; ++i) {
    long double x = 3;
    for (int k = 1; k <= 1000; ++k) {
      const long double y = x * static_cast<long double>(k);
      sum += y / x + (y - x);
      x = static_cast<long double>(k % 7 + 1);
    }
  }
  *reinterpret_cast<u64*>(arena + 8) = 0;
  *out = sum;
  return mix(*reinterpret_cast<u64*>(arena), *reinterpret_cast<u16*>(arena + 8));
}

struct Guest {
  u64 stack[16];
  u32 top;
  u64 locals[4];
};
using Builtin = u64 (*)(Guest&, u64);
[[gnu::noinline]] u64 builtin_twist(Guest& g, u64 v) { return v ^ (v << 5) ^ g.locals[1]; }
[[gnu::noinline]] u64 builtin_half(Guest&, u64 v) { return v >> 1; }
[[gnu::noinline]] u64 builtin_note(Guest& g, u64 v) { return g.locals[2] += v, v; }
const Builtin builtins[] = {builtin_twist, builtin_half, builtin_note};

enum Code : u8 { push, load, store, add, sub, mul, exor, less, branch_if, call, end };

// for (l0 = 0; l0 < 200; ++l0) l1 = note(half(twist(l1 * 7 + l0)))
const u8 program[] = {push, 0,     store, 0,    load, 1,    push,  7,    mul,       load, 0,    add,
                      call, 0,     call,  1,    call, 2,    store, 1,    load,      0,    push, 1,
                      add,  store, 0,     load, 0,    push, 200,   less, branch_if, 4,    end};

u64 interpreter(u8*, u64 n) {
  Guest g{};
  const u8* volatile code_at = program;  // the compiler must not specialise for the program
  for (u64 i = 0; i < n; ++i) {
    const u8* code = code_at;
    u64 at = 0;
    for (bool running = true; running;) {
      switch (code[at++]) {
        case push: g.stack[g.top++] = code[at++]; break;
        case load: g.stack[g.top++] = g.locals[code[at++]]; break;
        case store: g.locals[code[at++]] = g.stack[--g.top]; break;
        case add: --g.top, g.stack[g.top - 1] += g.stack[g.top]; break;
        case sub: --g.top, g.stack[g.top - 1] -= g.stack[g.top]; break;
        case mul: --g.top, g.stack[g.top - 1] *= g.stack[g.top]; break;
        case exor: --g.top, g.stack[g.top - 1] ^= g.stack[g.top]; break;
        case less: --g.top, g.stack[g.top - 1] = g.stack[g.top - 1] < g.stack[g.top]; break;
        case branch_if: at = g.stack[--g.top] ? code[at] : at + 1; break;
        case call: g.stack[g.top - 1] = builtins[code[at++]](g, g.stack[g.top - 1]); break;
        default: running = false; break;
      }
    }
  }
  return mix(g.locals[1], g.locals[2]);
}

constexpr u64 chase_at = 16 * mib, chase_nodes = mib;  // a node is a line of 64 bytes

// One cycle through all nodes; the multiplier makes a generator of full period whose steps change the page.
void prepare_chase(u8* arena) {
  u64 node = 0;
  for (u64 i = 0; i < chase_nodes; ++i) {
    const u64 next = (node * 1664525 + 1013904223) % chase_nodes;
    *reinterpret_cast<u64*>(arena + chase_at + node * 64) = next * 64;
    node = next;
  }
}

u64 chase(u8* arena, u64 n) {
  u64 at = 0;
  for (u64 i = 0; i < n; ++i) at = *reinterpret_cast<const u64*>(arena + chase_at + at);
  return at;
}

}  // namespace

const Kernel pure_kernels[] = {
    {"int_loop", nullptr, int_loop},
    {"sieve", nullptr, sieve},
    {"quicksort", nullptr, quicksort},
    {"sha256", prepare_sha256, sha256},
    {"crc32", prepare_crc32, crc32},
    {"memcpy", prepare_copy, memcpy64},
    {"memcpy_1m", prepare_copy, memcpy_1m},
    {"memcpy_4m", prepare_copy, memcpy_4m},
    {"rep_byte", prepare_strings, rep_byte},
    {"rep_qword", prepare_strings, rep_qword},
    {"matrix", prepare_matrix, matrix},
    {"matrix_exact", prepare_exact, matrix_exact},
    {"matrix_denormal", prepare_denormal, matrix_denormal},
    {"x87", nullptr, x87},
    {"x87_exact", nullptr, x87_exact},
    {"interpreter", nullptr, interpreter},
    {"chase", prepare_chase, chase},
};
const u64 pure_kernel_count = sizeof(pure_kernels) / sizeof(pure_kernels[0]);

}  // namespace bench
