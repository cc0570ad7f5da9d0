// Owns the queue of ready threads, the switch from one to another, the alarms and the timer behind them.
#include "roms/lodge/scheduler.h"

#include "roms/kit/apic.h"
#include "roms/kit/clock.h"
#include "roms/kit/print.h"
#include "roms/kit/spinlock.h"
#include "roms/lodge/process.h"
#include "roms/lodge/vm/machine.h"

extern "C" {
// entries.asm: keeps this thread's registers on its stack and goes on with another one's.
void lodge_switch(kit::u64* stack_pointer_here, kit::u64 stack_pointer_there);
void lodge_begin_thread();
}

namespace lodge {
namespace {

constexpr u32 most_threads = 64;
constexpr u64 slice = 10'000'000;  // nanoseconds until somebody else has a turn, if he waits for one
constexpr u8 timer_vector = 0x30, kick_vector = 0x31, spurious_vector = 0xff;

Spinlock kernel_lock;
Cpu cpus[most_processors];
Thread threads[most_threads];
u8 stacks[most_threads][stack_bytes] __attribute__((aligned(16)));
Thread* first_ready;
Thread* last_ready;
Alarm* first_alarm;

void append(Thread& thread) {
  thread.state = ThreadState::ready;
  thread.next = nullptr;
  (first_ready ? last_ready->next : first_ready) = &thread;
  last_ready = &thread;
}

// Whoever has waited goes before those that only used up their time: he will most likely wait again soon.
void prepend(Thread& thread) {
  thread.state = ThreadState::ready;
  thread.next = first_ready;
  if (!first_ready) last_ready = &thread;
  first_ready = &thread;
}

Thread& next_thread() {
  if (!first_ready) return this_cpu().idle;
  Thread& next = *first_ready;
  first_ready = next.next;
  return next;
}

// The CPU that is to take a new ready thread: an idle one is woken, else this one thinks again.
void find_cpu() {
  for (u32 n = 0; n < processor_count(); ++n) {
    if (cpus[n].current != &cpus[n].idle || &cpus[n] == &this_cpu()) continue;
    send_interrupt(processor(n).apic_id, kick_vector);
    return;
  }
  this_cpu().reschedule = true;
}

// The next moment at which this CPU must be in the kernel.
void set_timer_for_next() {
  Cpu& here = this_cpu();
  u64 at = first_alarm ? first_alarm->at : ~0ul;
  if (first_ready && here.current != &here.idle) at = smaller(at, here.slice_begin + slice);
  if (at == here.timer_at || at == ~0ul) return;
  const u64 moment = now();
  here.timer_at = at;
  set_timer(timer_vector, at > moment ? at - moment : 1);
}

void ring_alarms() {
  while (first_alarm && first_alarm->at <= now()) {
    Alarm& alarm = *first_alarm;
    first_alarm = alarm.next;
    alarm.set = false;
    alarm.ring(alarm.argument);
  }
}

// Interrupts come in ring 3, in an idle CPU, or as a VM exit: then the frame is empty, the lock is held, and
// vm/run.cpp does the rest.
void after_interrupt(const InterruptFrame& frame) {
  if (frame.cs == kernel_code) return leave_kernel();
  if (this_cpu().reschedule) schedule();
  if (this_cpu().current->dying) end_thread();
  leave_kernel();
}

void take_timer() {
  Cpu& here = this_cpu();
  end_of_interrupt();
  here.timer_at = 0;
  ring_alarms();
  if (now() >= here.slice_begin + slice) here.reschedule = true;
}

void on_timer(InterruptFrame& frame) {
  if (!frame.cs) return take_timer();
  enter_kernel();
  take_timer();
  after_interrupt(frame);
}

void on_kick(InterruptFrame& frame) {
  end_of_interrupt();
  if (!frame.cs) return;
  enter_kernel();
  after_interrupt(frame);
}

void on_spurious(InterruptFrame&) {}

}  // namespace

Cpu& this_cpu() { return cpus[this_processor().number]; }
Cpu& cpu(u32 number) { return cpus[number]; }

void enter_kernel() { kernel_lock.lock(); }

void leave_kernel() {
  set_timer_for_next();
  kernel_lock.unlock();
}

Thread* make_thread(Process& process, const InterruptFrame& frame) {
  for (u32 n = 0; n < most_threads; ++n) {
    Thread& thread = threads[n];
    if (thread.state != ThreadState::unused) continue;
    thread = {};
    thread.process = &process;
    thread.stack_end = address_of(stacks[n] + stack_bytes);
    // Its stack looks as if it had been interrupted in ring 3 and then called lodge_switch.
    auto* interrupted = at<InterruptFrame>(thread.stack_end) - 1;
    *interrupted = frame;
    auto* switched = reinterpret_cast<u64*>(interrupted) - 7;
    for (int k = 0; k < 6; ++k) switched[k] = 0;
    switched[6] = address_of(reinterpret_cast<void*>(lodge_begin_thread));
    thread.stack_pointer = address_of(switched);
    ++process.threads;
    append(thread);
    find_cpu();
    return &thread;
  }
  return nullptr;
}

void schedule() {
  Cpu& here = this_cpu();
  Thread& before = *here.current;
  here.reschedule = false;
  const u64 moment = now();
  before.time_used += moment - here.slice_begin;
  here.slice_begin = moment;
  if (before.state == ThreadState::running && &before != &here.idle) append(before);
  Thread& next = next_thread();
  next.state = ThreadState::running;
  if (&next == &before) return;
  unload_virtual_cpu();
  here.current = &next;
  here.kernel_stack = this_processor().tss.rsp0 = next.stack_end;
  use_address_space(next.process);
  lodge_switch(&before.stack_pointer, next.stack_pointer);
}

void wait() {
  this_cpu().current->state = ThreadState::waiting;
  schedule();
  if (this_cpu().current->dying) end_thread();
}

void wake(Thread& thread) {
  if (thread.state != ThreadState::waiting) return;
  prepend(thread);
  find_cpu();
}

void kick(Thread& thread) {
  for (u32 n = 0; n < processor_count(); ++n)
    if (cpus[n].current == &thread && &cpus[n] != &this_cpu())
      send_interrupt(processor(n).apic_id, kick_vector);
}

void end_thread() {
  Thread& thread = *this_cpu().current;
  unload_virtual_cpu();
  leave_process(*thread.process);
  thread.state =
      ThreadState::unused;  // nobody can take its stack before this CPU has left it: the lock is held
  schedule();
  __builtin_unreachable();
}

void end_threads_of(Process& process) {
  for (Thread& thread : threads) {
    if (thread.state == ThreadState::unused || thread.process != &process) continue;
    thread.dying = true;
    wake(thread);
    kick(thread);
  }
}

void set_alarm(Alarm& alarm, u64 at) {
  cancel_alarm(alarm);
  alarm.at = at;
  alarm.set = true;
  Alarm** place = &first_alarm;
  while (*place && (*place)->at <= at) place = &(*place)->next;
  alarm.next = *place;
  *place = &alarm;
}

void cancel_alarm(Alarm& alarm) {
  if (!alarm.set) return;
  alarm.set = false;
  Alarm** place = &first_alarm;
  while (*place != &alarm) place = &(*place)->next;
  *place = alarm.next;
}

void start_scheduler() {
  set_handler(timer_vector, on_timer);
  set_handler(kick_vector, on_kick);
  set_handler(spurious_vector, on_spurious);
}

void run_threads() {
  Cpu& here = this_cpu();
  here.current = &here.idle;
  here.idle.state = ThreadState::running;
  here.idle.stack_end = this_processor().tss.rsp0;
  enter_kernel();
  for (;;) {
    schedule();
    if (no_process_left()) power_off();
    leave_kernel();
    wait_for_interrupt();
    enter_kernel();
  }
}

}  // namespace lodge

// From lodge_begin_thread: the switch that led to a new thread was made with the lock held.
extern "C" void lodge_leave_kernel() {
  if (lodge::this_cpu().current->dying) lodge::end_thread();
  lodge::leave_kernel();
}
