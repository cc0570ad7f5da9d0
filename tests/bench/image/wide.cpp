// Owns the kernels that need what x86-64-v3 and its like have: AVX2, FMA, BMI, AES and carry-less products,
// SHA.
#pragma GCC target("avx2,fma,bmi,bmi2,lzcnt,popcnt,aes,pclmul,sha")
#include <cpuid.h>
#include <immintrin.h>

#include "tests/bench/image/kernels.h"

namespace bench {
namespace {

constexpr u64 wide_mib = 1ull << 20;

u64 mixed(u64 sum, u64 value) { return (sum ^ value) * 0x9e3779b97f4a7c15ull + (sum >> 29); }

void fill_wide(u8* at, u64 bytes, u32 seed) {
  for (u64 i = 0; i < bytes; i += 4) {
    seed = seed * 1664525u + 1013904223u;
    *reinterpret_cast<u32*>(at + i) = seed;
  }
}

__m256i load256(const u8* at) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)); }
void store256(u8* at, __m256i v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), v); }
__m128i load128(const u8* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); }
void store128(u8* at, __m128i v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(at), v); }

constexpr u64 block_bytes = 32768;

void prepare_blocks(u8* arena) { fill_wide(arena, block_bytes, 3); }

// 32 KiB, as a libc copies them: four YMM registers a step.
u64 avx_memcpy(u8* arena, u64 n) {
  u8* to = arena + (66 << 10);
  u64 sum = 0;
  for (u64 i = 0; i < n; ++i) {
    arena[i % block_bytes] ^= static_cast<u8>(i);
    for (u64 k = 0; k < block_bytes; k += 128) {
      const __m256i a = load256(arena + k), b = load256(arena + k + 32), c = load256(arena + k + 64),
                    d = load256(arena + k + 96);
      store256(to + k, a);
      store256(to + k + 32, b);
      store256(to + k + 64, c);
      store256(to + k + 96, d);
    }
    sum = mixed(sum, to[i % block_bytes] + 256u * to[block_bytes - 1]);
  }
  return sum;
}

u64 avx_memset(u8* arena, u64 n) {
  u64 sum = 0;
  for (u64 i = 0; i < n; ++i) {
    const __m256i value = _mm256_set1_epi8(static_cast<char>(i));
    for (u64 k = 0; k < block_bytes; k += 128) {
      store256(arena + k, value);
      store256(arena + k + 32, value);
      store256(arena + k + 64, value);
      store256(arena + k + 96, value);
    }
    sum = mixed(sum, arena[i % block_bytes] + 256u * arena[block_bytes - 1]);
  }
  return sum;
}

constexpr u32 wide_rank = 32;

void clear_flags() {
  const u32 at_reset = 0x1f80;
  asm volatile("ldmxcsr %0" : : "m"(at_reset));
}
template <class T>
void prepare_wide_matrix(u8* arena) {
  T* a = reinterpret_cast<T*>(arena);
  for (u32 i = 0; i < 2 * wide_rank * wide_rank; ++i)
    a[i] = static_cast<T>(i % 37) * static_cast<T>(0.125) - 2;
  clear_flags();
}

// What the kernel of matrices needs of singles and of doubles.
__m256 broadcast(const float* at) { return _mm256_broadcast_ss(at); }
__m256d broadcast(const double* at) { return _mm256_broadcast_sd(at); }
__m256 add_product(__m256 x, const float* at, __m256 sum) {
  return _mm256_fmadd_ps(x, _mm256_loadu_ps(at), sum);
}
__m256d add_product(__m256d x, const double* at, __m256d sum) {
  return _mm256_fmadd_pd(x, _mm256_loadu_pd(at), sum);
}
void store256(float* at, __m256 v) { _mm256_storeu_ps(at, v); }
void store256(double* at, __m256d v) { _mm256_storeu_pd(at, v); }
u64 bits_of(float x) { return __builtin_bit_cast(u32, x); }
u64 bits_of(double x) { return __builtin_bit_cast(u64, x); }

// n products of two matrices of 32 by 32 numbers, a broadcast element times two registers of columns at once.
template <class T>
u64 matrix_product(u8* arena, u64 n) {
  constexpr u32 lanes = 32 / sizeof(T);
  T* a = reinterpret_cast<T*>(arena);
  T *b = a + wide_rank * wide_rank, *c = b + wide_rank * wide_rank;
  u64 sum = 0;
  for (u64 i = 0; i < n; ++i) {
    a[i % (wide_rank * wide_rank)] += static_cast<T>(0.001);
    for (u32 row = 0; row < wide_rank; ++row) {
      for (u32 column = 0; column < wide_rank; column += 2 * lanes) {
        decltype(broadcast(a)) s{}, t{};
        for (u32 k = 0; k < wide_rank; ++k) {
          const auto x = broadcast(a + row * wide_rank + k);
          s = add_product(x, b + k * wide_rank + column, s);
          t = add_product(x, b + k * wide_rank + column + lanes, t);
        }
        store256(c + row * wide_rank + column, s);
        store256(c + row * wide_rank + column + lanes, t);
      }
    }
    sum = mixed(sum, bits_of(c[i % (wide_rank * wide_rank)]));
  }
  return sum;
}

