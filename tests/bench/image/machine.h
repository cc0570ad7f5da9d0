// Owns what the image's C++ knows of the machine: ports, gates, the serial line, the entries in assembly.
#pragma once

#include "tests/bench/image/kernels.h"

extern "C" {
extern bench::u64 gdt[], page_tables[], steps;
extern void (*const stubs[32])();
extern bench::u8 trap_stack_top[];
void debug_entry();
void fault_entry();
void int80_entry();
void syscall_entry();
void back_to_caller();
void user_syscalls();
void user_int80s();
bench::u64 in_user_mode(void (*entry)(), bench::u64 n);
bench::u64 stepped(bench::u64 (*run)(bench::u8*, bench::u64), bench::u8* arena, bench::u64 n);
bench::u64 in_guest(bench::u64 (*run)(bench::u8*, bench::u64), bench::u8* arena, bench::u64 n);
bench::u64 guest_cpuids(bench::u8* arena, bench::u64 n);
void guest_entry();
void guest_exit();
[[noreturn]] void panic(bench::u64 vector, bench::u64 error, bench::u64 rip);
}

namespace bench {

inline void out8(u16 port, u8 value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
inline void out32(u16 port, u32 value) { asm volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }
inline u8 in8(u16 port) {
  u8 value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

void set_gate(u8 vector, void (*entry)(), u8 privilege);
void set_up_traps();  // IDT, TSS, SYSCALL

void set_up_serial();
void print(const char* text);
void print_number(u64 number);  // decimal
void print_hex(u64 number);     // 16 digits
void end_line();                // and waits until the line is out
[[noreturn]] void power_off(u8 status);

extern const Kernel event_kernels[];
extern const u64 event_kernel_count;

bool has_vmx();  // and EPT and VPID: what the kernels below need
extern const Kernel vmx_kernels[];
extern const u64 vmx_kernel_count;

}  // namespace bench
