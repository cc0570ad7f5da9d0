// Owns the agreement between the kernel and its programs: the system calls, and how a program describes a
// virtual machine.
//
// A program calls by SYSCALL: RAX is the call's number, RDI, RSI, RDX and R10 are its arguments, and RAX is
// the answer, negative (a Refusal) if the kernel refused. RCX and R11 are lost, because SYSCALL keeps RIP and
// RFLAGS there.
#pragma once

#include "roms/kit/types.h"

namespace lodge {

using namespace kit;

enum class Call : u64 {
  // For all programs.
  exit,          // status: ends the process with all its threads
  write,         // text, bytes: to the console
  read_console,  // the next character that somebody types; waits for it
  yield,         // lets others run
  sleep,         // nanoseconds
  clock,         // nanoseconds since the start
  map,           // bytes: the address of so much new memory, all 0
  thread,        // entry, argument, end of its stack: another thread of this process
  end_thread,    // of the thread that calls
  find_file,     // name: its number
  file_bytes,    // number
  read_file,     // number, offset, address, bytes: how many were read

  // Virtual machines. A process has at most one, made by create_vm, and each of its virtual CPUs is run by
  // one thread.
  create_vm,       // what the guest is to take the hypervisor for (a Face): 0
  set_memory,      // guest-physical address, address, bytes: this part of the process's memory is the guest's
                   // there
  create_cpu,      // the number of the new virtual CPU
  run_page,        // CPU: the address of its RunPage
  set_cpu,         // CPU, CpuState*: before it runs
  get_cpu,         // CPU, CpuState*
  run_cpu,         // CPU: runs the guest until the process has something to do, as its RunPage tells
  interrupt_line,  // line, level: a line of the two 8259 in the kernel (0 to 15) becomes 0 or 1

  // A network between programs: a switch in the kernel.
  join_network,    // number, 1 to 65534: by which others find this process; once, and nobody else has it
  send_packet,     // number of the receiver, address, bytes (at most a page)
  receive_packet,  // address of a page: waits for a packet; whose it is, and in the lower half its bytes

  count,  // how many calls there are
};

enum Face : u64 {
  face_own,     // roms/kit/hypercalls.h
  face_vmware,  // vm/vmware.h
  faces
};

enum Refusal : i64 {
  no_such_call = -1,
  no_such_file = -2,
  bad_address = -3,
  bad_argument = -4,
  no_room = -5,  // of something that there is a fixed number of
  nobody = -6,   // of that number is there
};

// The programs' half of the linear addresses: entry 1 of the PML4. The kernel's half is entry 0, which ring 3
// cannot touch.
constexpr u64 user_first = 1ul << 39, user_last = 2ul << 39;

// A segment register with the part that programs do not see, as the VMCS has it (the manual's "Guest Register
// State").
struct Segment {
  u64 base;
  u32 limit, access_rights;
  u16 selector;
};

struct CpuState {
  u64 rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
  u64 rip, rsp, rflags;
  u64 cr0, cr3, cr4, efer;
  Segment es, cs, ss, ds, fs, gs, ldtr, tr;
};

// Why run_cpu came back.
enum class RunExit : u32 {
  none,
  port,       // IN or OUT at a port that the kernel has no device for
  memory,     // a read or write where the guest has no memory
  hypercall,  // VMCALL
  shutdown,   // a triple fault
  failed,     // nothing can go on: `reason` is the exit reason, or the entry was refused
};

// A page that the kernel shares with the process, one for each virtual CPU. The answer to a read is left in
// `data`, or in `answer`, and the next run_cpu hands it to the guest.
struct RunPage {
  RunExit why;
  u32 reason;  // the manual's basic exit reason
  bool write;  // port, memory: the guest writes `data`; else it wants it
  u8 bytes;    // 1, 2, 4; 8 in memory
  u16 port;
  u64 address;  // guest-physical
  u64 data;
  u64 call, arguments[4], answer;  // hypercall
  u64 rip;
  u64 exits[80];  // by basic exit reason: all, also those that the kernel answered
};

}  // namespace lodge