// AES-128 in counter mode over 4 KiB, four blocks in turn, and GHASH of what comes out. The key's words are
// any.
constexpr u32 rounds = 10;

__m128i multiply_in_field(__m128i a, __m128i b) {
  __m128i low = _mm_clmulepi64_si128(a, b, 0x00), high = _mm_clmulepi64_si128(a, b, 0x11);
  const __m128i middle = _mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x01), _mm_clmulepi64_si128(a, b, 0x10));
  low = _mm_xor_si128(low, _mm_slli_si128(middle, 8));
  high = _mm_xor_si128(high, _mm_srli_si128(middle, 8));
  // The product is of reflected numbers: one bit to the left, then modulo x^128 + x^7 + x^2 + x + 1 in two
  // steps.
  const __m128i carry_low = _mm_srli_epi32(low, 31), carry_high = _mm_srli_epi32(high, 31);
  low = _mm_or_si128(_mm_slli_epi32(low, 1), _mm_slli_si128(carry_low, 4));
  high = _mm_or_si128(_mm_or_si128(_mm_slli_epi32(high, 1), _mm_slli_si128(carry_high, 4)),
                      _mm_srli_si128(carry_low, 12));
  __m128i fold =
      _mm_xor_si128(_mm_xor_si128(_mm_slli_epi32(low, 31), _mm_slli_epi32(low, 30)), _mm_slli_epi32(low, 25));
  const __m128i rest = _mm_srli_si128(fold, 4);
  low = _mm_xor_si128(low, _mm_slli_si128(fold, 12));
  fold = _mm_xor_si128(_mm_xor_si128(_mm_srli_epi32(low, 1), _mm_srli_epi32(low, 2)),
                       _mm_xor_si128(_mm_srli_epi32(low, 7), rest));
  return _mm_xor_si128(high, _mm_xor_si128(low, fold));
}

void prepare_gcm(u8* arena) {
  fill_wide(arena, 4096, 17);
  fill_wide(arena + wide_mib, 16 * (rounds + 2), 19);
}

u64 aes_gcm(u8* arena, u64 n) {
  const u8* keys = arena + wide_mib;
  const __m128i swap = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m128i hash_key = load128(keys + 16 * (rounds + 1));
  const __m128i one = _mm_set_epi32(0, 0, 0, 1);
  __m128i counter = _mm_set_epi32(7, 6, 5, 4), hash = _mm_setzero_si128();
  for (u64 i = 0; i < n; ++i) {
    for (u32 at = 0; at < 4096; at += 64) {
      __m128i x[4];
      for (__m128i& block : x) {
        counter = _mm_add_epi32(counter, one);
        block = _mm_xor_si128(_mm_shuffle_epi8(counter, swap), load128(keys));
      }
      for (u32 round = 1; round < rounds; ++round) {
        const __m128i key = load128(keys + 16 * round);
        for (__m128i& block : x) block = _mm_aesenc_si128(block, key);
      }
      const __m128i key = load128(keys + 16 * rounds);
      for (u32 b = 0; b < 4; ++b) {
        x[b] = _mm_xor_si128(_mm_aesenclast_si128(x[b], key), load128(arena + at + 16 * b));
        store128(arena + 8192 + at + 16 * b, x[b]);
        hash = multiply_in_field(_mm_xor_si128(hash, _mm_shuffle_epi8(x[b], swap)), hash_key);
      }
    }
  }
  return mixed(static_cast<u64>(_mm_extract_epi64(hash, 0)), static_cast<u64>(_mm_extract_epi64(hash, 1)));
}

// A picture of 512 by 64 bytes, each the weighted mean of its nine neighbours (1 2 1, 2 4 2, 1 2 1).
constexpr u32 width = 512, height = 64;

void prepare_image(u8* arena) { fill_wide(arena, width * height, 23); }

u64 image_filter(u8* arena, u64 n) {
  u8* out = arena + wide_mib;
  u64 sum = 0;
  const __m256i round = _mm256_set1_epi16(8);
  for (u64 i = 0; i < n; ++i) {
    arena[i % (width * height)] += 3;
    for (u32 y = 1; y < height - 1; ++y) {
      for (u32 x = 16; x < width - 16; x += 16) {
        const u8* at = arena + y * width + x;
        __m256i total = round;
        for (int line = -1; line <= 1; ++line) {
          const u8* row = at + line * static_cast<int>(width);
          const __m256i left = _mm256_cvtepu8_epi16(load128(row - 1)),
                        middle = _mm256_cvtepu8_epi16(load128(row)),
                        right = _mm256_cvtepu8_epi16(load128(row + 1));
          const __m256i of = _mm256_add_epi16(_mm256_add_epi16(left, right), _mm256_slli_epi16(middle, 1));
          total = _mm256_add_epi16(total, line ? of : _mm256_slli_epi16(of, 1));
        }
        const __m256i mean = _mm256_srli_epi16(total, 4);
        const __m256i bytes = _mm256_permute4x64_epi64(_mm256_packus_epi16(mean, mean), 0x08);
        store128(out + y * width + x, _mm256_castsi256_si128(bytes));
      }
    }
    sum = mixed(sum, out[width + i % (width * (height - 2))]);
  }
  return sum;
}

