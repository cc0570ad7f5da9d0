// Owns the comparison of the sums of two levels of the architecture.
#include <inttypes.h>
#include <stdio.h>

void sums_x86_64(uint64_t seed, uint64_t sums[8]);
void sums_x86_64_v3(uint64_t seed, uint64_t sums[8]);

int main(void) {
  int different = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    uint64_t plain[8], wide[8];
    sums_x86_64(seed, plain);
    sums_x86_64_v3(seed, wide);
    for (int n = 0; n < 8; ++n) {
      if (plain[n] == wide[n]) continue;
      ++different;
      printf("SUMS-DIFFER seed %" PRIu64 " sum %d: %016" PRIx64 " and %016" PRIx64 "\n", seed, n, plain[n], wide[n]);
    }
  }
  return different != 0;
}
