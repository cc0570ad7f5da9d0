// Owns what every x87 instruction does around its arithmetic: waiting for errors, the register stack, stack
// faults, the status word and the pointers to the last instruction.
#pragma once

#include "cpu/exec/core/numeric_error.h"
#include "cpu/exec/core/operands.h"
#include "cpu/exec/x87/float80_convert.h"

namespace ringside::x87 {

// FSW's error summary and its copy, the busy bit of old.
constexpr u16 error_summary = FpuStatus::ES | 0x8000;

// -- Waiting.

// Raises #NM or #MF, or freezes: false.
[[gnu::cold, gnu::noinline]] bool begin_blocked(Cpu& cpu);

// The start of a waiting instruction. False: a fault was raised.
inline bool begin(Cpu& cpu) {
  if (((cpu.cr0 & (Cr0::EM | Cr0::TS)) | (cpu.x87.status & FpuStatus::ES)) != 0) [[unlikely]]
    return begin_blocked(cpu);
  return true;
}
// The start of a control instruction that does not wait.
inline bool begin_without_wait(Cpu& cpu) {
  if ((cpu.cr0 & (Cr0::EM | Cr0::TS)) != 0) [[unlikely]] {
    cpu.raise(Vector::NM);
    return false;
  }
  return true;
}

inline FpuControl control(const Cpu& cpu) { return {cpu.x87.control}; }

// -- The stack.

inline unsigned physical(const Cpu& cpu, unsigned i) { return (cpu.x87.top + i) & 7; }
inline bool is_empty(const Cpu& cpu, unsigned i) { return (cpu.x87.valid >> physical(cpu, i) & 1) == 0; }
inline Float80 st(const Cpu& cpu, unsigned i) {
  const X87Register& r = cpu.x87.physical[physical(cpu, i)];
  return {r.significand, r.sign_exponent};
}
inline void set_st(Cpu& cpu, unsigned i, Float80 value) {
  const unsigned n = physical(cpu, i);
  cpu.x87.physical[n].significand = value.significand;
  cpu.x87.physical[n].sign_exponent = value.sign_exponent;
  cpu.x87.valid = static_cast<u8>(cpu.x87.valid | 1u << n);
}
inline void free_st(Cpu& cpu, unsigned i) {
  cpu.x87.valid = static_cast<u8>(cpu.x87.valid & ~(1u << physical(cpu, i)));
}
inline void pop(Cpu& cpu) {
  free_st(cpu, 0);
  cpu.x87.top = (cpu.x87.top + 1) & 7;
}
inline void push(Cpu& cpu, Float80 value) {
  cpu.x87.top = (cpu.x87.top - 1) & 7;
  set_st(cpu, 0, value);
}

// Stack faults. True: IE is masked, the caller goes on with the indefinite.
inline bool underflow(const Cpu& cpu, FpuStatus& raised) {
  raised.raise(FpuStatus::IE | FpuStatus::SF);
  return control(cpu).masks(FpuStatus::IE);
}
inline bool overflow(const Cpu& cpu, FpuStatus& raised) {
  raised.raise(FpuStatus::IE | FpuStatus::SF | FpuStatus::C1);
  return control(cpu).masks(FpuStatus::IE);
}

inline bool suppressed(const Cpu& cpu, FpuStatus raised) {
  return raised.has(FpuStatus::IE | FpuStatus::DE | FpuStatus::ZE) && raised.suppresses_result(control(cpu));
}

// -- Memory operands that no size tells the alignment of.

// "Alignment Requirements by Data Type" in the manual's chapter on #AC. False: it was raised.
inline bool check_alignment(Cpu& cpu, u64 linear, unsigned alignment) {
  if (!(linear & (alignment - 1)) || cpu.cpl != 3 || !(cpu.cr0 & Cr0::AM) || !cpu.flag(Eflags::AC))
    return true;
  cpu.raise(Vector::AC, 0);
  return false;
}

// -- The end.

// Derives ES, B and FERR# from the exceptions and their masks.
void update_error_summary(Cpu& cpu);

// The memory operand of an instruction, for FDP.
template <class Operand>
struct DataOperand {
  static constexpr bool present = false;
};
template <class A, class T>
struct DataOperand<Mem<A, T>> {
  static constexpr bool present = true;
  static u64 offset(Cpu& cpu, const Op& op) { return effective_address<A>(cpu, op); }
};
template <class A>
struct DataOperand<Ea<A>> : DataOperand<Mem<A, u8>> {};

// An unmasked exception came up: ES, and what real processors only record then, FOP.
[[gnu::cold, gnu::noinline]] void record_error(Cpu& cpu, const Op& op);

// The status word and the pointers after an instruction that is no control instruction. C1 is cleared, then
// what was raised is added; `cleared` adds condition codes that the instruction defines. FDP and FDS follow
// unmasked exceptions only, if CPUID's FDP_EXCPTN_ONLY says so, else every instruction with a memory operand.
template <class Operand = Fixed>
inline bool complete(Cpu& cpu, const Op& op, FpuStatus raised, u16 cleared = 0, u16 kept = 0) {
  X87State& x87 = cpu.x87;
  x87.status = static_cast<u16>((x87.status & ~((FpuStatus::C1 & ~kept) | cleared)) | raised.value);
  x87.instruction_pointer = cpu.instruction_rip(op);
  x87.code_selector = cpu.segment[CS].selector;
  const bool unmasked = (raised.value & FpuStatus::exceptions & ~x87.control) != 0;
  if constexpr (DataOperand<Operand>::present) {
    if (unmasked || cpu.records_data_pointer) [[unlikely]] {
      x87.data_pointer = DataOperand<Operand>::offset(cpu, op);
      x87.data_selector = cpu.segment[op.seg & 7].selector;
    }
  }
  if (unmasked) [[unlikely]]
    record_error(cpu, op);
  return true;
}

// -- The common case of an instruction, by itself: nothing pending, no FDP to record, no stack fault, no
// unmasked exception. It reads the unit's state once; the compiler could not know that its own stores leave
// that alone.
struct Common {
  unsigned top, valid, control, status;
  bool usable;

