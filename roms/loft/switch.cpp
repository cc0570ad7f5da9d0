// Owns the switch between virtual CPUs on a CPU, and the loop around the entry.
#include "roms/loft/switch.h"

#include "roms/kit/apic.h"
#include "roms/kit/clock.h"
#include "roms/kit/print.h"
#include "roms/kit/processor.h"
#include "roms/kit/variants.h"
#include "roms/loft/events.h"
#include "roms/loft/exits.h"
#include "roms/loft/schedule.h"

namespace loft {
namespace {

constexpr u8 timer_vector = 0xf0, kick_vector = 0xf1;

struct Cpu {
  Vcpu* runs;  // nullptr: idle
  u64 timer;   // when its timer will interrupt; 0: it is not set
  bool ready;
};
Cpu cpus[most_processors];

Cpu& this_cpu() { return cpus[this_processor().number]; }

void on_timer(InterruptFrame&) {
  this_cpu().timer = 0;
  end_of_interrupt();
}
void on_kick(InterruptFrame&) { end_of_interrupt(); }

// MSRs that the processor uses for the guest and no VMCS field holds. The hypervisor itself uses none of
// them, so they stay the guest's through all exits, until another virtual CPU comes. The same is true for the
// registers of FPU and SSE (kit/fpu.h).
constexpr u32 switched_msrs[5] = {IA32_STAR, IA32_LSTAR, IA32_CSTAR, IA32_FMASK, IA32_KERNEL_GS_BASE};

void switch_to(Vcpu& v) {
  if (Failure f = vmptrld(v.vmcs)) stop("VMPTRLD failed: ", f);
  // The host's state is this CPU's, and the virtual CPU may have run on another one before.
  write_host_state();
  for (u32 n = 0; n < 5; ++n) wrmsr(switched_msrs[n], v.msrs[n]);
  arrive(v.fpu);
  // What this CPU's TLB knows under this VPID is of the last time here: since then the guest may have changed
  // its tables elsewhere.
  if (v.processor != this_processor().number && !variants.no_vpid)
    if (Failure f = invvpid(Invalidation::single_context, static_cast<u16>(vmread(VIRTUAL_PROCESSOR_ID))))
      stop("INVVPID failed: ", f);
  if (v.processor != this_processor().number) v.flushed = ~0ul;  // and EPT's part of it by the next entry
  v.processor = this_processor().number;
}

// VMCLEAR: the VMCS may be loaded on another CPU next, which must find all of it in memory.
void switch_from(Vcpu& v) {
  for (u32 n = 0; n < 5; ++n) v.msrs[n] = rdmsr(switched_msrs[n]);
  leave(v.fpu);
  if (Failure f = vmclear(v.vmcs)) stop("VMCLEAR failed: ", f);
  v.launched = false;
}

void set_timer_for(u64 deadline) {
  Cpu& cpu = this_cpu();
  if (cpu.timer == deadline) return;
  const u64 time = now();
  set_timer(timer_vector, deadline > time ? deadline - time : 1);
  cpu.timer = deadline;
}

void flush_if_needed(Vcpu& v) {
  if (v.flushed == v.domain->unmappings) return;
  if (Failure f = invept(Invalidation::single_context, v.domain->ept.pointer())) stop("INVEPT failed: ", f);
  v.flushed = v.domain->unmappings;
}

// One run of the guest, from an entry to the next exit, without the lock. Returns the time it took.
u64 run_once(Vcpu& v) {
  deliver_events(v);
  flush_if_needed(v);
  lock.unlock();
  write_cr2(v.cr2);
  const u64 begin = now();
  const Failure failure = enter_guest(v.registers, v.launched);
  const u64 time = now() - begin;
  v.cr2 = read_cr2();
  lock.lock();
  if (failure) stop("VM entry of d", v.domain->number, " refused: ", failure);
  v.launched = true;
  return time;
}

// Runs it until it has to give way, or does not want to run any more.
void run(Vcpu& v) {
  const u64 slice_begin = now();
  switch_to(v);
  this_cpu().runs = &v;
  while (v.state == VcpuState::running && !should_give_way(v, slice_begin)) {
    v.yields = false;  // if it did: nobody of its rank is ready
    const u64 slice_end = slice_begin + slice;
    set_timer_for(slice_end > now() ? smaller(next_deadline(), slice_end) : next_deadline());
    charge(v, run_once(v));
    keep_cut_event(v);
    handle_exit(v);
    pass_time();
    if (v.state == VcpuState::blocked && has_something_to_do(v)) v.state = VcpuState::running;
  }
  this_cpu().runs = nullptr;
  v.yields = false;
  switch_from(v);
  put_back(v, v.state == VcpuState::running ? VcpuState::ready : v.state);
}

void idle() {
  set_timer_for(next_deadline());
  lock.unlock();
  wait_for_interrupt();
  lock.lock();
}

}  // namespace

void kick(u32 number) { send_interrupt(processor(number).apic_id, kick_vector); }

void kick_for(int rank) {
  for (u32 n = 0; n < processor_count(); ++n) {
    if (!cpus[n].ready || n == this_processor().number || cpus[n].runs) continue;
    kick(n);
    return;
  }
  for (u32 n = 0; rank > 0 && n < processor_count(); ++n)
    if (cpus[n].ready && n != this_processor().number) return kick(n);
}

bool runs_somewhere(const Domain& d) {
  for (const Cpu& cpu : cpus)
    if (cpu.runs && cpu.runs->domain == &d) return true;
  return false;
}

void flush_everywhere(Domain& d) {
  ++d.unmappings;
  for (u32 n = 0; n < processor_count(); ++n) {
    if (n == this_processor().number) continue;
    // It leaves its guest, waits for the lock, which we open, and invalidates before the next entry.
    while (cpus[n].runs && cpus[n].runs->domain == &d && cpus[n].runs->flushed != d.unmappings) {
      kick(n);
      lock.unlock();
      pause();
      lock.lock();
    }
  }
}

void run_guests() {
  set_handler(timer_vector, on_timer);
  set_handler(kick_vector, on_kick);
  this_cpu().ready = true;
  for (;;) {
    pass_time();
    if (Vcpu* v = choose())
      run(*v);
    else
      idle();
  }
}

}  // namespace loft
