// Owns a hypervisor on two CPUs: its guest starts the second one by INIT and SIPI, and then three virtual CPUs share the two.
#include "roms/course/common/ground.h"
#include "roms/kit/apic.h"
#include "roms/kit/clock.h"
#include "roms/kit/ept.h"
#include "roms/kit/instructions.h"
#include "roms/kit/print.h"
#include "roms/kit/processor.h"
#include "roms/kit/spinlock.h"

using namespace course;

extern "C" const char second_16[], second_16_end[];  // second_16.asm

namespace {

constexpr u64 active = 0, wait_for_sipi = 3;  // GUEST_ACTIVITY_STATE; 1 is HLT, 2 shutdown

// ---- The first guest: an operating system that starts its second CPU -------------------------------------------------

constexpr u64 pages[] = {9, 10};  // where code for the second CPU lies: a SIPI's vector is the number of a page
volatile bool second_is_ready, second_has_left;

// The code writes its CS into its page, at 800H.
bool began_at(u64 page) { return *at<volatile u16>(page * page_bytes + 0x800) == page << 8; }

// The manual's "MP Initialization Protocol": INIT, a pause, and a SIPI twice, because one may be lost.
void start_second_cpu(u64 page) {
  send_init_to_others();
  wait_nanoseconds(50'000);
  for (int twice = 0; twice < 2; ++twice) {
    send_start_up_to_others(page);
    wait_nanoseconds(50'000);
  }
}

void first_cpu_of_the_guest() {
  for (u64 page : pages) start_second_cpu(page);
  asm volatile("hlt");
}

// ---- The second CPU, as a guest ----------------------------------------------------------------------------------------

Ept ept;
u64 inits, start_ups;

// The manual's "Processor State After Reset", which an INIT leaves as well.
void reset_state(Registers& registers) {
  constexpr u64 code = 0x9b, data = 0x93;
  registers = {};
  write_64_bit_guest(nullptr, 0);  // the host's state, and what is not of real mode
  for (u32 n = 0; n < 6; ++n) {
    vmwrite(GUEST_ES_SELECTOR + 2 * n, n == 1 ? 0xf000 : 0);
    vmwrite(GUEST_ES_BASE + 2 * n, n == 1 ? 0xffff0000 : 0);
    vmwrite(GUEST_ES_LIMIT + 2 * n, 0xffff);
    vmwrite(GUEST_ES_ACCESS_RIGHTS + 2 * n, n == 1 ? code : data);
  }
  vmwrite(GUEST_CR0, (rdmsr(IA32_VMX_CR0_FIXED0) & ~(CR0::PE | CR0::PG)) | CR0::ET);
  vmwrite(GUEST_CR3, 0);
  vmwrite(GUEST_CR4, rdmsr(IA32_VMX_CR4_FIXED0));
  vmwrite(GUEST_IDTR_BASE, 0);
  vmwrite(GUEST_RIP, 0xfff0);
  vmwrite(GUEST_RSP, 0);
}

// A PC that is switched on has one CPU that runs. What do the others do?
u64 activity_of_a_second_cpu() {
  u64 state = active;
  //[ it waits for a SIPI, so that the entry is into the wait-for-SIPI state
  state = wait_for_sipi;
  //]
  return state;
}

// The guest was sent an INIT.
void handle_init(Registers& registers) {
  //[ everything is as after a reset (reset_state), and this CPU waits for a SIPI
  reset_state(registers);
  vmwrite(GUEST_ACTIVITY_STATE, wait_for_sipi);
  //| (void)registers;
  //]
}

// The guest waited for a SIPI, and there it is.
void handle_start_up(u64 vector) {
  //[ the selector of CS is the vector * 100H, its base the vector * 1000H, and RIP is 0. The CPU waits no longer
  vmwrite(GUEST_CS_SELECTOR, vector << 8);
  vmwrite(GUEST_CS_BASE, vector << 12);
  vmwrite(GUEST_RIP, 0);
  vmwrite(GUEST_ACTIVITY_STATE, active);
  //| (void)vector;
  //]
}

void run_second_cpu_of_the_guest() {
  Registers registers;
  const u64 vmcs = make_current_vmcs();
  write_controls({.primary = primary_control::hlt_exiting,
                  .secondary = secondary_control::ept | secondary_control::unrestricted_guest});
  vmwrite(EPT_POINTER, ept.pointer());
  reset_state(registers);
  vmwrite(GUEST_ACTIVITY_STATE, activity_of_a_second_cpu());
  second_is_ready = true;
  for (u64 entries = 0;; ++entries) {
    if (Failure failure = enter_guest(registers, entries > 0)) stop("the entry failed: ", failure);
    const u32 reason = static_cast<u32>(vmread(EXIT_REASON));
    if (reason == exit_reason::vmcall) break;
    if (entries > 50) stop("exit ", reason, " ", exit_reason_name(reason), " comes again and again");
    if (reason == exit_reason::init_signal) {
      ++inits;
      handle_init(registers);
    } else if (reason == exit_reason::start_up_ipi) {
      ++start_ups;
      handle_start_up(vmread(EXIT_QUALIFICATION));
    } else {
      stop("the guest's second CPU: exit ", reason & 0xffff, " ", exit_reason_name(reason & 0xffff), ", CS base ",
           hex(vmread(GUEST_CS_BASE)), ", RIP ", hex(vmread(GUEST_RIP)));
    }
  }
  if (Failure failure = vmclear(vmcs)) stop("VMCLEAR failed: ", failure);
  second_has_left = true;
}

// ---- Three virtual CPUs, which do some work and are done ---------------------------------------------------------------

constexpr u64 work = 30'000;    // rounds
constexpr u64 slice = 20'000;   // of the time-stamp counter, that one may have at a time
constexpr u32 count = 3;
volatile u64 rounds[count];

void do_work(u32 n) {
  while (rounds[n] < work) rounds[n] = rounds[n] + 1;
  asm volatile("hlt");
}

struct Virtual {
  u64 vmcs;
  Registers registers;
  bool launched;
  enum { ready, running, ended } state;
  bool busy;          // a CPU is in run_once with it
  u32 last_cpu;
  u64 turns, moves, last_turn;
} virtuals[count];

Spinlock queue_lock;  // of `state` and `chosen`
u32 chosen;           // who was taken last
u64 all_turns, longest_wait;
volatile bool schedule_now;
u32 second_is_done;

// Who runs next: nullptr if nobody is ready.
Virtual* choose() {
  Guard guard(queue_lock);
  //[ round robin: the first one that is ready, of those behind `chosen` in the circle of `count`, itself the last. It is
  //: running then, which no other CPU may choose, and is `chosen`
  for (u32 n = 1; n <= count; ++n) {
    const u32 candidate = (chosen + n) % count;
    if (virtuals[candidate].state != Virtual::ready) continue;
    chosen = candidate;
    virtuals[candidate].state = Virtual::running;
    return &virtuals[candidate];
  }
  //]
  return nullptr;
}

// It goes on on this CPU, wherever it was before.
void load(Virtual& v) {
  if (Failure failure = vmptrld(v.vmcs)) stop("VMPTRLD failed: ", failure);
  //[ the exit has to lead back to this CPU: its TSS and its GDT stand in the host's state, as write_host_state() writes it
  write_host_state();
  //]
  vmwrite(VMX_PREEMPTION_TIMER_VALUE, slice >> (rdmsr(IA32_VMX_MISC) & 31));
}

// The next CPU that loads it may be another one.
void put_back(Virtual& v) {
  //[ what a CPU knows of its VMCSs goes to memory by VMCLEAR only. After that it is launched again, by VMLAUNCH
  if (Failure failure = vmclear(v.vmcs)) stop("VMCLEAR failed: ", failure);
  v.launched = false;
  //]
  u64 current;
  asm volatile("vmptrst %0" : "=m"(current));
  if (current == v.vmcs) stop("a virtual CPU is put back, and its VMCS is still this CPU's current one");
}

void run_once(Virtual& v) {
  const u32 number = this_processor().number;
  load(v);
  const u64 turn = __atomic_add_fetch(&all_turns, 1, __ATOMIC_SEQ_CST);
  if (turn > 2000) stop("2000 turns, and no end");
  if (turn - v.last_turn > longest_wait) longest_wait = turn - v.last_turn;
  ++v.turns;
  if (v.last_cpu != number) ++v.moves;
  v.last_cpu = number;
  if (Failure failure = enter_guest(v.registers, v.launched)) stop("CPU ", number, " cannot enter a virtual CPU: ", failure);
  if (this_processor().number != number) stop("CPU ", number, " comes back as CPU ", this_processor().number);
  v.launched = true;
  v.last_turn = all_turns;
  const u32 reason = static_cast<u32>(vmread(EXIT_REASON));
  if (reason != exit_reason::hlt && reason != exit_reason::preemption_timer_expired)
    stop("CPU ", number, ", a virtual CPU: exit ", reason & 0xffff, " ", exit_reason_name(reason & 0xffff));
  put_back(v);
  __atomic_store_n(&v.busy, false, __ATOMIC_RELEASE);
  Guard guard(queue_lock);
  v.state = reason == exit_reason::hlt ? Virtual::ended : Virtual::ready;
}

bool all_ended() {
  Guard guard(queue_lock);
  for (const Virtual& v : virtuals)
    if (v.state != Virtual::ended) return false;
  return true;
}

// What each CPU does, until nothing is left to do.
void schedule() {
  for (u64 idle = 0; !all_ended(); ++idle) {
    if (idle > 100'000) stop("CPU ", this_processor().number, " finds nobody who is ready");
    Virtual* v = choose();
    if (!v) continue;
    if (__atomic_exchange_n(&v->busy, true, __ATOMIC_ACQUIRE)) stop("a virtual CPU was chosen while another CPU runs it");
    run_once(*v);
  }
}

void make_virtual_cpu(Virtual& v, void (*entry)()) {
  v.vmcs = make_current_vmcs();
  write_controls({.pin = pin_control::preemption_timer,
                  .primary = primary_control::hlt_exiting,
                  .entry = entry_control::ia32e_mode_guest});
  write_64_bit_guest(entry, make_stack());
  put_back(v);
}

void run_virtual_cpus() {
  make_virtual_cpu(virtuals[0], [] { do_work(0); });
  make_virtual_cpu(virtuals[1], [] { do_work(1); });
  make_virtual_cpu(virtuals[2], [] { do_work(2); });
  schedule_now = true;
  schedule();
  while (!__atomic_load_n(&second_is_done, __ATOMIC_ACQUIRE)) pause();
}

// ---- The two CPUs ------------------------------------------------------------------------------------------------------

volatile bool all_are_started;

void second_cpu() {
  while (!all_are_started) pause();  // the SIPI that comes twice is for this program, not for its guest
  enter_vmx_operation();
  run_second_cpu_of_the_guest();
  while (!schedule_now) pause();
  schedule();
  __atomic_store_n(&second_is_done, 1, __ATOMIC_RELEASE);
}

void run_first_cpu_of_the_guest() {
  make_current_vmcs();
  write_controls({.primary = primary_control::hlt_exiting, .entry = entry_control::ia32e_mode_guest});
  write_64_bit_guest(first_cpu_of_the_guest, make_stack());
  Registers registers = {};
  if (Failure failure = enter_guest(registers, false)) stop("the entry failed: ", failure);
  if (vmread(EXIT_REASON) != exit_reason::hlt) stop("the guest's first CPU: exit ", vmread(EXIT_REASON) & 0xffff);
}

// What the second CPU of the guest executes, twice. Where its 16-bit addresses end lies a HLT, for who begins at FFF0H.
void put_code() {
  for (u64 page : pages) {
    memcpy(at<void>(page * page_bytes), second_16, static_cast<u64>(second_16_end - second_16));
    *at<u8>(page * page_bytes + 0xfff0) = 0xf4;
  }
  ept.create();
  ept.map_large_page(0, 0, EptRights::all);
}

}  // namespace

void kit_main(const BootInformation&) {
  begin(12);
  start_clock();
  enable_local_apic();
  put_code();
  enter_vmx_operation();
  start_processors(second_cpu, 200'000);
  if (processor_count() != 2) stop("this lesson wants two CPUs: -smp 2");
  all_are_started = true;
  while (!second_is_ready) pause();
  run_first_cpu_of_the_guest();
  print("the second CPU of the guest: INIT ", inits, ", SIPI ", start_ups, "\n");
  check("the SIPI with vector 9 led to 9000H", began_at(pages[0]), true);
  check("after an INIT the SIPI with vector 10 led to A000H", began_at(pages[1]), true);
  check("that code came to its end", second_has_left, true);
  if (!second_has_left) end();

  run_virtual_cpus();
  u64 moves = 0;
  for (u32 n = 0; n < count; ++n) {
    check("a virtual CPU has done its work", rounds[n], work);
    print("turns ", virtuals[n].turns, ", moves ", virtuals[n].moves, "\n");
    moves += virtuals[n].moves;
  }
  check("virtual CPUs moved from one CPU to the other", moves > count, true);
  check("nobody waited for more than four turns of others", longest_wait <= 4 + 1, true);
  end();
}
