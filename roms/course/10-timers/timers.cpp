// Owns a hypervisor that shares one CPU between two guests which never give it back, and hides from each that there is another.
#include "roms/course/common/ground.h"
#include "roms/kit/print.h"

using namespace course;

namespace {

constexpr u64 slice = 20'000;   // of the time-stamp counter, that a guest may have at a time
constexpr u64 work = 30'000;    // rounds of each guest's loop

// ---- The guests: one function, two of them -----------------------------------------------------------------------------

struct Work {
  volatile u64 rounds;
  u64 longest_gap;  // between two looks at the clock, as the guest sees it
} works[2];

void run_guest(Work& own) {
  u64 before = rdtsc();
  for (u64 n = 0; n < work; ++n) {
    own.rounds = own.rounds + 1;
    const u64 now = rdtsc();
    if (now - before > own.longest_gap) own.longest_gap = now - before;
    before = now;
  }
  asm volatile("hlt");
}
void first_guest() { run_guest(works[0]); }
void second_guest() { run_guest(works[1]); }

// ---- The hypervisor ------------------------------------------------------------------------------------------------

struct Guest {
  u64 vmcs;
  Registers registers;
  bool launched, ended;
  u64 stopped_at;     // the machine's time when it left
  u64 hidden;         // so much of the machine's time it does not know of
  u64 turns;
} guests[2];

// The timer counts down once when bit number R of the time-stamp counter changes, R being bits 4:0 of IA32_VMX_MISC.
u64 timer_value(u64 ticks) {
  u64 value = ticks;
  //[ from ticks of the time-stamp counter to counts of the timer
  value = ticks >> (rdmsr(IA32_VMX_MISC) & 31);
  //]
  return value;
}

u32 pin_controls() {
  u32 controls = 0;
  //[ the pin-based control that starts the timer at each entry, so that its end is an exit
  controls = pin_control::preemption_timer;
  //]
  return controls;
}

void make_guest(Guest& guest, void (*entry)()) {
  guest.vmcs = make_current_vmcs();
  write_controls({.pin = pin_controls(),
                  .primary = primary_control::hlt_exiting | primary_control::tsc_offsetting,
                  .entry = entry_control::ia32e_mode_guest});
  write_64_bit_guest(entry, make_stack());
  vmwrite(TSC_OFFSET, 0);
  guest.stopped_at = rdtsc();
}

// The guest goes on now. RDTSC gives it the machine's counter plus TSC_OFFSET.
void go_on(Guest& guest) {
  //[ make its VMCS the current one
  if (Failure failure = vmptrld(guest.vmcs)) stop("VMPTRLD failed: ", failure);
  //]
  //[ the time since it stopped is hidden from it: add it to guest.hidden, and let TSC_OFFSET be what hides all of that
  guest.hidden += rdtsc() - guest.stopped_at;
  vmwrite(TSC_OFFSET, 0 - guest.hidden);
  //]
  //[ it has a whole slice: VMX_PREEMPTION_TIMER_VALUE
  vmwrite(VMX_PREEMPTION_TIMER_VALUE, timer_value(slice));
  //]
}

void run_once(Guest& guest) {
  go_on(guest);
  ++guest.turns;
  if (guest.turns > 2000) stop("2000 turns, and no end: the guests get no time");
  if (Failure failure = enter_guest(guest.registers, guest.launched)) stop("the entry failed: ", failure);
  guest.launched = true;
  guest.stopped_at = rdtsc();
  const u32 reason = static_cast<u32>(vmread(EXIT_REASON));
  if (reason == exit_reason::hlt)
    guest.ended = true;
  else if (reason != exit_reason::preemption_timer_expired)
    stop("exit ", reason & 0xffff, " ", exit_reason_name(reason & 0xffff));
}

}  // namespace

void kit_main(const BootInformation&) {
  begin(10);
  enter_vmx_operation();
  make_guest(guests[0], first_guest);
  make_guest(guests[1], second_guest);
  u64 rounds_of_second_at_the_first_end = 0;
  while (!guests[0].ended || !guests[1].ended) {
    for (Guest& guest : guests)
      if (!guest.ended) run_once(guest);
    if (guests[0].ended && !rounds_of_second_at_the_first_end) rounds_of_second_at_the_first_end = works[1].rounds;
  }

  check("the first guest has done its work", works[0].rounds, work);
  check("the second has done its own", works[1].rounds, work);
  print("turns: ", guests[0].turns, " and ", guests[1].turns, "; longest gaps: ", works[0].longest_gap, " and ",
        works[1].longest_gap, "\n");
  check("they had at least 5 turns each", guests[0].turns >= 5 && guests[1].turns >= 5, true);
  check("and no more than 100", guests[0].turns <= 100 && guests[1].turns <= 100, true);
  check("neither was ahead: the second had done most of its work when the first ended",
        rounds_of_second_at_the_first_end > work * 3 / 4, true);
  check("neither noticed that the other ran", works[0].longest_gap < slice && works[1].longest_gap < slice, true);
  end();
}
