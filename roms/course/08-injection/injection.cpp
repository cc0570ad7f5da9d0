// Owns a hypervisor that makes events happen in its guest: an exception, an interrupt, and one that has to wait.
#include "roms/course/common/ground.h"
#include "roms/kit/print.h"
#include "roms/kit/processor.h"

using namespace course;

namespace {

constexpr u8 clock_vector = 0x50, late_vector = 0x51, ud_vector = 6, gp_vector = 13;

// ---- The guest -----------------------------------------------------------------------------------------------------

struct Seen {
  u64 gp, gp_code, gp_rip, clock, late, late_while_disabled, early;
} seen;
volatile bool disabled;

void on_gp(InterruptFrame& frame) {
  ++seen.gp;
  seen.gp_code = frame.error_code;
  seen.gp_rip = frame.rip;
  frame.rip += 2;  // behind the RDMSR
}
void on_clock(InterruptFrame&) { ++seen.clock; }
void on_late(InterruptFrame&) {
  ++seen.late;
  if (disabled) ++seen.late_while_disabled;
}

extern "C" const char bad_rdmsr[];

void guest() {
  // An MSR that does not exist: the real CPU would raise #GP(0), and so shall this one.
  asm volatile("bad_rdmsr: rdmsr" : : "c"(0x12345) : "rax", "rdx");
  enable_interrupts();
  asm volatile("vmcall" : : "a"(clock_vector) : "memory");  // please, an interrupt now
  disable_interrupts();
  disabled = true;
  asm volatile("vmcall" : : "a"(late_vector) : "memory");  // and one as soon as I allow it
  for (int n = 0; n < 100; ++n) pause();
  seen.early = seen.late;
  disabled = false;
  enable_interrupts();
  asm volatile("nop; nop" : : : "memory");
  asm volatile("hlt" : : : "memory");
}

// ---- The hypervisor ------------------------------------------------------------------------------------------------

u64 waiting;  // the vector of an interrupt that the guest does not allow yet; 0: none

// VM_ENTRY_INTERRUPTION_INFORMATION: bits 7:0 the vector, 10:8 the type, 11 with an error code, 31 valid. The next entry delivers
// the event through the guest's IDT, and clears bit 31.
void inject_gp() {
  //[ #GP, a hardware exception (type 3), with the error code 0 in VM_ENTRY_EXCEPTION_ERROR_CODE
  vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, 0);
  vmwrite(VM_ENTRY_INTERRUPTION_INFORMATION, 1ul << 31 | 1 << 11 | 3 << 8 | gp_vector);
  //]
}

void inject_interrupt(u64 vector) {
  //[ an external interrupt (type 0) with this vector
  vmwrite(VM_ENTRY_INTERRUPTION_INFORMATION, 1ul << 31 | vector);
  //| (void)vector;
  //]
}

void want_window(bool wanted) {
  //[ set or clear "interrupt-window exiting" in PRIMARY_CONTROLS, and leave the other bits alone
  const u64 controls = vmread(PRIMARY_CONTROLS), window = primary_control::interrupt_window_exiting;
  vmwrite(PRIMARY_CONTROLS, wanted ? controls | window : controls & ~window);
  //| (void)wanted;
  //]
}

void request_interrupt(u64 vector) {
  //[ with RFLAGS.IF 1 inject it at once; else it waits until the guest allows interrupts: ask for an exit then
  if (vmread(GUEST_RFLAGS) & RFLAGS::IF) {
    inject_interrupt(vector);
  } else {
    waiting = vector;
    want_window(true);
  }
  //| inject_interrupt(vector);
  //]
}

// The guest can take an interrupt now.
void handle_window() {
  //[ inject the one that waits, and ask no more
  inject_interrupt(waiting);
  waiting = 0;
  want_window(false);
  //]
}

// False: the guest has ended.
bool handle_exit(Registers& guest) {
  const u32 reason = static_cast<u32>(vmread(EXIT_REASON));
  switch (reason) {
    case exit_reason::rdmsr: inject_gp(); return true;  // the instruction is not done: RIP stays, as #GP has it
    case exit_reason::vmcall:
      skip_instruction();
      request_interrupt(guest.rax & 0xff);
      return true;
    case exit_reason::interrupt_window: handle_window(); return true;
    case exit_reason::hlt: return false;
    default: break;
  }
  if (reason & bit(31)) stop("the entry failed: exit reason ", reason & 0xffff, ", because of the guest's state");
  stop("exit ", reason, " ", exit_reason_name(reason), " has no handler");
}

}  // namespace

void kit_main(const BootInformation&) {
  begin(8);
  set_handler(gp_vector, on_gp);
  set_handler(clock_vector, on_clock);
  set_handler(late_vector, on_late);
  enter_vmx_operation();
  make_current_vmcs();
  write_controls({.primary = primary_control::hlt_exiting, .entry = entry_control::ia32e_mode_guest});
  write_64_bit_guest(guest, make_stack());
  Registers registers = {};
  bool launched = false;
  u64 entries = 0;
  do {
    if (++entries > 1000) stop("the guest is left again and again: exit ", vmread(EXIT_REASON), " ",
                               exit_reason_name(static_cast<u32>(vmread(EXIT_REASON))));
    if (Failure failure = enter_guest(registers, launched)) stop("the entry failed: ", failure);
    launched = true;
  } while (handle_exit(registers));

  check("the guest got #GP once", seen.gp, 1);
  check("with the error code 0", seen.gp_code, 0);
  check("at the RDMSR", seen.gp_rip, address_of(bad_rdmsr));
  check("the clock's interrupt came", seen.clock, 1);
  check("the late one did not come while interrupts were disabled", seen.early + seen.late_while_disabled, 0);
  check("it came afterwards, once", seen.late, 1);
  end();
}
