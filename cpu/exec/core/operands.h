// Owns the operand classes that bodies are templates over, and the effective address.
#pragma once

#include "cpu/exec/core/memory.h"

namespace ringside {

// Address policies. Flat: 64-bit mode, 64-bit addresses, no FS or GS: offset is the linear address, and the
// stack is 64 bits wide. Legacy: everything else, tested at run time.
struct Flat {
  static constexpr bool flat = true;
};
struct Legacy {
  static constexpr bool flat = false;
};

// Offset of the memory operand inside its segment.
template <class A>
inline u64 effective_address(Cpu& cpu, const Op& op) {
  const u64 offset = cpu.reg<u64>(op.base) + (cpu.reg<u64>(op.index) << op.scale) + static_cast<s64>(op.disp);
  if constexpr (A::flat) {
    return offset;
  } else {
    if (op.attrs & OpAttr::address16) return offset & 0xffff;
    if (op.attrs & OpAttr::address32) return offset & 0xffffffff;
    return offset;
  }
}
// For operands with a 64-bit absolute address (MOV rax, moffs64), which fills the whole of imm64.
inline u64 absolute_address(const Op& op) { return static_cast<u64>(op.imm64); }

// Segment checks: limit, type, null; adds the base. False: #SS(0) for SS, #GP(0) for the others is raised.
bool linearize(Cpu& cpu, SegReg seg, u64 offset, unsigned size, AccessKind kind, u64& linear);

template <class A>
inline bool memory_operand(Cpu& cpu, const Op& op, unsigned size, AccessKind kind, u64& linear) {
  const u64 offset = effective_address<A>(cpu, op);
  if constexpr (A::flat) {
    linear = offset;
    return true;
  } else {
    return linearize(cpu, static_cast<SegReg>(op.seg), offset, size, kind, linear);
  }
}

enum class Where : u8 { reg, mem, imm };
struct NoSlot {};

// A general-purpose register of type T as operand number P (0, 1 or 2).
template <unsigned P, class T>
struct Gpr {
  using Value = T;
  using Slot = NoSlot;
  static constexpr Where where = Where::reg;
  static u8 offset(const Op& op) { return P == 0 ? op.r0 : P == 1 ? op.r1 : op.r2; }
  static bool read(Cpu& cpu, const Op& op, T& value) {
    value = cpu.reg<T>(offset(op));
    return true;
  }
  // A 32-bit write clears the upper half.
  static bool write(Cpu& cpu, const Op& op, T value) {
    if constexpr (sizeof(T) == 4) {
      cpu.reg<u64>(offset(op)) = value;
    } else {
      cpu.reg<T>(offset(op)) = value;
    }
    return true;
  }
  static bool open(Cpu& cpu, const Op& op, T& value, Slot&) { return read(cpu, op, value); }
  static void commit(Cpu& cpu, const Op& op, const Slot&, T value) { write(cpu, op, value); }
};

// Memory of type T (u8 to u64, or V128 and V256 without alignment).
template <class A, class T>
struct Mem {
  using Value = T;
  using Slot = RmwSlot;
  static constexpr Where where = Where::mem;
  static bool read(Cpu& cpu, const Op& op, T& value) {
    u64 linear;
    return memory_operand<A>(cpu, op, sizeof(T), AccessKind::read, linear) &&
           load(cpu, linear, value, static_cast<SegReg>(op.seg));
  }
  static bool write(Cpu& cpu, const Op& op, T value) {
    u64 linear;
    return memory_operand<A>(cpu, op, sizeof(T), AccessKind::write, linear) &&
           store(cpu, linear, value, static_cast<SegReg>(op.seg));
  }
  static bool open(Cpu& cpu, const Op& op, T& value, Slot& slot) {
    u64 linear;
    return memory_operand<A>(cpu, op, sizeof(T), AccessKind::write, linear) &&
           open_rmw(cpu, linear, value, static_cast<SegReg>(op.seg), slot);
  }
  static void commit(Cpu& cpu, const Op&, const Slot& slot, T value) { commit_rmw(cpu, slot, value); }
};

// A vector that must be aligned: #GP(0) otherwise.
template <class A, class T = V128>
struct MemAligned {
  using Value = T;
  static constexpr Where where = Where::mem;
  static bool address(Cpu& cpu, const Op& op, AccessKind kind, u64& linear) {
    if (!memory_operand<A>(cpu, op, sizeof(T), kind, linear)) return false;
    if (linear & (sizeof(T) - 1)) [[unlikely]] {
      cpu.raise(Vector::GP, 0);
      return false;
    }
    return true;
  }
  static bool read(Cpu& cpu, const Op& op, T& value) {
    u64 linear;
    return address(cpu, op, AccessKind::read, linear) &&
           load(cpu, linear, value, static_cast<SegReg>(op.seg));
  }
  static bool write(Cpu& cpu, const Op& op, const T& value) {
    u64 linear;
    return address(cpu, op, AccessKind::write, linear) &&
           store(cpu, linear, value, static_cast<SegReg>(op.seg));
  }
};

// The address only: `offset` inside the segment op.seg; `linear` with the checks for `size` bytes.
template <class A>
struct Ea {
  using Value = u64;
  static constexpr Where where = Where::mem;
  static u64 offset(Cpu& cpu, const Op& op) { return effective_address<A>(cpu, op); }
  static bool linear(Cpu& cpu, const Op& op, unsigned size, AccessKind kind, u64& result) {
    return memory_operand<A>(cpu, op, size, kind, result);
  }
};

// An immediate, sign-extended to T.
template <class T>
struct Imm {
  using Value = T;
  static constexpr Where where = Where::imm;
  static bool read(Cpu&, const Op& op, T& value) {
    value = static_cast<T>(op.imm);
    return true;
  }
};

// The constant 1 and the register CL as shift counts.
struct One {
  using Value = u8;
  static constexpr Where where = Where::reg;
  static bool read(Cpu&, const Op&, u8& value) {
    value = 1;
    return true;
  }
};
struct Cl {
  using Value = u8;
  static constexpr Where where = Where::reg;
  static bool read(Cpu& cpu, const Op&, u8& value) {
    value = static_cast<u8>(cpu.gpr[RCX]);
    return true;
  }
};
// An operand that the body reads from the Op itself, if at all: relative targets, DX, implied operands.
struct Fixed {
  static constexpr Where where = Where::reg;
};
// A register number: segment, control, debug and x87 registers.
template <unsigned P>
struct Index {
  static constexpr Where where = Where::reg;
  static u8 number(const Op& op) { return P == 0 ? op.r0 : P == 1 ? op.r1 : op.r2; }
};

// A whole XMM register of an SSE instruction, which is its own first source.
template <unsigned P>
struct Xmm {
  using Value = V128;
  static constexpr Where where = Where::reg;
  static V128& at(Cpu& cpu, const Op& op) { return cpu.vector.xmm[P == 0 ? op.r0 : P == 1 ? op.r1 : op.r2]; }
  static const V128& first(Cpu& cpu, const Op& op) { return at(cpu, op); }
  static bool read(Cpu& cpu, const Op& op, V128& value) {
    value = at(cpu, op);
    return true;
  }
  static bool write(Cpu& cpu, const Op& op, const V128& value) {
    at(cpu, op) = value;
    return true;
  }
};
// The low bytes of an XMM register; a write keeps the others.
template <unsigned P, class T>
struct XmmLow {
  using Value = T;
  static constexpr Where where = Where::reg;
  static bool read(Cpu& cpu, const Op& op, T& value) {
    value = static_cast<T>(Xmm<P>::at(cpu, op).q[0]);
    return true;
  }
  static bool write(Cpu& cpu, const Op& op, T value) {
    std::memcpy(Xmm<P>::at(cpu, op).q, &value, sizeof(T));
    return true;
  }
};
// The classes of rows with a VEX prefix, which bodies tell by `vex`. A vector register of V128 or V256: a
// write of the narrower clears the upper half. `first` is the source that comes before the one that may be
// memory.
template <unsigned P, class T>
struct Vec {
  using Value = T;
  static constexpr Where where = Where::reg;
  static constexpr bool vex = true;
  static u8 number(const Op& op) { return P == 0 ? op.r0 : P == 1 ? op.r1 : op.r2; }
  static const V128& at(Cpu& cpu, const Op& op) { return cpu.vector.xmm[number(op)]; }
  static T of(const Cpu& cpu, unsigned n) {
    if constexpr (sizeof(T) == sizeof(V256))
      return {cpu.vector.xmm[n], cpu.vector.upper[n]};
    else
      return cpu.vector.xmm[n];
  }
  static T first(const Cpu& cpu, const Op& op) { return of(cpu, op.r1); }
  static bool read(Cpu& cpu, const Op& op, T& value) {
    value = of(cpu, number(op));
    return true;
  }
  static bool write(Cpu& cpu, const Op& op, const T& value) {
    if constexpr (sizeof(T) == sizeof(V256)) {
      cpu.vector.xmm[number(op)] = value.low;
      cpu.vector.upper[number(op)] = value.high;
    } else {
      cpu.vector.xmm[number(op)] = value;
      cpu.vector.upper[number(op)] = {};
    }
    return true;
  }
};
template <unsigned P, class T>
struct VecLow : XmmLow<P, T> {
  static constexpr bool vex = true;
};
template <class A, class T>
struct VexMem : Mem<A, T> {
  static constexpr bool vex = true;
};
template <class A, class T>
struct VexAligned : MemAligned<A, T> {
  static constexpr bool vex = true;
};
// Memory whose index is a vector register: the body makes the addresses.
template <class A>
struct Vsib {
  static constexpr Where where = Where::mem;
  static constexpr bool vex = true;
};

// An MMX register: the significand of a physical x87 register. The body calls mark_mmx_in_use(cpu) where the
// manual says that the instruction touches MMX state.
template <unsigned P>
struct Mmx {
  using Value = u64;
  static constexpr Where where = Where::reg;
  static X87Register& at(Cpu& cpu, const Op& op) {
    return cpu.x87.physical[(P == 0 ? op.r0 : P == 1 ? op.r1 : op.r2) & 7];
  }
  static bool read(Cpu& cpu, const Op& op, u64& value) {
    value = at(cpu, op).significand;
    return true;
  }
  static bool write(Cpu& cpu, const Op& op, u64 value) {
    // Member by member: a copy of the whole would be read back from the stack in one piece, and wait for it.
    X87Register& r = at(cpu, op);
    r.significand = value;
    r.sign_exponent = 0xffff;
    return true;
  }
};

}  // namespace ringside
