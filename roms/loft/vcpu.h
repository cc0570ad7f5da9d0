// Owns the making of a virtual CPU: its VMCS, field by field.
#pragma once

#include "roms/loft/domain.h"

namespace loft {

// Begins as PVH wants it: 32-bit protected mode without paging, flat segments, at `entry`, with `value` in
// EBX (and in ESI, where Linux's own 32-bit protocol wants it).
void start_vcpu(Vcpu& vcpu, u64 entry, u64 value);

// Begins beside `other`, which runs in 64-bit mode: with its tables and control registers, at `entry`, with
// `value` in RDI.
void start_vcpu_like(Vcpu& vcpu, Vcpu& other, u64 entry, u64 value);

// Both leave the VMCS clear, on no CPU.

// What a domain's virtual CPU is told of the machine (CPUID), and its MSRs. Of the current VMCS.
void answer_cpuid(Vcpu& vcpu);
// A leaf with a signature of up to twelve letters in EBX, ECX and EDX.
CpuidResult letters(u32 eax, const char* text);
bool read_msr(Vcpu& vcpu, u32 number, u64& value);
bool write_msr(Vcpu& vcpu, u32 number, u64 value);
// The page of bits that says which MSRs the guest may use without an exit.
u64 msr_bitmap();

}  // namespace loft
