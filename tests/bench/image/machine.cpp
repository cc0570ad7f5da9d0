// Owns the machine's set-up: traps, the serial line, the ways out.
#include "tests/bench/image/machine.h"

namespace bench {
namespace {

struct [[gnu::packed]] Gate {
  u16 low;
  u16 selector;
  u8 stack;
  u8 type;
  u16 middle;
  u32 high;
  u32 reserved;
};
struct [[gnu::packed]] Tss {
  u32 reserved;
  u64 stacks[3];
  u8 rest[76];
};
struct [[gnu::packed]] Pointer {
  u16 limit;
  u64 base;
};

alignas(16) Gate idt[256];
alignas(16) Tss tss;

constexpr u16 com1 = 0x3f8;

void write_msr(u32 number, u64 value) {
  asm volatile("wrmsr" : : "c"(number), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32)));
}

void print_byte(char byte) {
  while (!(in8(com1 + 5) & 0x20)) {
  }
  out8(com1, static_cast<u8>(byte));
}

}  // namespace

void set_gate(u8 vector, void (*entry)(), u8 privilege) {
  const u64 at = reinterpret_cast<u64>(entry);
  idt[vector] = {
      static_cast<u16>(at),       8, 0, static_cast<u8>(0x8e | privilege << 5), static_cast<u16>(at >> 16),
      static_cast<u32>(at >> 32), 0};
}

void set_up_traps() {
  for (u8 vector = 0; vector < 32; ++vector) set_gate(vector, stubs[vector], 0);
  set_gate(1, debug_entry, 0);
  set_gate(0x80, int80_entry, 3);
  set_gate(0x81, back_to_caller, 3);
  const Pointer pointer{sizeof(idt) - 1, reinterpret_cast<u64>(idt)};
  asm volatile("lidt %0" : : "m"(pointer));

  tss.stacks[0] = reinterpret_cast<u64>(trap_stack_top);
  tss.rest[74] = sizeof(tss);  // no I/O bitmap
  const u64 base = reinterpret_cast<u64>(&tss);
  gdt[6] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
  gdt[7] = base >> 32;
  asm volatile("ltr %w0" : : "r"(0x30));

  write_msr(0xc0000081, 0x001b0008ull << 32);  // IA32_STAR
  write_msr(0xc0000082, reinterpret_cast<u64>(syscall_entry));
  write_msr(0xc0000084, 0);
}

void set_up_serial() {
  out8(com1 + 1, 0);
  out8(com1 + 3, 0x80);
  out8(com1, 1);  // 115,200 baud
  out8(com1 + 1, 0);
  out8(com1 + 3, 3);
  out8(com1 + 2, 7);
  out8(com1 + 4, 3);
}

void print(const char* text) {
  while (*text) print_byte(*text++);
}

void print_number(u64 number) {
  char digits[24];
  int at = 24;
  digits[--at] = 0;
  do {
    digits[--at] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number);
  print(digits + at);
}

void print_hex(u64 number) {
  for (int shift = 60; shift >= 0; shift -= 4) print_byte("0123456789abcdef"[number >> shift & 15]);
}

void end_line() {
  print_byte('\n');
  while (!(in8(com1 + 5) & 0x40)) {
  }
}

void power_off(u8 status) {
  out32(0xf4, status);                                                                      // isa-debug-exit
  for (const char* text = "Shutdown"; *text; ++text) out8(0x8900, static_cast<u8>(*text));  // Bochs
  for (;;) asm volatile("cli; hlt");
}

}  // namespace bench

void panic(bench::u64 vector, bench::u64 error, bench::u64 rip) {
  bench::u64 address;
  asm volatile("mov %%cr2, %0" : "=r"(address));
  bench::print("BENCH panic vector ");
  bench::print_number(vector);
  bench::print(" error ");
  bench::print_hex(error);
  bench::print(" rip ");
  bench::print_hex(rip);
  bench::print(" cr2 ");
  bench::print_hex(address);
  bench::end_line();
  bench::power_off(2);
}
