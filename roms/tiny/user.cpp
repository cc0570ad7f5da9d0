// Owns the workloads of an operating system's daily life: system calls, page faults, and SSE registers that
// are switched lazily.
#include "roms/kit/instructions.h"
#include "roms/kit/pages.h"
#include "roms/kit/processor.h"
#include "roms/tiny/memory.h"
#include "roms/tiny/tiny.h"

extern "C" {
extern char tiny_user[], tiny_user_end[], tiny_syscall[];
void tiny_run_user(kit::u64 count, kit::u64 entry, kit::u64 stack);
kit::u64 tiny_calls;
void tiny_system_call() { ++tiny_calls; }
}

namespace tiny {
namespace {

constexpr u64 code = user_base, stack = user_base + page_bytes, holes = user_base + 64 * page_bytes;
u64 faults, last_fault, switches;

// The manual's "SYSCALL" and "SYSRET": STAR holds the selectors from which both count, FMASK the flags that
// the kernel does not want.
void allow_system_calls() {
  wrmsr(IA32_STAR, static_cast<u64>(kernel_data) << 48 | static_cast<u64>(kernel_code) << 32);
  wrmsr(IA32_LSTAR, address_of(tiny_syscall));
  wrmsr(IA32_FMASK, RFLAGS::IF | RFLAGS::DF | RFLAGS::TF);
  wrmsr(IA32_EFER, rdmsr(IA32_EFER) | EFER::SCE);
}

void on_page_fault(InterruptFrame&) {
  last_fault = read_cr2();
  ++faults;
  map_user_page(last_fault & ~(page_bytes - 1), allocate_page());
}

// Two tasks of this guest, with XMM0 and XMM15 each: #NM, the first use since CR0.TS was set, brings the
// other one's.
struct Task {
  u64 xmm0, xmm15;
} tasks[2];

void on_device_not_available(InterruptFrame&) {
  asm volatile("clts");
  Task& before = tasks[switches % 2];
  Task& next = tasks[++switches % 2];
  asm volatile("movq %%xmm0, %0; movq %%xmm15, %1" : "=m"(before.xmm0), "=m"(before.xmm15));
  asm volatile("movq %0, %%xmm0; movq %1, %%xmm15" : : "m"(next.xmm0), "m"(next.xmm15));
}

}  // namespace

bool system_calls(u64 count) {
  allow_system_calls();
  const u64 page = allocate_page();
  memcpy(at<void>(page), tiny_user, static_cast<u64>(tiny_user_end - tiny_user));
  map_user_page(code, page);
  map_user_page(stack, allocate_page());
  tiny_calls = 0;
  tiny_run_user(count, code, stack + page_bytes);
  return tiny_calls == count;
}

bool page_faults(u64 count) {
  set_handler(14, on_page_fault);
  faults = 0;
  bool good = true;
  for (u64 n = 0; n < count; ++n) {
    // The same 64 pages again and again: a page is taken away before it is touched.
    const u64 page = holes + n % 64 * page_bytes;
    if (n >= 64) unmap_user_page(page);
    *at<volatile u64>(page + 8) = n;
    good &= last_fault == page + 8 && *at<volatile u64>(page + 8) == n;
  }
  return good && faults == count;
}

// Both tasks count up, from numbers that no other guest has.
bool register_switches(u64 count) {
  set_handler(7, on_device_not_available);
  switches = 0;
  const u64 mine = rdtsc();
  tasks[0] = {};
  tasks[1] = {mine + 1, ~mine};
  asm volatile("movq %0, %%xmm0; movq %1, %%xmm15" : : "r"(mine), "r"(~mine));
  for (u64 n = 0; n < count; ++n) {
    write_cr0(read_cr0() | CR0::TS);
    u64 one = 1, low, high;
    asm volatile("movq %0, %%xmm1; paddq %%xmm1, %%xmm0; psubq %%xmm1, %%xmm15" : : "r"(one));
    // While this guest sleeps, another one may do the same.
    if (!timer_ticks(1)) return false;
    asm volatile("movq %%xmm0, %0; movq %%xmm15, %1" : "=r"(low), "=r"(high));
    // The one that begins is the second.
    const u64 times = n / 2 + 1, expected = mine + (n % 2 == 0) + times;
    if (low != expected || high != ~mine - times) return false;
  }
  return switches == count;
}

}  // namespace tiny
