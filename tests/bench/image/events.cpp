// Owns the kernels that need ring 0; an iteration is one event.
#include "tests/bench/image/machine.h"

namespace bench {
namespace {

constexpr u64 mib = 1ull << 20;

// `mov eax, imm32; ret` with a new immediate before each call.
void prepare_smc(u8* arena) {
  u8* code = arena + 14 * mib;
  code[0] = 0xb8;
  code[5] = 0xc3;
}

u64 smc(u8* arena, u64 n) {
  u8* code = arena + 14 * mib;
  const auto function = reinterpret_cast<u32 (*)()>(code);
  u64 sum = 0;
  for (u64 i = 0; i < n; ++i) {
    *reinterpret_cast<volatile u32*>(code + 1) = static_cast<u32>(i);
    asm volatile("" : : : "memory");
    sum += function();
  }
  return sum;
}

// A loop that stores into its own page, 512 bytes from its code:
//   lea rdx, [rip + 512 - 7]; xor eax, eax; again: add rax, [rdx]; mov [rdx], rdi; dec rdi; jnz again; ret
void prepare_store_beside(u8* arena) {
  static const u8 text[] = {0x48, 0x8d, 0x15, 0xf9, 0x01, 0x00, 0x00, 0x31, 0xc0, 0x48, 0x03,
                            0x02, 0x48, 0x89, 0x3a, 0x48, 0xff, 0xcf, 0x75, 0xf5, 0xc3};
  u8* code = arena + 14 * mib + 8192;
  for (u64 i = 0; i < sizeof(text); ++i) code[i] = text[i];
  *reinterpret_cast<u64*>(code + 512) = 0;
}

u64 store_beside(u8* arena, u64 n) { return reinterpret_cast<u64 (*)(u64)>(arena + 14 * mib + 8192)(n); }

void prepare_fault(u8* arena) {
  *reinterpret_cast<volatile u64*>(arena + 12 * mib) = 3;
  set_gate(14, fault_entry, 0);
}

// The page is taken away and dropped from the TLB; the load faults, and the handler brings it back.
u64 fault(u8* arena, u64 n) {
  u8* at = arena + 12 * mib;
  volatile u64* entry = &page_tables[reinterpret_cast<u64>(at) >> 12];
  u64 sum = 0;
  for (u64 i = 0; i < n; ++i) {
    *entry = *entry & ~1ull;
    asm volatile("invlpg (%0)" : : "r"(at) : "memory");
    sum += *reinterpret_cast<volatile u64*>(at);
    sum += *entry & 1;
  }
  set_gate(14, stubs[14], 0);
  return sum;
}

u64 system_call(u8*, u64 n) { return in_user_mode(user_syscalls, n); }
u64 int80(u8*, u64 n) { return in_user_mode(user_int80s, n); }

void prepare_pages(u8* arena) {
  for (u64 page = 0; page < 64; ++page) *reinterpret_cast<u64*>(arena + 13 * mib + page * 4096) = page;
}

u64 cr3(u8* arena, u64 n) {
  u64 root, sum = 0;
  asm volatile("mov %%cr3, %0" : "=r"(root));
  for (u64 i = 0; i < n; ++i) {
    asm volatile("mov %0, %%cr3" : : "r"(root) : "memory");
    for (u64 page = 0; page < 64; ++page)
      sum += *reinterpret_cast<volatile u64*>(arena + 13 * mib + page * 4096);
  }
  return sum;
}

u64 invlpg(u8* arena, u64 n) {
  u8* at = arena + 13 * mib + 4096;
  u64 sum = 0;
  for (u64 i = 0; i < n; ++i) {
    asm volatile("invlpg (%0)" : : "r"(at) : "memory");
    sum += *reinterpret_cast<volatile u64*>(at);
  }
  return sum;
}

}  // namespace

const Kernel event_kernels[] = {
    {"smc", prepare_smc, smc},         {"store_beside", prepare_store_beside, store_beside},
    {"fault", prepare_fault, fault},   {"syscall", nullptr, system_call},
    {"int80", nullptr, int80},         {"cr3", prepare_pages, cr3},
    {"invlpg", prepare_pages, invlpg},
};
const u64 event_kernel_count = sizeof(event_kernels) / sizeof(event_kernels[0]);

}  // namespace bench
