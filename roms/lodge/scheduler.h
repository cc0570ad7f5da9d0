// Owns the threads of the machine: who runs on which CPU, who waits for what, and the one lock of the kernel.
//
// A virtual CPU is a thread as any other here. That is the whole idea of a hypervisor of type 2: the
// scheduler that was there for processes serves guests as well.
#pragma once

#include "roms/kit/processor.h"
#include "roms/kit/types.h"
#include "roms/lodge/abi.h"

namespace lodge {

struct Process;
struct VirtualCpu;

enum class ThreadState : u8 { unused, ready, running, waiting };

struct Thread {
  u64 stack_pointer;  // in the kernel, while it does not run
  u64 stack_end;      // of its stack in the kernel
  Thread* next;       // in the queue of those that are ready
  Process* process;   // nullptr: a CPU's idle thread
  ThreadState state;
  bool dying;     // its process ends: it goes no further than to the end of the kernel
  u64 time_used;  // nanoseconds on a CPU
};

// What each CPU has for the scheduler. lodge_system_call (entries.asm) knows the first two.
struct Cpu {
  u64 user_stack;    // RSP of ring 3, while a system call finds its way to the kernel's stack
  u64 kernel_stack;  // where the current thread's kernel stack ends
  Thread* current;
  Thread idle;
  VirtualCpu* loaded;  // whose VMCS is current and active here
  bool reschedule;     // somebody else should run
  u64 slice_begin;     // when `current` began to run
  u64 timer_at;        // what the local APIC's timer was set to; 0: it is not running
};
Cpu& this_cpu();
Cpu& cpu(u32 number);

// The kernel has one lock. It is taken on each way in (a system call, an interrupt, a VM exit) and given back
// on each way out (to ring 3, to a guest, to an idle CPU), so that no other code here thinks of the other
// CPUs. Interrupts are disabled while it is held.
void enter_kernel();
void leave_kernel();

// Takes a thread from the table, whose first step is `frame` in ring 3. nullptr: the table is full.
Thread* make_thread(Process& process, const InterruptFrame& frame);

// Lets the next thread that is ready run on this CPU, and returns when this one has its turn again.
void schedule();
// Waits for wake(). Comes back for other reasons, too: whoever waits asks again whether what it waits for is
// there.
void wait();
void wake(Thread& thread);
// The other CPU that runs this thread comes into the kernel at once, to see what has changed.
void kick(Thread& thread);
[[noreturn]] void end_thread();
// The threads of a process end as soon as each comes by.
void end_threads_of(Process& process);

// Something to do at a moment of now(), in the kernel.
struct Alarm {
  u64 at;
  void (*ring)(void* argument);
  void* argument;
  Alarm* next;
  bool set;
};
void set_alarm(Alarm& alarm, u64 at);
void cancel_alarm(Alarm& alarm);

// What each CPU does from then on.
[[noreturn]] void run_threads();
void start_scheduler();

}  // namespace lodge
