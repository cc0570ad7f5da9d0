// Owns the virtual-machine monitor, a program in ring 3 as any other: "FILE [mem=MBYTES] [initrd=FILE]
// [as=vmware] [net=NUMBER] [-- COMMAND LINE OF THE GUEST]". It makes a machine with the kernel's calls, and
// then turns in a loop: run the guest, and do what the run page asks for.
#include "roms/lodge/programs/vmm/guest.h"

#include <names.h>

namespace lodge {
namespace {

Guest guest = {};

// The words behind the program's name, up to "--".
struct Words {
  char file[64], initrd[64];
  u64 mbytes = 128, number = 0;
  Face face = face_own;
  const char* command_line = "";
};

u64 number_in(const char* digits) {
  u64 number = 0;
  for (; *digits >= '0' && *digits <= '9'; ++digits) number = number * 10 + static_cast<u64>(*digits - '0');
  return number;
}

void copy_word(char (&to)[64], const char* from) {
  u64 n = 0;
  for (; from[n] && from[n] != ' ' && n < sizeof to - 1; ++n) to[n] = from[n];
  to[n] = 0;
}

Words words_of(const char* line) {
  Words words = {};
  copy_word(words.file, line);
  while (*line) {
    while (*line && *line != ' ') ++line;
    while (*line == ' ') ++line;
    if (starts_with(line, "-- ")) {
      words.command_line = line + 3;
      return words;
    }
    if (starts_with(line, "mem=")) words.mbytes = number_in(line + 4);
    if (starts_with(line, "net=")) words.number = number_in(line + 4);
    if (starts_with(line, "as=vmware")) words.face = face_vmware;
    if (starts_with(line, "initrd=")) copy_word(words.initrd, line + 7);
  }
  return words;
}

u64 must(i64 answer, const char* what) {
  if (answer < 0) {
    print("vmm: ", what, " was refused: ", answer, "\n");
    exit(1);
  }
  return static_cast<u64>(answer);
}

void make_machine(u64 mbytes, Face face) {
  must(call(Call::create_vm, face), "create_vm");
  guest.bytes = mbytes << 20;
  guest.memory = map(guest.bytes);
  must(call(Call::set_memory, 0, address_of(guest.memory), guest.bytes), "set_memory");
  guest.cpu = must(call(Call::create_cpu), "create_cpu");
  guest.page = at<RunPage>(must(call(Call::run_page, guest.cpu), "run_page"));
}

void run_once() {
  must(call(Call::run_cpu, guest.cpu), "run_cpu");
  switch (guest.page->why) {
    case RunExit::none: break;
    case RunExit::port: handle_port(guest); break;
    case RunExit::memory: handle_memory(guest); break;
    case RunExit::hypercall: handle_hypercall(guest); break;
    case RunExit::shutdown:
      end_guest(guest,
                guest.page->reason == exit_reason::hlt ? "halted with interrupts disabled" : "triple fault");
      break;
    case RunExit::failed: end_guest(guest, "cannot go on"); break;
  }
}

void tell_end() {
  const RunPage& page = *guest.page;
  print("vmm: the guest has ended: ", guest.how, "; last exit ", page.reason, " (",
        exit_reason_name(page.reason), ") at RIP ", hex(page.rip), "\n");
  for (u64 n = 0; n < sizeof page.exits / sizeof *page.exits; ++n)
    if (page.exits[n]) print("vmm: ", page.exits[n], " exits by ", exit_reason_name(n), "\n");
}

}  // namespace
}  // namespace lodge

void program(const char* arguments) {
  using namespace lodge;
  const Words words = words_of(arguments);
  make_machine(words.mbytes, words.face);
  guest.number = words.number;
  load_guest(guest, words.file, words.initrd, words.command_line);
  start_serial(guest);
  while (!guest.ended) run_once();
  flush_serial(guest);
  tell_end();
}
