// Owns the table of processes: how one comes from a program's file, and how it ends.
#include "roms/kit/instructions.h"
#include "roms/kit/print.h"
#include "roms/kit/processor.h"
#include "roms/lodge/elf.h"
#include "roms/lodge/memory.h"
#include "roms/lodge/network.h"
#include "roms/lodge/scheduler.h"
#include "roms/lodge/vm/machine.h"

namespace lodge {
namespace {

constexpr u64 most_processes = 16, stack_size = 1 << 16;
Process processes[most_processes];
u32 last_number;
const BootInformation* modules;

Process* unused_process() {
  for (Process& process : processes) {
    if (process.used) continue;
    process = {};
    process.used = true;
    process.number = ++last_number;
    return &process;
  }
  return nullptr;
}

void give_up(Process& process) {
  free_address_space(process);
  process.used = false;
}

// Copies each part of the program to where it wants to lie.
bool load(Process& process, const ElfFile& program) {
  for (u64 n = 0; n < program.part_count(); ++n) {
    const ElfPart part = program.part(n);
    if (part.linear < user_first || part.linear + part.bytes_in_memory > user_first + (1ul << 32))
      return false;
    if (process.region_count == sizeof process.regions / sizeof *process.regions) return false;
    process.regions[process.region_count++] = {part.linear, part.linear + part.bytes_in_memory};
    if (!copy_to(process, part.linear, part.bytes, part.bytes_in_file)) return false;
  }
  return true;
}

bool begin(Process& process, u64 entry) {
  const u64 stack = add_region(process, stack_size),
            arguments = add_region(process, sizeof process.arguments);
  if (!copy_to(process, arguments, process.arguments, sizeof process.arguments)) return false;
  InterruptFrame frame = {};
  frame.rip = entry;
  frame.cs = user_code | 3;
  frame.ss = user_data | 3;
  frame.rflags = RFLAGS::IF | 2;       // bit 1 is always 1
  frame.rsp = stack + stack_size - 8;  // as if the entry had been called
  frame.rdi = arguments;
  return make_thread(process, frame);
}

// Ring 3 did what it may not: that ends the process and nothing else.
void on_exception(InterruptFrame& frame) {
  if (frame.cs != (user_code | 3))
    stop("exception ", frame.vector, " in the kernel, error code ", hex(frame.error_code), ", RIP ",
         hex(frame.rip), ", CR2 ", hex(read_cr2()));
  const u64 fault_address = read_cr2();
  enter_kernel();
  Process& process = *this_cpu().current->process;
  constexpr u8 page_fault = 14;
  if (frame.vector != page_fault || !page_at(process, fault_address)) {
    print("lodge: ", process.name, " is ended: exception ", frame.vector, ", error code ",
          hex(frame.error_code), ", RIP ", hex(frame.rip), ", CR2 ", hex(fault_address), "\n");
    end_threads_of(process);
    end_thread();
  }
  leave_kernel();
}

}  // namespace

bool start_program(const char* name, const char* arguments) {
  i64 number = find_file(name);
  char with_ending[32] = {};
  const u64 letters = smaller<u64>(length_of(name), sizeof with_ending - 5);
  memcpy(with_ending, name, letters);
  memcpy(with_ending + letters, ".elf", 4);
  if (number < 0) number = find_file(with_ending);
  if (number < 0) return print("lodge: there is no file ", name, "; give it with -initrd\n"), false;
  const Module& module = *file(static_cast<u64>(number));
  const ElfFile program(at<u8>(module.first), module.last - module.first);
  Process* process = program.valid() ? unused_process() : nullptr;
  if (!process)
    return print("lodge: cannot start ", name, ": no ELF file of 64 bits, or too many processes\n"), false;
  memcpy(process->name, name, smaller<u64>(length_of(name), sizeof process->name - 1));
  memcpy(process->arguments, arguments, smaller<u64>(length_of(arguments), sizeof process->arguments - 1));
  make_address_space(*process);
  if (load(*process, program) && begin(*process, program.entry())) return true;
  give_up(*process);
  return print("lodge: cannot start ", name,
               ": it does not lie in the programs' half, or there are too many threads\n"),
         false;
}

void leave_process(Process& process) {
  if (--process.threads) return;
  use_address_space(nullptr);
  if (process.machine) destroy_machine(*process.machine);
  leave_network(process);
  give_up(process);
}

bool no_process_left() { return process_count() == 0; }

u64 process_count() {
  u64 count = 0;
  for (const Process& process : processes) count += process.used;
  return count;
}

void start_processes() {
  for (u8 vector = 0; vector < 32; ++vector) set_handler(vector, on_exception);
}

void name_files(const BootInformation& boot) { modules = &boot; }

i64 find_file(const char* name) {
  for (u64 n = 0; n < modules->module_count; ++n) {
    const char* begin = modules->modules[n].command_line;
    const char* end = begin;
    for (; *end && *end != ' '; ++end)
      if (*end == '/') begin = end + 1;
    const u64 letters = static_cast<u64>(end - begin);
    if (length_of(name) == letters && starts_with(begin, name)) return static_cast<i64>(n);
  }
  return no_such_file;
}

const Module* file(u64 number) {
  return number < modules->module_count ? &modules->modules[number] : nullptr;
}

}  // namespace lodge
