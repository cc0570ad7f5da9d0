// Owns the bodies of the x87 control instructions: control and status words, the environment, FINIT, FSAVE.
#pragma once

#include "cpu/exec/x87/unit.h"

namespace ringside {

namespace x87 {

constexpr unsigned register_image_bytes = 80;
constexpr unsigned largest_image_bytes = 28 + register_image_bytes;

// "x87 FPU State Image", 14 or 28 bytes by operand size, in the layout of real or protected mode.
unsigned environment_bytes(const Op& op);
void store_environment(const Cpu& cpu, const Op& op, u8* image);
// Also derives what the loaded words pend: ES, B, FERR#.
void load_environment(Cpu& cpu, const Op& op, const u8* image);
void store_registers(const Cpu& cpu, u8* image);
void load_registers(Cpu& cpu, const u8* image);

// FNINIT's state; registers keep their contents and become empty.
void initialize(Cpu& cpu);

// What FLDCW keeps of a value: bit 6 is always one, 7 and 13-15 are reserved.
constexpr u16 control_word(u16 value) { return static_cast<u16>((value & 0x1f3f) | 0x40); }

template <class Address>
inline bool write_image(Cpu& cpu, const Op& op, const u8* image, unsigned size) {
  u64 linear;
  return Address::linear(cpu, op, size, AccessKind::write, linear) &&
         check_alignment(cpu, linear, environment_bytes(op) == 14 ? 2 : 4) &&
         store_bytes(cpu, linear, image, size, static_cast<SegReg>(op.seg));
}
template <class Address>
inline bool read_image(Cpu& cpu, const Op& op, u8* image, unsigned size) {
  u64 linear;
  return Address::linear(cpu, op, size, AccessKind::read, linear) &&
         check_alignment(cpu, linear, environment_bytes(op) == 14 ? 2 : 4) &&
         load_bytes(cpu, linear, image, size, static_cast<SegReg>(op.seg));
}

}  // namespace x87

template <class Src>
bool fldcw(Cpu& cpu, const Op& op) {
  u16 value;
  if (!x87::begin(cpu) || !Src::read(cpu, op, value)) [[unlikely]]
    return false;
  cpu.x87.control = x87::control_word(value);
  x87::update_error_summary(cpu);
  return true;
}
template <class Dst>
bool fnstcw(Cpu& cpu, const Op& op) {
  return x87::begin_without_wait(cpu) && Dst::write(cpu, op, cpu.x87.control);
}
template <class Dst>
bool fnstsw(Cpu& cpu, const Op& op) {
  return x87::begin_without_wait(cpu) && Dst::write(cpu, op, cpu.x87.status_word());
}

inline bool fnclex(Cpu& cpu, const Op&) {
  if (!x87::begin_without_wait(cpu)) return false;
  cpu.x87.status &= static_cast<u16>(~(FpuStatus::exceptions | FpuStatus::SF | x87::error_summary));
  x87::update_error_summary(cpu);
  return true;
}
inline bool fninit(Cpu& cpu, const Op&) {
  if (!x87::begin_without_wait(cpu)) return false;
  x87::initialize(cpu);
  return true;
}

template <class Address>
bool fnstenv(Cpu& cpu, const Op& op) {
  u8 image[x87::largest_image_bytes];
  if (!x87::begin_without_wait(cpu)) return false;
  x87::store_environment(cpu, op, image);
  if (!x87::write_image<Address>(cpu, op, image, x87::environment_bytes(op))) return false;
  cpu.x87.control |= FpuStatus::exceptions;
  x87::update_error_summary(cpu);
  return true;
}
template <class Address>
bool fldenv(Cpu& cpu, const Op& op) {
  u8 image[x87::largest_image_bytes];
  if (!x87::begin(cpu) || !x87::read_image<Address>(cpu, op, image, x87::environment_bytes(op))) return false;
  x87::load_environment(cpu, op, image);
  return true;
}
template <class Address>
bool fnsave(Cpu& cpu, const Op& op) {
  u8 image[x87::largest_image_bytes];
  if (!x87::begin_without_wait(cpu)) return false;
  const unsigned environment = x87::environment_bytes(op);
  x87::store_environment(cpu, op, image);
  x87::store_registers(cpu, image + environment);
  if (!x87::write_image<Address>(cpu, op, image, environment + x87::register_image_bytes)) return false;
  x87::initialize(cpu);
  return true;
}
template <class Address>
bool frstor(Cpu& cpu, const Op& op) {
  u8 image[x87::largest_image_bytes];
  const unsigned environment = x87::environment_bytes(op);
  if (!x87::begin(cpu) || !x87::read_image<Address>(cpu, op, image, environment + x87::register_image_bytes))
    return false;
  x87::load_environment(cpu, op, image);
  x87::load_registers(cpu, image + environment);
  return true;
}

inline bool fincstp(Cpu& cpu, const Op& op) {
  if (!x87::begin(cpu)) return false;
  cpu.x87.top = (cpu.x87.top + 1) & 7;
  return x87::complete(cpu, op, {});
}
inline bool fdecstp(Cpu& cpu, const Op& op) {
  if (!x87::begin(cpu)) return false;
  cpu.x87.top = (cpu.x87.top - 1) & 7;
  return x87::complete(cpu, op, {});
}
template <class...>
bool ffree(Cpu& cpu, const Op& op) {
  if (!x87::begin(cpu)) return false;
  x87::free_st(cpu, op.r0);
  return x87::complete(cpu, op, {});
}
// Not in the manual's list, but in processors: FFREE and a pop.
template <class...>
bool ffreep(Cpu& cpu, const Op& op) {
  if (!x87::begin(cpu)) return false;
  x87::free_st(cpu, op.r0);
  x87::pop(cpu);
  return x87::complete(cpu, op, {});
}
inline bool fnop(Cpu& cpu, const Op& op) {
  return x87::begin(cpu) && x87::complete(cpu, op, {}, 0, FpuStatus::C1);
}
// FENI, FDISI and FSETPM of the 8087 and the 287 do nothing.
inline bool former_control(Cpu& cpu, const Op&) { return x87::begin_without_wait(cpu); }

inline bool fwait(Cpu& cpu, const Op&) {
  if ((cpu.cr0 & (Cr0::MP | Cr0::TS)) == (Cr0::MP | Cr0::TS)) [[unlikely]] {
    cpu.raise(Vector::NM);
    return false;
  }
  if ((cpu.x87.status & FpuStatus::ES) == 0) [[likely]]
    return true;
  if ((cpu.cr0 & Cr0::NE) == 0) return !frozen_by_error(cpu);
  cpu.raise(Vector::MF);
  return false;
}

}  // namespace ringside
