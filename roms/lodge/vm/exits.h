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
// The next entry delivers this exception; error codes are always 0 here.
void inject_exception(VirtualCpu& cpu, u8 vector, bool error_code);
constexpr u8 invalid_opcode = 6, general_protection = 13;

// access.cpp
bool handle_port(VirtualCpu& cpu);
bool handle_ept_violation(VirtualCpu& cpu);
// policy.cpp
// A leaf of CPUID with a signature of twelve letters in EBX, ECX and EDX.
CpuidResult letters(u32 eax, const char (&text)[13]);
bool handle_cpuid(VirtualCpu& cpu);
bool handle_rdmsr(VirtualCpu& cpu);
bool handle_wrmsr(VirtualCpu& cpu);

}  // namespace lodge
