// Owns the native program: the same kernels on the host, and what the kernels of ring 0 must come to.
#include "tests/bench/image/kernels.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <sys/mman.h>

namespace {

using namespace bench;

u64 sum_below(u64 n) { return n * (n - 1) / 2; }

struct Prediction {
  const char* name;
  u64 (*sum)(u64 n);
};
const Prediction predictions[] = {
    {"smc", [](u64 n) { return sum_below(n); }},                   // the patched numbers 0 .. n-1
    {"store_beside", [](u64 n) { return sum_below(n + 1) - 1; }},  // all stored but the last, which is 1
    {"fault", [](u64 n) { return 4 * n; }},                        // the page's 3 and its present bit
    {"syscall", [](u64 n) { return sum_below(n + 1) + n; }},       // each number 1 .. n, plus one
    {"int80", [](u64 n) { return sum_below(n + 1) + n; }},
    {"cr3", [](u64 n) { return n * sum_below(64); }},  // the pages' numbers
    {"invlpg", [](u64 n) { return n; }},
    {"vm_exit", [](u64 n) { return sum_below(n + 1) + n; }},
};

// Pure kernels that the image also runs in a guest of VMX.
struct InGuest {
  const char* name;
  const char* kernel;
};
const InGuest in_guests[] = {{"ept_chase", "chase"}, {"ept_sieve", "sieve"}};

// The iterations that the command line asks for.
u64 iterations(int count, char** words, const char* name) {
  u64 all = 0;
  for (int i = 1; i < count; ++i) {
    const char* equals = std::strchr(words[i], '=');
    if (!equals) continue;
    const std::size_t length = static_cast<std::size_t>(equals - words[i]);
    if (length == std::strlen(name) && !std::strncmp(words[i], name, length)) {
      return std::strtoull(equals + 1, nullptr, 10);
    }
    if (length == 3 && !std::strncmp(words[i], "all", 3)) all = std::strtoull(equals + 1, nullptr, 10);
  }
  return all;
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

int main(int count, char** words) {
  void* memory = mmap(nullptr, arena_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("native: 80 MiB of memory");
    return 1;
  }
  u8* arena = static_cast<u8*>(memory);
  std::puts("BENCH start");
  const auto run = [&](const Kernel& kernel, const char* name) {
    const u64 n = iterations(count, words, name);
    if (!n) return;
    if (kernel.prepare) kernel.prepare(arena);
    std::printf("BENCH %s begin %llu\n", name, n);
    const double start = cpu_seconds();
    const u64 sum = kernel.run(arena, n);
    std::printf("BENCH %s end %llu %016llx %.9f\n", name, n, sum, cpu_seconds() - start);
  };
  for (u64 i = 0; i < pure_kernel_count; ++i) run(pure_kernels[i], pure_kernels[i].name);
  const auto run_if_wide = [&](const Kernel& kernel) {
    const u64 n = iterations(count, words, kernel.name);
    if (has_wide(kernel))
      run(kernel, kernel.name);
    else if (n)
      std::printf("BENCH %s skipped %llu\n", kernel.name, n);
  };
  for (u64 i = 0; i < wide_kernel_count; ++i) run_if_wide(wide_kernels[i]);
  for (u64 i = 0; i < routine_kernel_count; ++i) run_if_wide(routine_kernels[i]);
  for (const InGuest& guest : in_guests) {
    for (u64 i = 0; i < pure_kernel_count; ++i) {
      if (!std::strcmp(pure_kernels[i].name, guest.kernel)) run(pure_kernels[i], guest.name);
    }
  }
  for (const Prediction& prediction : predictions) {
    const u64 n = iterations(count, words, prediction.name);
    if (n) std::printf("BENCH %s end %llu %016llx\n", prediction.name, n, prediction.sum(n));
  }
  std::puts("BENCH done");
}
