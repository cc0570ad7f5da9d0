// Owns the oracle: one x87 instruction of the host's own FPU, run under any control word, with its result and
// status word. Only on x86-64 hosts; elsewhere `host_has_x87` is false and the comparing tests have no cases.
#pragma once

#include <cstring>

#include "cpu/exec/x87/float80.h"

namespace ringside::host {

struct Outcome {
  Float80 value;   // ST(0) afterwards
  Float80 second;  // ST(1), for instructions that push
  u16 status = 0;
};

#if defined(__x86_64__)
inline constexpr bool host_has_x87 = true;

struct [[gnu::packed]] Memory80 {
  u64 significand;
  u16 sign_exponent;
};
inline Memory80 to_memory(Float80 v) { return {v.significand, v.sign_exponent}; }
inline Float80 from_memory(const Memory80& v) { return {v.significand, v.sign_exponent}; }

// After the instruction the status is read without waiting and cleared, so that unmasked exceptions never
// trap. ST(0) = a and ST(1) = b before; both are read after.
#define FORM(name, text)                                                  \
  inline Outcome name(Float80 a, Float80 b, u16 control) {                \
    Memory80 x = to_memory(a), y = to_memory(b), r{}, s{};                \
    u16 status;                                                           \
    asm volatile("fninit\n fldt %4\n fldt %3\n fldcw %5\n " text          \
                 "\n fnstsw %%ax\n fnclex\n fstpt %0\n fstpt %1\n fninit" \
                 : "=m"(r), "=m"(s), "=a"(status)                         \
                 : "m"(x), "m"(y), "m"(control)                           \
                 : "memory", "cc");                                       \
    return {from_memory(r), from_memory(s), status};                      \
  }
FORM(fadd, "fadd %%st(1), %%st")
FORM(fsub, "fsub %%st(1), %%st")
FORM(fsubr, "fsubr %%st(1), %%st")
FORM(fmul, "fmul %%st(1), %%st")
FORM(fdiv, "fdiv %%st(1), %%st")
FORM(fdivr, "fdivr %%st(1), %%st")
FORM(fsqrt, "fsqrt")
FORM(fprem, "fprem")
FORM(fprem1, "fprem1")
FORM(fscale, "fscale")
FORM(frndint, "frndint")
FORM(fxtract, "fxtract")
FORM(fcom, "fcom %%st(1)")
FORM(fucom, "fucom %%st(1)")
FORM(fxam, "fxam")
FORM(f2xm1, "f2xm1")
FORM(fsin, "fsin")
FORM(fcos, "fcos")
FORM(fsincos, "fsincos")
FORM(fptan, "fptan")
FORM(fpatan, "fpatan")
FORM(fyl2x, "fyl2x")
FORM(fyl2xp1, "fyl2xp1")
#undef FORM

#define CONSTANT(name, text)                                                                              \
  inline Float80 name(u16 control) {                                                                      \
    Memory80 r{};                                                                                         \
    asm volatile("fninit\n fldcw %1\n " text "\n fstpt %0\n fninit" : "=m"(r) : "m"(control) : "memory"); \
    return from_memory(r);                                                                                \
  }
CONSTANT(fld1, "fld1")
CONSTANT(fldl2t, "fldl2t")
CONSTANT(fldl2e, "fldl2e")
CONSTANT(fldpi, "fldpi")
CONSTANT(fldlg2, "fldlg2")
CONSTANT(fldln2, "fldln2")
CONSTANT(fldz, "fldz")
#undef CONSTANT

// Loads from a memory format.
struct Loaded {
  Float80 value;
  u16 status = 0;
};
#define LOAD(name, type, text)                                                                \
  inline Loaded name(type bits, u16 control) {                                                \
    Memory80 r{};                                                                             \
    u16 status;                                                                               \
    asm volatile("fninit\n fldcw %3\n " text " %2\n fnstsw %%ax\n fnclex\n fstpt %0\n fninit" \
                 : "=m"(r), "=a"(status)                                                      \
                 : "m"(bits), "m"(control)                                                    \
                 : "memory");                                                                 \
    return {from_memory(r), status};                                                          \
  }
LOAD(fld32, u32, "flds")
LOAD(fld64, u64, "fldl")
LOAD(fild16, u16, "filds")
LOAD(fild32, u32, "fildl")
LOAD(fild64, u64, "fildq")
#undef LOAD

// Stores; the memory holds a pattern before, to show that it was left alone.
template <class T>
struct Stored {
  T bits;
  u16 status;
};
#define STORE(name, type, text)                                                              \
  inline Stored<type> name(Float80 a, u16 control, type before) {                            \
    Memory80 x = to_memory(a);                                                               \
    u16 status;                                                                              \
    asm volatile("fninit\n fldt %2\n fldcw %3\n " text " %0\n fnstsw %%ax\n fnclex\n fninit" \
                 : "+m"(before), "=a"(status)                                                \
                 : "m"(x), "m"(control)                                                      \
                 : "memory");                                                                \
    return {before, status};                                                                 \
  }
STORE(fst32, u32, "fsts")
STORE(fst64, u64, "fstl")
STORE(fist16, u16, "fists")
STORE(fist32, u32, "fistl")
STORE(fist64, u64, "fistpq")
STORE(fisttp16, u16, "fisttps")
STORE(fisttp32, u32, "fisttpl")
STORE(fisttp64, u64, "fisttpq")
STORE(fbstp, Memory80, "fbstp")
#undef STORE

inline Float80 fbld(Memory80 bcd) {
  Memory80 r{};
  asm volatile("fninit\n fbld %1\n fstpt %0\n fninit" : "=m"(r) : "m"(bcd) : "memory");
  return from_memory(r);
}
#else
inline constexpr bool host_has_x87 = false;
#endif

}  // namespace ringside::host