  explicit Common(const Cpu& cpu)
      : top(cpu.x87.top),
        valid(cpu.x87.valid),
        control(cpu.x87.control),
        status(cpu.x87.status),
        usable(((cpu.cr0 & (Cr0::EM | Cr0::TS)) | (status & FpuStatus::ES) | cpu.records_data_pointer) == 0) {
  }

  unsigned physical(unsigned i) const { return (top + i) & 7; }
  bool full(unsigned n) const { return valid >> n & 1; }
  // 64 bits to nearest, and PE masked.
  bool rounds_by_default() const { return (control & (0xf00 | FpuStatus::PE)) == (0x300 | FpuStatus::PE); }
  static Float80 at(const Cpu& cpu, unsigned n) {
    return {cpu.x87.physical[n].significand, cpu.x87.physical[n].sign_exponent};
  }
  static void put(Cpu& cpu, unsigned n, Float80 value) {
    cpu.x87.physical[n].significand = value.significand;
    cpu.x87.physical[n].sign_exponent = value.sign_exponent;
  }
  void pop(Cpu& cpu) const {
    cpu.x87.valid = static_cast<u8>(valid & ~(1u << top));
    cpu.x87.top = static_cast<u8>((top + 1) & 7);
  }
  void push(Cpu& cpu, Float80 value) const {
    const unsigned n = physical(7);
    put(cpu, n, value);
    cpu.x87.valid = static_cast<u8>(valid | 1u << n);
    cpu.x87.top = static_cast<u8>(n);
  }
  void complete(Cpu& cpu, const Op& op, FpuStatus raised = {}) const {
    cpu.x87.status = static_cast<u16>((status & ~unsigned{FpuStatus::C1}) | raised.value);
    cpu.x87.instruction_pointer = cpu.instruction_rip(op);
    cpu.x87.code_selector = cpu.segment[CS].selector;
  }
};

}  // namespace ringside::x87
