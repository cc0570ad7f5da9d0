// Owns what each CPU needs for itself: descriptor tables, a stack, its number; interrupt handlers, which all
// share; the start of the other CPUs.
#pragma once

#include "roms/kit/types.h"

namespace kit {

// Selectors. SYSRET wants user_data and user_code in this order (the manual's SYSRET); a program with rings
// uses RPL 3 with them.
constexpr u16 kernel_code = 0x08, kernel_data = 0x10, user_data = 0x18, user_code = 0x20, task_state = 0x28;

// The manual's "64-Bit TSS". RSP0 is the stack for interrupts that come in ring 3.
struct [[gnu::packed]] TaskState {
  u32 reserved0;
  u64 rsp0, rsp1, rsp2, reserved1;
  u64 ist[7];
  u64 reserved2;
  u16 reserved3, io_map_base;
};

constexpr u32 most_processors = 8;
constexpr u64 stack_bytes = 16384;

struct Processor {
  u64 gdt[7];
  u32 number;   // from 0 on, in the order in which they came
  u32 apic_id;  // the local APIC's name, to which interrupts are sent
  TaskState tss;
};

// The CPU that asks. It is found by GDTR, which points to its structure: a VM exit loads GDTR from the VMCS
// and ring 3 cannot change it, while GS, which others take for this, is in the hands of whoever ran last.
Processor& this_processor();
Processor& processor(u32 number);
u32 processor_count();

// A boot processor's tables; called before kit_main.
void prepare_boot_processor();

// Starts all other CPUs, by INIT and two start-up IPIs (the manual's "MP Initialization Protocol"): each
// calls `entry` on a stack of its own, with interrupts disabled. Returns when all have their number. Needs
// start_clock(). `longest` is how many nanoseconds an INIT and the way of a CPU to its number may take; 10 ms
// are the protocol's, and processors of this century are done much sooner.
void start_processors(void (*entry)(), u64 longest = 10'000'000);

// What the CPU and interrupts.asm leave on the stack.
struct InterruptFrame {
  u64 rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
  u64 vector, error_code;
  u64 rip, cs, rflags, rsp, ss;
};
using InterruptHandler = void (*)(InterruptFrame& frame);
// Vectors without a handler end the program, in words. A handler may change the frame.
void set_handler(u8 vector, InterruptHandler handler);
// Calls a vector's handler, as if it had been interrupted: for who acknowledges an interrupt by other means.
void call_handler(u8 vector);
u64 idt_address();
// A gate that ring 3 may use by INT.
void allow_from_user(u8 vector);

}  // namespace kit
