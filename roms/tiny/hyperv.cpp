// Owns the workload under a hypervisor that looks like Hyper-V: hypercalls through the page that it fills,
// good ones and such that it has to refuse. The names are those of the "Hypervisor Top Level Functional
// Specification".
#include "roms/kit/hypercalls.h"
#include "roms/kit/instructions.h"
#include "roms/kit/pages.h"
#include "roms/kit/print.h"
#include "roms/tiny/tiny.h"

namespace tiny {
namespace {

constexpr u32 HV_X64_MSR_GUEST_OS_ID = 0x40000000, HV_X64_MSR_HYPERCALL = 0x40000001;
constexpr u64 open_source = 1ul << 63, enable = 1;
// Call codes, and bits of the input value.
constexpr u64 notify_long_spin_wait = 0x0008, query_capabilities = 0x8001, no_such_call = 0x7ff0,
              fast = 1 << 16, reserved = 1 << 27, one_of_a_list = 1ul << 32;
constexpr u64 success = 0, invalid_hypercall_code = 2, invalid_hypercall_input = 3, invalid_alignment = 4;

u64 code;  // where the hypercall page lies

u64 call(u64 input, u64 first = 0, u64 second = 0) {
  u64 status;
  register u64 output asm("r8") = second;
  asm volatile("call *%[code]"
               : "=a"(status), "+c"(input), "+d"(first), "+r"(output)
               : [code] "r"(code)
               : "r9", "r10", "r11", "memory");
  return status;
}

// The hypervisor fills the page only for a guest that has said who it is.
bool set_up() {
  const u64 page = allocate_page();
  wrmsr(HV_X64_MSR_HYPERCALL, page | enable);
  const bool refused = !(rdmsr(HV_X64_MSR_HYPERCALL) & enable);
  wrmsr(HV_X64_MSR_GUEST_OS_ID, open_source);
  wrmsr(HV_X64_MSR_HYPERCALL, page | enable);
  code = page;
  return refused && rdmsr(HV_X64_MSR_HYPERCALL) == (page | enable);
}

bool expect(const char* what, u64 status, u64 expected) {
  if (status != expected) print("tiny: ", what, ": status ", status, ", not ", expected, "\n");
  return status == expected;
}

bool refusals(u64 page) {
  constexpr u64 no_memory = 1ul << 40;
  bool good = expect("a call that is none", call(no_such_call), invalid_hypercall_code);
  good &= expect("a reserved bit", call(notify_long_spin_wait | reserved, page), invalid_hypercall_input);
  good &= expect("a list", call(notify_long_spin_wait | one_of_a_list, page), invalid_hypercall_input);
  good &= expect("input not aligned", call(notify_long_spin_wait, page + 4), invalid_alignment);
  good &= expect("input from no memory", call(notify_long_spin_wait, no_memory), invalid_alignment);
  good &= expect("input behind all", call(notify_long_spin_wait, ~7ul), invalid_alignment);
  good &= expect("output not aligned", call(query_capabilities, 0, page + 1), invalid_alignment);
  good &= expect("output to no memory", call(query_capabilities, 0, no_memory), invalid_alignment);
  good &= expect("fast, with output", call(query_capabilities | fast), invalid_hypercall_input);
  return good;
}

}  // namespace

bool hyperv_calls(u64 count) {
  bool good = (code || set_up());
  const u64 page = allocate_page();
  auto* const words = at<volatile u64>(page);
  for (u64 n = 0; n < count && good; ++n) {
    words[1] = ~0ul;
    words[2] = n;
    good &= expect("capabilities", call(query_capabilities, 0, page + 8), success);
    good &= words[1] != ~0ul && words[2] == n;
    good &= expect("a long wait", call(notify_long_spin_wait, page), success);
    good &= expect("a long wait, fast", call(notify_long_spin_wait | fast, n), success);
  }
  return refusals(page) && good;
}

}  // namespace tiny
