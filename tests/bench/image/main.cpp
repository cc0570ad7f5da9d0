// Owns the image's order of work: reads the command line, runs what it names, reports each run on COM1.
// Words: NAME=N or all=N, a kernel's iterations; count, the instructions of one iteration instead.
#include "tests/bench/image/machine.h"

namespace bench {
namespace {

u8* const arena = reinterpret_cast<u8*>(16ull << 20);

// Where `word=` stands in the line, the number behind it; `otherwise` if nowhere.
u64 number_of(const char* line, const char* word, u64 otherwise) {
  for (const char* at = line; *at; ++at) {
    if (at != line && at[-1] != ' ') continue;
    u64 k = 0;
    while (word[k] && at[k] == word[k]) ++k;
    if (word[k] || at[k] != '=') continue;
    u64 number = 0;
    for (const char* digit = at + k + 1; *digit >= '0' && *digit <= '9'; ++digit) {
      number = number * 10 + static_cast<u64>(*digit - '0');
    }
    return number;
  }
  return otherwise;
}

void say(const char* name, const char* what, u64 n) {
  print("BENCH ");
  print(name);
  print(what);
  print_number(n);
}

u64 counted(const Kernel& kernel, u64 n) {
  if (kernel.prepare) kernel.prepare(arena);
  stepped(kernel.run, arena, n);
  return steps;
}

void run(const Kernel& kernel, u64 n, bool count) {
  if (!n) return;
  if (count) {
    say(kernel.name, " count ", n);
    print(" ");
    print_number((counted(kernel, 2 * n) - counted(kernel, n)) / n);
    end_line();
    return;
  }
  if (kernel.prepare) kernel.prepare(arena);
  say(kernel.name, " begin ", n);
  end_line();
  const u64 sum = kernel.run(arena, n);
  say(kernel.name, " end ", n);
  print(" ");
  print_hex(sum);
  end_line();
}

}  // namespace
}  // namespace bench

extern "C" void bench_main(const bench::u32* multiboot) {
  using namespace bench;
  set_up_serial();
  set_up_traps();
  const bool has_line = multiboot && (multiboot[0] & 4);
  const char* line = has_line ? reinterpret_cast<const char*>(static_cast<u64>(multiboot[4])) : "";
  const u64 all = number_of(line, "all", 0);
  const bool count = number_of(line, "count", 0) != 0;
  print("BENCH start");
  end_line();
  for (u64 i = 0; i < pure_kernel_count; ++i) {
    run(pure_kernels[i], number_of(line, pure_kernels[i].name, all), count);
  }
  const auto run_if_wide = [&](const Kernel& kernel) {
    const u64 n = number_of(line, kernel.name, all);
    if (!n) return;
    if (has_wide(kernel)) return run(kernel, n, count);
    say(kernel.name, " skipped ", n);
    end_line();
  };
  for (u64 i = 0; i < wide_kernel_count; ++i) run_if_wide(wide_kernels[i]);
  for (u64 i = 0; i < routine_kernel_count; ++i) run_if_wide(routine_kernels[i]);
  for (u64 i = 0; i < event_kernel_count; ++i) {
    run(event_kernels[i], number_of(line, event_kernels[i].name, count ? 0 : all), count);
  }
  for (u64 i = 0; i < vmx_kernel_count; ++i) {
    const u64 n = number_of(line, vmx_kernels[i].name, count ? 0 : all);
    if (!n) continue;
    if (has_vmx()) {
      run(vmx_kernels[i], n, false);
    } else {
      say(vmx_kernels[i].name, " skipped ", n);
      end_line();
    }
  }
  print("BENCH done");
  end_line();
  power_off(0);
}
