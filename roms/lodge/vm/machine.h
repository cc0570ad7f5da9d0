// Owns what a virtual machine is for the kernel: memory slots, virtual CPUs, and the chips that it has in the
// kernel.
#pragma once

#include "roms/kit/chips/pic.h"
#include "roms/kit/chips/pit.h"
#include "roms/kit/ept.h"
#include "roms/kit/fpu.h"
#include "roms/kit/mov.h"
#include "roms/kit/vmx.h"
#include "roms/lodge/abi.h"
#include "roms/lodge/scheduler.h"
#include "roms/lodge/vm/shadow.h"

namespace lodge {

struct VirtualMachine;

// A part of the process's memory that the guest sees at guest-physical `guest`. All are multiples of a page.
struct MemorySlot {
  u64 guest, address, bytes;
};

// An event on its way into the guest, in the form of the field VM_ENTRY_INTERRUPTION_INFORMATION.
struct PendingEvent {
  u32 information;  // bit 31: there is one
  u32 error_code;
  u64 length;  // of the instruction, for software interrupts
};

// What the process's answer in the run page is good for, at the next run_cpu.
enum class Unfinished : u8 { nothing, port, memory, hypercall };

struct VirtualCpu {
  VirtualMachine* machine;
  u64 number;
  Thread* thread;  // who runs it; nullptr: nobody at the moment
  RunPage* page;
  u64 page_address;  // the same page, for the process
  u64 vmcs;          // physical
  u64 msr_lists;     // physical: a page with the guest's values, and behind them the host's
  u16 vpid;
  bool launched;  // VMRESUME, not VMLAUNCH
  bool halted;    // the guest has executed HLT and waits for an interrupt
  u32 tlb_of;     // 1 more than the number of the only CPU whose TLB may be trusted with this guest; 0: none
  PendingEvent event;
  Unfinished unfinished;
  MemoryMove move;  // of Unfinished::memory
  Registers registers;
  u64 cr2;  // the VMCS has no field for it
  GuestFpu fpu;
  // Of the variants no-unrestricted-guest and no-ept: what the guest has, while the processor has something
  // else.
  u64 cr3, efer;
  Shadow shadow;
};

constexpr u64 most_slots = 8, most_cpus = 4;

struct VirtualMachine {
  bool used;
  Process* process;
  Face face;
  Ept ept;
  u64 slot_count;
  MemorySlot slots[most_slots];
  u64 cpu_count;
  VirtualCpu cpus[most_cpus];
  u64 msr_bitmap;           // physical
  u64 identity_table;       // physical, of the variant no-unrestricted-guest; 0: none
  u32 inside_registers[2];  // of the variant "inside": a device's by ports, and its register in memory
  u64 tsc_offset;           // the guest's time-stamp counter began at 0
  Pic pic;
  Pit pit;
  Alarm pit_alarm;
};

// What the system calls do. Each answers 0 or a number, or a Refusal.
VirtualMachine* create_machine(Process& process, Face face);
void destroy_machine(VirtualMachine& machine);
i64 add_memory_slot(VirtualMachine& machine, const MemorySlot& slot);
i64 add_virtual_cpu(VirtualMachine& machine);
VirtualCpu* virtual_cpu(VirtualMachine& machine, u64 number);
i64 run_page_address(VirtualCpu& cpu);
i64 set_state(VirtualCpu& cpu, const CpuState& state);
i64 get_state(VirtualCpu& cpu, CpuState& state);
i64 run(VirtualCpu& cpu);
// The current thread leaves this CPU: what the CPU holds of a guest goes back to memory.
void unload_virtual_cpu();
void set_interrupt_line(VirtualMachine& machine, u8 line, bool level);

// The physical address of the page behind a guest-physical address; 0: the guest has no memory there.
u64 guest_page(VirtualMachine& machine, u64 guest);

// The chips' time is the PIT's own count. Sets the alarm for what it does next.
u64 pit_time();
void follow_pit(VirtualMachine& machine);
// The first virtual CPU looks at the interrupt controller again.
void interrupt_pending(VirtualMachine& machine);

}  // namespace lodge
