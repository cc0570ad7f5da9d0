// Owns the system calls: a table of functions by number, and the way to them.
#include "roms/lodge/calls.h"

#include "roms/kit/clock.h"
#include "roms/kit/instructions.h"
#include "roms/kit/print.h"
#include "roms/kit/processor.h"
#include "roms/lodge/console.h"
#include "roms/lodge/network.h"
#include "roms/lodge/process.h"
#include "roms/lodge/scheduler.h"
#include "roms/lodge/vm/machine.h"

extern "C" void lodge_system_call();

namespace lodge {
namespace {

struct Arguments {
  u64 a, b, c, d;
};
using Function = i64 (*)(Process&, const Arguments&);

i64 exit(Process& process, const Arguments&) {
  end_threads_of(process);
  return 0;  // to nobody: the thread ends on its way out
}

i64 write(Process& process, const Arguments& arguments) {
  char text[256];
  for (u64 done = 0; done < arguments.b;) {
    const u64 part = smaller<u64>(arguments.b - done, sizeof text);
    if (!copy_from(process, arguments.a + done, text, part)) return bad_address;
    print_to_serial(text, part);
    done += part;
  }
  return static_cast<i64>(arguments.b);
}

i64 read_console(Process&, const Arguments&) { return next_character(); }

i64 yield(Process&, const Arguments&) {
  schedule();
  return 0;
}

void wake_up(void* thread) { wake(*static_cast<Thread*>(thread)); }

i64 sleep(Process&, const Arguments& arguments) {
  const u64 until = now() + smaller<u64>(arguments.a, 1ul << 62);
  Thread& thread = *this_cpu().current;
  Alarm alarm = {};
  alarm.ring = wake_up;
  alarm.argument = &thread;
  set_alarm(alarm, until);
  while (now() < until && !thread.dying) {
    thread.state = ThreadState::waiting;
    schedule();
  }
  cancel_alarm(alarm);  // it lies on this stack
  return 0;
}

i64 clock(Process&, const Arguments&) { return static_cast<i64>(now()); }

i64 map(Process& process, const Arguments& arguments) {
  const u64 address = add_region(process, arguments.a);
  return address ? static_cast<i64>(address) : no_room;
}

i64 thread(Process& process, const Arguments& arguments) {
  if (arguments.a < user_first || arguments.a >= user_last) return bad_address;
  InterruptFrame frame = {};
  frame.rip = arguments.a;
  frame.rdi = arguments.b;
  frame.rsp = arguments.c;
  frame.cs = user_code | 3;
  frame.ss = user_data | 3;
  frame.rflags = RFLAGS::IF | 2;
  return make_thread(process, frame) ? i64{0} : no_room;
}

i64 end_this_thread(Process&, const Arguments&) {
  this_cpu().current->dying = true;
  return 0;
}

i64 find_a_file(Process& process, const Arguments& arguments) {
  char name[64];
  return copy_text_from(process, arguments.a, name, sizeof name) ? find_file(name) : bad_address;
}

i64 file_bytes(Process&, const Arguments& arguments) {
  const Module* module = file(arguments.a);
  return module ? static_cast<i64>(module->last - module->first) : no_such_file;
}

i64 read_file(Process& process, const Arguments& arguments) {
  const Module* module = file(arguments.a);
  if (!module) return no_such_file;
  const u64 all = module->last - module->first;
  if (arguments.b >= all) return 0;
  const u64 bytes = smaller(arguments.d, all - arguments.b);
  return copy_to(process, arguments.c, at<u8>(module->first + arguments.b), bytes) ? static_cast<i64>(bytes)
                                                                                   : bad_address;
}

// The machine's own calls: the process must have one, and the number must be that of one of its CPUs.
VirtualCpu* cpu_of(Process& process, u64 number) {
  return process.machine ? virtual_cpu(*process.machine, number) : nullptr;
}

i64 create_vm(Process& process, const Arguments& arguments) {
  if (arguments.a >= faces) return bad_argument;
  if (!process.machine) process.machine = create_machine(process, static_cast<Face>(arguments.a));
  return process.machine ? i64{0} : no_room;
}

i64 set_memory(Process& process, const Arguments& arguments) {
  return process.machine ? add_memory_slot(*process.machine, {arguments.a, arguments.b, arguments.c})
                         : bad_argument;
}

i64 create_cpu(Process& process, const Arguments&) {
  return process.machine ? add_virtual_cpu(*process.machine) : bad_argument;
}

i64 run_page(Process& process, const Arguments& arguments) {
  VirtualCpu* cpu = cpu_of(process, arguments.a);
  return cpu ? run_page_address(*cpu) : bad_argument;
}

i64 set_cpu(Process& process, const Arguments& arguments) {
  VirtualCpu* cpu = cpu_of(process, arguments.a);
  CpuState state;
  if (!cpu) return bad_argument;
  if (!copy_from(process, arguments.b, &state, sizeof state)) return bad_address;
  return set_state(*cpu, state);
}

i64 get_cpu(Process& process, const Arguments& arguments) {
  VirtualCpu* cpu = cpu_of(process, arguments.a);
  CpuState state = {};
  if (!cpu) return bad_argument;
  if (const i64 refused = get_state(*cpu, state)) return refused;
  return copy_to(process, arguments.b, &state, sizeof state) ? i64{0} : bad_address;
}

i64 run_cpu(Process& process, const Arguments& arguments) {
  VirtualCpu* cpu = cpu_of(process, arguments.a);
  return cpu ? run(*cpu) : bad_argument;
}

i64 interrupt_line(Process& process, const Arguments& arguments) {
  if (!process.machine || arguments.a > 15) return bad_argument;
  set_interrupt_line(*process.machine, static_cast<u8>(arguments.a), arguments.b);
  return 0;
}

i64 join(Process& process, const Arguments& arguments) { return join_network(process, arguments.a); }
i64 send(Process& process, const Arguments& arguments) {
  return send_packet(process, arguments.a, arguments.b, arguments.c);
}
i64 receive(Process& process, const Arguments& arguments) { return receive_packet(process, arguments.a); }

// In the order of enum Call.
constexpr Function functions[] = {exit,       write,     read_console, yield,           sleep,
                                  clock,      map,       thread,       end_this_thread, find_a_file,
                                  file_bytes, read_file, create_vm,    set_memory,      create_cpu,
                                  run_page,   set_cpu,   get_cpu,      run_cpu,         interrupt_line,
                                  join,       send,      receive};
static_assert(sizeof functions / sizeof *functions == static_cast<u64>(Call::count));

}  // namespace

void allow_system_calls() {
  // SYSCALL loads CS from bits 47:32, SYSRET from bits 63:48 plus 16 and SS from there plus 8 (the manual's
  // "SYSRET"), with RPL 3.
  wrmsr(IA32_STAR, static_cast<u64>(user_data - 8) << 48 | static_cast<u64>(kernel_code) << 32);
  wrmsr(IA32_LSTAR, address_of(reinterpret_cast<void*>(::lodge_system_call)));
  // What ring 3 has in these flags is none of the kernel's: interrupts must be off until its stack is there,
  // and with NT the kernel's next IRET would be #GP.
  wrmsr(IA32_FMASK, RFLAGS::IF | RFLAGS::DF | RFLAGS::TF | RFLAGS::NT | RFLAGS::AC);
  wrmsr(IA32_EFER, rdmsr(IA32_EFER) | EFER::SCE);
  wrmsr(IA32_KERNEL_GS_BASE, address_of(&this_cpu()));
}

}  // namespace lodge

// From lodge_system_call in entries.asm.
extern "C" kit::i64 lodge_do_system_call(kit::u64 a, kit::u64 b, kit::u64 c, kit::u64 d, kit::u64 number) {
  using namespace lodge;
  enter_kernel();
  i64 answer = no_such_call;
  if (number < static_cast<u64>(Call::count))
    answer = functions[number](*this_cpu().current->process, {a, b, c, d});
  if (this_cpu().current->dying) end_thread();
  leave_kernel();
  return answer;
}
