// Owns the instructions that C++ has no words for, as functions. Those of VMX are in vmx.h.
#pragma once

#include <names.h>

#include "roms/kit/types.h"

namespace kit {

inline u64 rdmsr(u32 number) {
  u32 low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
  return static_cast<u64>(high) << 32 | low;
}
inline void wrmsr(u32 number, u64 value) {
  asm volatile("wrmsr"
               :
               : "c"(number), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32))
               : "memory");
}

inline u64 read_cr0() {
  u64 value;
  asm volatile("mov %%cr0, %0" : "=r"(value));
  return value;
}
inline u64 read_cr2() {
  u64 value;
  asm volatile("mov %%cr2, %0" : "=r"(value));
  return value;
}
inline u64 read_cr3() {
  u64 value;
  asm volatile("mov %%cr3, %0" : "=r"(value));
  return value;
}
inline u64 read_cr4() {
  u64 value;
  asm volatile("mov %%cr4, %0" : "=r"(value));
  return value;
}
inline void write_cr0(u64 value) { asm volatile("mov %0, %%cr0" : : "r"(value) : "memory"); }
inline void write_cr2(u64 value) { asm volatile("mov %0, %%cr2" : : "r"(value) : "memory"); }
inline void write_cr3(u64 value) { asm volatile("mov %0, %%cr3" : : "r"(value) : "memory"); }
inline void write_cr4(u64 value) { asm volatile("mov %0, %%cr4" : : "r"(value) : "memory"); }
inline void invlpg(u64 address) { asm volatile("invlpg (%0)" : : "r"(address) : "memory"); }

inline void out8(u16 port, u8 value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
inline void out16(u16 port, u16 value) { asm volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }
inline void out32(u16 port, u32 value) { asm volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }
inline u8 in8(u16 port) {
  u8 value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
inline u32 in32(u16 port) {
  u32 value;
  asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

// A device's register in memory. A MOV of exactly this width: a compiler left alone also compares or adds with memory, and a hypervisor has
// to understand whatever instruction touches its device.
inline void write32(u64 address, u32 value) { asm volatile("movl %0, (%1)" : : "r"(value), "r"(address) : "memory"); }
inline u32 read32(u64 address) {
  u32 value;
  asm volatile("movl (%1), %0" : "=r"(value) : "r"(address) : "memory");
  return value;
}

struct CpuidResult {
  u32 eax, ebx, ecx, edx;
};
inline CpuidResult cpuid(u32 leaf, u32 subleaf = 0) {
  CpuidResult r;
  asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
  return r;
}

inline u64 rdtsc() {
  u32 low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return static_cast<u64>(high) << 32 | low;
}

inline void enable_interrupts() { asm volatile("sti" : : : "memory"); }
inline void disable_interrupts() { asm volatile("cli" : : : "memory"); }
// Interrupts are enabled for the time of the HLT alone. STI holds them back for one instruction, so that none
// comes between the two.
inline void wait_for_interrupt() { asm volatile("sti; hlt; cli" : : : "memory"); }
inline void pause() { asm volatile("pause" : : : "memory"); }

}  // namespace kit