void prepare_bits(u8* arena) { fill_wide(arena, 8192, 29); }

// 1,024 words: their ones one by one, interleaved halves, fields, rotations, wide products.
u64 bit_tricks(u8* arena, u64 n) {
  u64* words = reinterpret_cast<u64*>(arena);
  u64 sum = 0;
  for (u64 i = 0; i < n; ++i) {
    words[i % 1024] += i;
    for (u32 k = 0; k < 1024; ++k) {
      const u64 word = words[k];
      u64 places = 0;
      for (u64 rest = word & 0x8421084210842108; rest; rest = _blsr_u64(rest)) places += _tzcnt_u64(rest) ^ k;
      const u64 woven = _pdep_u64(word, 0x5555555555555555) | _pdep_u64(word >> 32, 0xaaaaaaaaaaaaaaaa);
      const u64 apart = _pext_u64(word, 0x3333333333333333);
      u64 high;
      const u64 low = _mulx_u64(word, 0x9e3779b97f4a7c15, &high);
      const u64 field = _bextr_u64(word, 7, 21) + _bzhi_u64(high, static_cast<u32>(word & 63));
      const u64 turned = (woven >> 19 | woven << 45) ^ (apart << (word & 63));
      sum += places + (turned ^ low) + field + _lzcnt_u64(word) +
             static_cast<u64>(__builtin_popcountll(word)) + (~woven & apart) + _blsi_u64(word);
    }
  }
  return sum;
}

void prepare_sha_ni(u8* arena) {
  fill_wide(arena, 4096, 99);
  fill_wide(arena + wide_mib, 256, 101);  // the constants do not matter here
}

// SHA-256's compression of 64 blocks (4 KiB), by the instructions made for it.
u64 sha_ni(u8* arena, u64 n) {
  const u8* constants = arena + wide_mib;
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i abef = _mm_set_epi32(0x6a09e667, static_cast<int>(0xbb67ae85), 0x510e527f,
                               static_cast<int>(0x9b05688c)),
          cdgh = _mm_set_epi32(0x3c6ef372, static_cast<int>(0xa54ff53a), 0x1f83d9ab, 0x5be0cd19);
  for (u64 i = 0; i < n * 64; ++i) {
    const u8* block = arena + i % 64 * 64;
    const __m128i first = abef, second = cdgh;
    __m128i w[4];
    for (u32 k = 0; k < 4; ++k) w[k] = _mm_shuffle_epi8(load128(block + 16 * k), swap);
    for (u32 k = 0; k < 16; ++k) {
      const __m128i now = w[k % 4];
      __m128i message = _mm_add_epi32(now, load128(constants + 16 * k));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, message);
      message = _mm_shuffle_epi32(message, 0x0e);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, message);
      if (k < 12) {
        const __m128i far = _mm_alignr_epi8(w[(k + 3) % 4], w[(k + 2) % 4], 4);
        w[k % 4] = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(now, w[(k + 1) % 4]), far),
                                        w[(k + 3) % 4]);
      }
    }
    abef = _mm_add_epi32(abef, first);
    cdgh = _mm_add_epi32(cdgh, second);
  }
  return mixed(static_cast<u64>(_mm_extract_epi64(abef, 0)) ^ static_cast<u64>(_mm_extract_epi64(abef, 1)),
               static_cast<u64>(_mm_extract_epi64(cdgh, 0)) ^ static_cast<u64>(_mm_extract_epi64(cdgh, 1)));
}

}  // namespace

const Kernel wide_kernels[] = {
    {"avx_memcpy", prepare_blocks, avx_memcpy},
    {"avx_memset", prepare_blocks, avx_memset},
    {"matrix_ps", prepare_wide_matrix<float>, matrix_product<float>},
    {"matrix_pd", prepare_wide_matrix<double>, matrix_product<double>},
    {"aes_gcm", prepare_gcm, aes_gcm},
    {"image_filter", prepare_image, image_filter},
    {"bit_tricks", prepare_bits, bit_tricks},
    {"sha_ni", prepare_sha_ni, sha_ni},
};
const u64 wide_kernel_count = sizeof(wide_kernels) / sizeof(wide_kernels[0]);

bool has_wide(const Kernel& kernel) {
  u32 eax, ebx, ecx, edx;
  constexpr u32 of_1 = bit_AVX | bit_FMA | bit_OSXSAVE | bit_AES | bit_PCLMUL | bit_POPCNT | bit_SSE4_2;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || (ecx & of_1) != of_1) return false;
  const u32 of_7 = bit_AVX2 | bit_BMI | bit_BMI2 | (kernel.run == sha_ni ? bit_SHA : 0);
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & of_7) == of_7;
}

}  // namespace bench
