// Owns the bodies that are neither arithmetic nor moves: flag instructions, hints, fences, random numbers,
// #UD.
#pragma once

#include "cpu/exec/core/instruction_exits.h"
#include "cpu/exec/core/operands.h"

namespace ringside {

inline bool nop(Cpu&, const Op&) { return true; }
inline bool pause_instruction(Cpu& cpu, const Op& op) { return !cpu.non_root || !pause_exits(cpu, op); }

inline bool undefined_instruction(Cpu& cpu, const Op&) {
  cpu.raise(Vector::UD);
  return false;
}

// Access checks as a load of one byte; there are no caches to flush.
template <class Line>
inline bool flush_line(Cpu& cpu, const Op& op) {
  u64 linear;
  return Line::linear(cpu, op, 1, AccessKind::read, linear) &&
         probe_read(cpu, linear, 1, static_cast<SegReg>(op.seg));
}

// MOVDIR64B: 64 bytes, read first, then stored as one to an aligned place in ES that no prefix overrides. The
// destination's register has the size of an address.
template <class Dst, class Src>
inline bool movdir64b(Cpu& cpu, const Op& op) {
  constexpr unsigned bytes = 64;
  std::array<u8, bytes> line;
  u64 from, to;
  typename Dst::Value offset;
  if (!Src::linear(cpu, op, bytes, AccessKind::read, from) ||
      !load_bytes(cpu, from, line.data(), bytes, static_cast<SegReg>(op.seg)))
    return false;
  Dst::read(cpu, op, offset);
  if (!linearize(cpu, ES, offset, bytes, AccessKind::write, to)) return false;
  if (to & (bytes - 1)) {
    cpu.raise(Vector::GP, 0);
    return false;
  }
  return store_bytes(cpu, to, line.data(), bytes, ES);
}

inline bool sahf(Cpu& cpu, const Op&) {
  constexpr u64 taken = Eflags::SF | Eflags::ZF | Eflags::AF | Eflags::PF | Eflags::CF;
  cpu.flags.set_image((cpu.flags.image() & ~taken) | (cpu.reg<u8>(reg::high_byte(RAX)) & taken));
  return true;
}
inline bool lahf(Cpu& cpu, const Op&) {
  cpu.reg<u8>(reg::high_byte(RAX)) = static_cast<u8>(cpu.flags.image() | Eflags::reserved_one);
  return true;
}
inline bool salc(Cpu& cpu, const Op&) {
  cpu.reg<u8>(reg::of(RAX)) = cpu.flags.cf() ? 0xff : 0;
  return true;
}
inline bool clc(Cpu& cpu, const Op&) { return cpu.flags.set_cf(false), true; }
inline bool stc(Cpu& cpu, const Op&) { return cpu.flags.set_cf(true), true; }
inline bool cmc(Cpu& cpu, const Op&) { return cpu.flags.set_cf(!cpu.flags.cf()), true; }
inline bool cld(Cpu& cpu, const Op&) { return cpu.system_flags &= ~Eflags::DF, true; }
inline bool std_(Cpu& cpu, const Op&) { return cpu.system_flags |= Eflags::DF, true; }

// RDRAND and RDSEED always deliver: the next number of a sequence that is the same in every run (SplitMix64).
template <class Dst>
inline bool random_number(Cpu& cpu, const Op& op) {
  cpu.random_state += 0x9e3779b97f4a7c15;
  u64 z = cpu.random_state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  cpu.flags.set_image(Eflags::CF);
  return Dst::write(cpu, op, static_cast<typename Dst::Value>(z ^ (z >> 31)));
}
template <class Dst>
inline bool rdrand(Cpu& cpu, const Op& op) {
  return permitted(cpu, op) && random_number<Dst>(cpu, op);
}
template <class Dst>
inline bool rdseed(Cpu& cpu, const Op& op) {
  return permitted(cpu, op) && random_number<Dst>(cpu, op);
}

}  // namespace ringside
