// Owns the loop that a virtual CPU's thread turns in: events in, VM entry, VM exit, and back to the process
// when there is something for it.
#include "roms/kit/print.h"
#include "roms/lodge/process.h"
#include "roms/lodge/vm/exits.h"
#include "roms/lodge/vm/vmcs.h"

namespace lodge {
namespace {

bool has_interrupt(const VirtualCpu& cpu) { return cpu.number == 0 && cpu.machine->pic.interrupts(); }

// May the guest be interrupted now? (The manual's "Checks on Guest Non-Register State": injecting where IF is
// 0 or STI and MOV SS block is refused.)
bool interruptible() {
  return vmread(GUEST_RFLAGS) & RFLAGS::IF && !(vmread(GUEST_INTERRUPTIBILITY_STATE) & 3);
}

// Gives the entry the event that comes next: one that was on its way already, else an interrupt. If that must
// wait, the CPU tells by an exit as soon as it need not wait any more ("Interrupt-window exiting").
void prepare_events(VirtualCpu& cpu) {
  constexpr u32 valid = 1u << 31;
  if (!(cpu.event.information & valid) && has_interrupt(cpu) && interruptible())
    cpu.event = {valid | cpu.machine->pic.acknowledge(), 0, 0};
  vmwrite(VM_ENTRY_INTERRUPTION_INFORMATION, cpu.event.information);
  if (cpu.event.information & valid) {
    vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, cpu.event.error_code);
    vmwrite(VM_ENTRY_INSTRUCTION_LENGTH, cpu.event.length);
  }
  cpu.event = {};
  const u64 controls = vmread(PRIMARY_CONTROLS), window = primary_control::interrupt_window_exiting;
  const u64 wanted = has_interrupt(cpu) ? controls | window : controls & ~window;
  if (wanted != controls) vmwrite(PRIMARY_CONTROLS, wanted);
}

// From here to the exit others may have the kernel.
Failure enter(VirtualCpu& cpu) {
  if (read_cr2() != cpu.cr2) write_cr2(cpu.cr2);
  leave_kernel();
  const Failure failure = enter_guest(cpu.registers, cpu.launched);
  enter_kernel();
  if (failure) return failure;
  cpu.cr2 = read_cr2();
  cpu.launched = true;
  return nullptr;
}

// Where the guest's thread waits, and where it gives way to others.
void give_way(VirtualCpu& cpu) {
  if (this_cpu().reschedule) schedule();
  while (cpu.halted && !has_interrupt(cpu)) wait();
  cpu.halted = false;
}

}  // namespace

i64 run(VirtualCpu& cpu) {
  if (cpu.thread) return bad_argument;
  cpu.thread = this_cpu().current;
  load_virtual_cpu(cpu);
  finish(cpu);
  for (bool more = true; more && !cpu.thread->dying;) {
    give_way(cpu);
    load_virtual_cpu(cpu);  // it may be another CPU now
    prepare_events(cpu);
    if (const Failure failure = enter(cpu)) {
      print("lodge: VM entry refused: ", failure, "\n");
      cpu.page->why = RunExit::failed;
      cpu.page->reason = 0;
      break;
    }
    more = !handle_exit(cpu);
  }
  cpu.thread = nullptr;
  return 0;
}

}  // namespace lodge
