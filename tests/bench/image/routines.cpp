// Owns the kernels of small routines whose instructions go element by element or are rarely used: text,
// tables, masked ends of rows, dot products, scalars compiled for x86-64-v3.
#pragma GCC target("avx2,fma,bmi")
#include <immintrin.h>

#include "tests/bench/image/kernels.h"

namespace bench {
namespace {

u64 stirred(u64 sum, u64 value) { return (sum ^ value) * 0x9e3779b97f4a7c15ull + (sum >> 29); }

constexpr u32 places = 4096;  // of a picture, or a table, behind another

void fill_floats(u8* arena) {
  float* f = reinterpret_cast<float*>(arena);
  u32 seed = 5;
  for (u32 i = 0; i < 4 * places; ++i) {
    seed = seed * 1664525u + 1013904223u;
    f[i] = static_cast<float>(seed >> 8) * 0x1p-20f - 7.3f;
  }
  const u32 at_reset = 0x1f80;
  asm volatile("ldmxcsr %0" : : "m"(at_reset));
}

// 64 KiB of strings of 40 to 136 characters.
void prepare_text(u8* arena) {
  u32 seed = 37;
  for (u32 i = 0; i < 65536; ++i) {
    seed = seed * 1664525u + 1013904223u;
    arena[i] = static_cast<u8>(seed >> 24 | 1);
  }
  for (u32 i = 90; i < 65536; i += 40 + i % 97) arena[i] = 0;
  arena[65535] = 0;
}

u32 length_of(const u8* text) {
  for (u32 at = 0;; at += 16) {
    const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + at));
    const int end = _mm_cmpistri(_mm_setzero_si128(), part, _SIDD_CMP_EQUAL_EACH);
    if (end < 16) return at + static_cast<u32>(end);
  }
}

// The strings' lengths, and where they have one of four characters.
u64 text(u8* arena, u64 n) {
  const __m128i wanted = _mm_set1_epi32(0x2226263d);
  u64 sum = 0;
  for (u64 i = 0; i < n; ++i) {
    for (u32 at = 0; at < 32768;) {
      const u32 length = length_of(arena + at);
      sum += static_cast<u64>(length) * at;
      at += length + 1;
    }
    for (u32 at = 32768; at < 65536; at += 16) {
      const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(arena + at));
      sum += static_cast<u64>(_mm_cmpestri(wanted, 4, part, 16, _SIDD_CMP_EQUAL_ANY)) * at;
    }
  }
  return sum;
}

// A function by its table: the two values beside each number, and what is between them.
u64 interpolate(u8* arena, u64 n) {
  const float* f = reinterpret_cast<const float*>(arena);
  __m256 sum = _mm256_setzero_ps();
  for (u64 i = 0; i < n; ++i) {
    for (u32 k = 0; k < 2048; k += 8) {
      const __m256 x =
          _mm256_mul_ps(_mm256_add_ps(_mm256_loadu_ps(f + k), _mm256_set1_ps(8)), _mm256_set1_ps(40.1f));
      const __m256i at = _mm256_cvttps_epi32(x);
      const __m256 rest = _mm256_sub_ps(x, _mm256_cvtepi32_ps(at));
      const __m256 a = _mm256_i32gather_ps(f + places, at, 4), b = _mm256_i32gather_ps(f + places + 1, at, 4);
      sum = _mm256_fmadd_ps(_mm256_sub_ps(b, a), rest, _mm256_add_ps(sum, a));
    }
  }
  alignas(32) u64 bits[4];
  _mm256_store_ps(reinterpret_cast<float*>(bits), sum);
  return stirred(stirred(bits[0], bits[1]), stirred(bits[2], bits[3]));
}

// Sums of rows of 13 numbers: eight, and five by a mask.
u64 masked_rows(u8* arena, u64 n) {
  float *f = reinterpret_cast<float*>(arena), *out = f + 2 * places;
  const __m256i tail = _mm256_setr_epi32(-1, -1, -1, -1, -1, 0, 0, 0);
  u64 sum = 0;
  for (u64 i = 0; i < n; ++i) {
    f[i % places] += 0.01f;
    for (u32 k = 0; k + 13 <= places; k += 13) {
      const float *a = f + k, *b = f + places + k;
      _mm256_storeu_ps(out + k, _mm256_add_ps(_mm256_loadu_ps(a), _mm256_loadu_ps(b)));
      _mm256_maskstore_ps(out + k + 8, tail,
                          _mm256_add_ps(_mm256_maskload_ps(a + 8, tail), _mm256_maskload_ps(b + 8, tail)));
    }
    sum = stirred(sum, *reinterpret_cast<u32*>(out + i % 4000));
  }
  return sum;
}

// Vectors of four times a matrix.
u64 dot_products(u8* arena, u64 n) {
  float *f = reinterpret_cast<float*>(arena), *out = f + 2 * places;
  u64 sum = 0;
  for (u64 i = 0; i < n; ++i) {
    f[i % places] += 0.01f;
    const __m128 a = _mm_loadu_ps(f), b = _mm_loadu_ps(f + 4), c = _mm_loadu_ps(f + 8),
                 d = _mm_loadu_ps(f + 12);
    for (u32 k = 16; k < places; k += 4) {
      const __m128 v = _mm_loadu_ps(f + k);
      const __m128 low = _mm_or_ps(_mm_dp_ps(a, v, 0xf1), _mm_dp_ps(b, v, 0xf2));
      _mm_storeu_ps(out + k, _mm_or_ps(low, _mm_or_ps(_mm_dp_ps(c, v, 0xf4), _mm_dp_ps(d, v, 0xf8))));
    }
    sum = stirred(sum, *reinterpret_cast<u32*>(out + 16 + i % 4000));
  }
  return sum;
}

void prepare_columns(u8* arena) {
  fill_floats(arena);
  double* p = reinterpret_cast<double*>(arena);
  for (u32 i = 0; i < places; ++i) p[i] = (i % 97) * 0.37 + 0.1;
  for (u32 i = 0; i < places; i += 4) reinterpret_cast<u64*>(arena)[i] = 0x7ff8000000000000;
}

// Two columns: the scalar product, the least and the number of those that are not missing (a NaN).
u64 columns(u8* arena, u64 n) {
  double *p = reinterpret_cast<double*>(arena), *q = p + 1;
  double sum = 0, least = 1e300;
  u64 count = 0;
  for (u64 i = 0; i < n; ++i) {
    p[i % 2048 | 1] += 0.001;
    for (u32 k = 0; k < 2048; ++k) {
      const double x = p[k];
      if (x != x) continue;
      least = x < least ? x : least;
      ++count;
    }
    for (u32 k = 1; k < 2048; k += 4) sum += p[k] * q[k];
  }
  return stirred(stirred(count, __builtin_bit_cast(u64, sum)), __builtin_bit_cast(u64, least));
}

}  // namespace

const Kernel routine_kernels[] = {
    {"text", prepare_text, text},
    {"interpolate", fill_floats, interpolate},
    {"masked_rows", fill_floats, masked_rows},
    {"dot_products", fill_floats, dot_products},
    {"columns", prepare_columns, columns},
};
const u64 routine_kernel_count = sizeof(routine_kernels) / sizeof(routine_kernels[0]);

}  // namespace bench
