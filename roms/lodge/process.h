// Owns processes: an address space with a program in it, and what the kernel keeps for it.
#pragma once

#include "roms/kit/boot.h"
#include "roms/lodge/abi.h"

namespace lodge {

struct VirtualMachine;

// Linear addresses that the process may use. A page comes into being when it is first touched.
struct Region {
  u64 first, last;
};

struct Process {
  bool used;
  u32 number;
  u32 threads;
  u64 pml4;       // physical
  u64 next_free;  // linear: where the next map goes
  u64 region_count;
  Region regions[16];
  VirtualMachine* machine;
  char name[24];
  char arguments[256];
};

// Takes the program "NAME" or "NAME.elf" among the boot loader's modules and makes a process of it, with one
// thread that begins at the program's entry point with the address of `arguments` in RDI. Says why it could
// not.
bool start_program(const char* name, const char* arguments);
// Called with each thread that ends; the last one takes the process with it.
void leave_process(Process& process);
bool no_process_left();
u64 process_count();

// Loads CR3, if it is another one; nullptr: the kernel's own.
void use_address_space(const Process* process);

// New memory at `next_free`, or 0. `page` is mapped at once if it is not 0, and stays the kernel's.
u64 add_region(Process& process, u64 bytes);
u64 map_shared_page(Process& process, u64 page);

// The physical address of the page where `address` lies, made if it is not there yet; 0: the process has
// nothing there.
u64 page_at(Process& process, u64 address);
// Copies between the kernel and the process's memory. false: a part of it is not the process's, and what lies
// before it was copied.
bool copy_from(Process& process, u64 address, void* to, u64 bytes);
bool copy_to(Process& process, u64 address, const void* from, u64 bytes);
// A text that ends with 0, or nothing if it is longer.
bool copy_text_from(Process& process, u64 address, char* to, u64 room);

// The exceptions of ring 3.
void start_processes();

// Files are the boot loader's modules; a name is what stands behind the last slash of the first word of its
// command line.
void name_files(const BootInformation& boot);
i64 find_file(const char* name);
const Module* file(u64 number);

}  // namespace lodge
