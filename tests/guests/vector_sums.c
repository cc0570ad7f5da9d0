// Owns sums over loops that a compiler makes vectors of: compiled once for each level of the architecture.
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifndef SUMS
#define SUMS sums
#endif

enum { side = 48, many = 4096 };
static double a[side][side], b[side][side], c[side][side];
static float fa[many], fb[many];
static int32_t ia[many], ib[many];
static int16_t wa[many], wb[many];
static uint8_t ba[many], bb[many];
static uint64_t qa[many];

static uint64_t sum_of(const void* data, size_t bytes) {
  const unsigned char* at = data;
  uint64_t sum = 14695981039346656037u;
  for (size_t i = 0; i < bytes; ++i) sum = (sum ^ at[i]) * 1099511628211u;
  return sum;
}

// Numbers that are the same whatever computes them.
static void fill(uint64_t seed) {
  uint64_t x = seed;
  for (int i = 0; i < many; ++i) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    ia[i] = (int32_t)(x >> 32);
    ib[i] = (int32_t)(x >> 16);
    wa[i] = (int16_t)(x >> 40);
    wb[i] = (int16_t)(x >> 20);
    ba[i] = (uint8_t)(x >> 33);
    bb[i] = (uint8_t)(x >> 50);
    qa[i] = x;
    fa[i] = (float)(ia[i] % 100000) / 128;
    fb[i] = (float)(ib[i] % 999) / 3;
  }
  for (int i = 0; i < side; ++i)
    for (int j = 0; j < side; ++j) {
      a[i][j] = ia[i * side + j] / 7.0;
      b[i][j] = ib[i * side + j] / 1e5;
    }
}

void SUMS(uint64_t seed, uint64_t sums[8]) {
  fill(seed);
  memset(c, 0, sizeof c);
  for (int i = 0; i < side; ++i)
    for (int k = 0; k < side; ++k)
      for (int j = 0; j < side; ++j) c[i][j] += a[i][k] * b[k][j];
  sums[0] = sum_of(c, sizeof c);
  for (int i = 0; i < many; ++i) fa[i] = sqrtf(fabsf(fa[i])) / (fb[i] * fb[i] + 1) + (fa[i] > fb[i] ? fa[i] : fb[i]);
  sums[1] = sum_of(fa, sizeof fa);
  for (int i = 0; i < many; ++i) {
    const int32_t shifted = (ia[i] >> (ib[i] & 31)) + (int32_t)((uint32_t)ib[i] << (ia[i] & 31));
    ia[i] = shifted < ib[i] ? -shifted / 2 : (int32_t)((uint32_t)shifted * 2654435761u);
  }
  sums[2] = sum_of(ia, sizeof ia);
  for (int i = 0; i < many; ++i) wa[i] = (int16_t)((wa[i] * wb[i]) >> 15) > wb[i] ? wa[i] : (int16_t)(wa[i] - wb[i]);
  sums[3] = sum_of(wa, sizeof wa);
  for (int i = 0; i < many; ++i) {
    const int more = ba[i] + bb[i], less = ba[i] - bb[i];
    ba[i] = (uint8_t)((more > 255 ? 255 : more) ^ (less < 0 ? 0 : less) ^ ((ba[i] + bb[i] + 1) >> 1));
  }
  sums[4] = sum_of(ba, sizeof ba);
  for (int i = 0; i < many; ++i) {
    const uint64_t x = qa[i], rotated = x << (i & 63) | x >> (-i & 63);
    qa[i] = (uint64_t)(__builtin_popcountll(x) + __builtin_ctzll(x | 1ull << 63) + __builtin_clzll(x | 1)) +
            (x & -x) + (x & (x - 1)) + (~x & rotated) + (uint64_t)((unsigned __int128)x * rotated >> 64);
  }
  sums[5] = sum_of(qa, sizeof qa);
  for (int i = 0; i < many; ++i) fb[i] = (float)ib[(uint32_t)ia[i] % many] + (float)(int32_t)fa[i];
  sums[6] = sum_of(fb, sizeof fb);
  double total = 0;
  for (int i = 0; i < many; ++i) total += (double)fb[i] * ib[i];
  sums[7] = sum_of(&total, sizeof total);
}
