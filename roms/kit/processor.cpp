// Owns the descriptor tables of each CPU, the interrupt table of all, and the start of the other CPUs.
#include "roms/kit/processor.h"

#include "roms/kit/apic.h"
#include "roms/kit/clock.h"
#include "roms/kit/instructions.h"
#include "roms/kit/print.h"

extern "C" {
extern char kit_stack_top[];  // of the boot processor
extern kit::u64 kit_interrupt_entries[256];
extern char kit_trampoline[], kit_trampoline_end[];
kit::u32 kit_next_processor = 1;  // the trampoline takes one number after the other
kit::u8 kit_stacks[kit::most_processors][kit::stack_bytes] __attribute__((aligned(16)));
}

namespace kit {
namespace {

struct [[gnu::packed]] TablePointer {
  u16 limit;
  u64 base;
};

// The manual's "64-Bit IDT Gate Descriptors".
struct Gate {
  u16 offset_low, selector;
  u8 stack_table, type;
  u16 offset_middle;
  u32 offset_high, reserved;
};
constexpr u8 interrupt_gate = 0x8e, for_user = 0x60;

Processor processors[most_processors] __attribute__((aligned(64)));
Gate idt[256] __attribute__((aligned(16)));
InterruptHandler handlers[256];
void (*other_entry)();
u32 processors_ready = 1;

constexpr u64 trampoline_address = 0x8000;  // a page below 1 MByte, whose number is the start-up IPI's vector

void fill_gdt(Processor& p) {
  p.gdt[0] = 0;
  p.gdt[kernel_code / 8] = 0x00af9b000000ffff;  // 64-bit, present, accessed
  p.gdt[kernel_data / 8] = 0x00cf93000000ffff;
  p.gdt[user_data / 8] = 0x00cff3000000ffff;  // DPL 3
  p.gdt[user_code / 8] = 0x00affb000000ffff;
  const u64 base = address_of(&p.tss);
  p.gdt[task_state / 8] =
      (sizeof(TaskState) - 1) | (base & 0xffffff) << 16 | 0x89ul << 40 | (base >> 24 & 0xff) << 56;
  p.gdt[task_state / 8 + 1] = base >> 32;
}

void load_tables(Processor& p) {
  const TablePointer gdtr = {sizeof p.gdt - 1, address_of(p.gdt)}, idtr = {sizeof idt - 1, address_of(idt)};
  asm volatile("lgdt %0" : : "m"(gdtr));
  asm volatile("lidt %0" : : "m"(idtr));
  asm volatile("push %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:" : : "i"(kernel_code) : "rax", "memory");
  asm volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss; mov %1, %%fs; mov %1, %%gs"
               :
               : "r"(kernel_data), "r"(0));
  asm volatile("ltr %0" : : "r"(task_state));
}

void prepare(u32 number, u64 stack_top) {
  Processor& p = processors[number];
  p.number = number;
  p.apic_id = local_apic_id();
  p.tss.rsp0 = stack_top;
  p.tss.io_map_base = sizeof(TaskState);  // behind its limit: no port is allowed to ring 3
  fill_gdt(p);
  load_tables(p);
}

constexpr const char* exception_names[] = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM",
                                           "#DF", "",    "#TS", "#NP", "#SS", "#GP", "#PF", "",
                                           "#MF", "#AC", "#MC", "#XM", "#VE", "#CP"};

[[noreturn]] void unexpected(const InterruptFrame& frame) {
  const char* name =
      frame.vector < sizeof exception_names / sizeof *exception_names ? exception_names[frame.vector] : "";
  stop("unexpected interrupt ", frame.vector, " ", name, " on CPU ", this_processor().number, ", error code ",
       hex(frame.error_code), ", RIP ", hex(frame.rip), ", RSP ", hex(frame.rsp), ", CR2 ", hex(read_cr2()));
}

}  // namespace

Processor& this_processor() {
  TablePointer gdtr;
  asm volatile("sgdt %0" : "=m"(gdtr));
  return *at<Processor>(gdtr.base);
}
Processor& processor(u32 number) { return processors[number]; }
u32 processor_count() { return __atomic_load_n(&processors_ready, __ATOMIC_ACQUIRE); }

void set_handler(u8 vector, InterruptHandler handler) { handlers[vector] = handler; }
u64 idt_address() { return address_of(idt); }
void allow_from_user(u8 vector) { idt[vector].type |= for_user; }

void call_handler(u8 vector) {
  InterruptFrame frame = {};
  frame.vector = vector;
  if (!handlers[vector]) unexpected(frame);
  handlers[vector](frame);
}

void prepare_boot_processor() {
  for (unsigned n = 0; n < 256; ++n) {
    const u64 entry = kit_interrupt_entries[n];
    idt[n] = {static_cast<u16>(entry),
              kernel_code,
              0,
              interrupt_gate,
              static_cast<u16>(entry >> 16),
              static_cast<u32>(entry >> 32),
              0};
  }
  prepare(0, address_of(kit_stack_top));
}

void start_processors(void (*entry)(), u64 longest) {
  other_entry = entry;
  memcpy(at<void>(trampoline_address), kit_trampoline, static_cast<u64>(kit_trampoline_end - kit_trampoline));
  send_init_to_others();
  wait_nanoseconds(longest);
  for (int twice = 0; twice < 2; ++twice) {
    send_start_up_to_others(trampoline_address / page_bytes);
    wait_nanoseconds(200'000);
  }
  // Nobody tells how many there are: those that came within that time are all.
  for (u32 seen = 0; seen != processors_ready; wait_nanoseconds(longest)) seen = processor_count();
}

}  // namespace kit

// From interrupts.asm.
extern "C" void kit_interrupt(kit::InterruptFrame* frame) {
  if (!kit::handlers[frame->vector]) kit::unexpected(*frame);
  kit::handlers[frame->vector](*frame);
}

// From the trampoline, on a stack of its own.
extern "C" void kit_begin_processor(kit::u64 number) {
  kit::prepare(static_cast<kit::u32>(number), kit::address_of(kit_stacks[number] + kit::stack_bytes));
  kit::enable_local_apic();
  __atomic_fetch_add(&kit::processors_ready, 1, __ATOMIC_RELEASE);
  kit::other_entry();
  for (;;) asm volatile("cli; hlt");
}
