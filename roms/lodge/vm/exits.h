// Owns the answers to VM exits.
#pragma once

#include "roms/lodge/vm/machine.h"

namespace lodge {

// After a VM exit: does what the kernel can do about it. true: the process has the rest to do, its run page
// tells what.
bool handle_exit(VirtualCpu& cpu);
// Hands the process's answer to the guest.
void finish(VirtualCpu& cpu);

// For all answers: the guest goes on behind the instruction.
void skip_instruction(u64 length);
void skip_instruction();
// The next entry delivers this exception.
void inject_exception(VirtualCpu& cpu, u8 vector, bool has_error_code, u32 error_code = 0);
// The same, with an error code, where the exit came while another event was delivered. Answers as
// handle_exit: two exceptions are a double fault, three are the guest's end.
bool inject_on_top(VirtualCpu& cpu, u8 vector, u32 error_code);
constexpr u8 invalid_opcode = 6, double_fault = 8, general_protection = 13, page_fault = 14;

// access.cpp
bool handle_port(VirtualCpu& cpu);
bool handle_ept_violation(VirtualCpu& cpu);
// The guest touches guest-physical memory that it has not got.
bool access_device(VirtualCpu& cpu, u64 guest);
// policy.cpp
// A leaf of CPUID with a signature of twelve letters in EBX, ECX and EDX.
CpuidResult letters(u32 eax, const char (&text)[13]);
bool handle_cpuid(VirtualCpu& cpu);
bool handle_rdmsr(VirtualCpu& cpu);
bool handle_wrmsr(VirtualCpu& cpu);

}  // namespace lodge
