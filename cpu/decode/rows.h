// Owns the lowering table's vocabulary: operand patterns, features, attributes, groups, and what a row holds.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "cpu/arch/registers.h"
#include "cpu/decode/op.h"
#include "cpu/decode/row_facts.h"

namespace ringside {

// What a row's operand position accepts. "T" is the row's size, one of its `sizes`.
// Tokens that may be memory name the bytes accessed; a body's template parameter for the position is in
// brackets (see cpu/exec/core/operands.h).
enum class Operand : u8 {
  none,
  r,
  rm,
  rmi,  // GPR of size T / or memory / or immediate   [Gpr<P,T>, Mem<A,T>, Imm<T>]
  r8,
  r16,
  r32,
  r64,  // GPR of a fixed size
  rm8,
  rm16,
  rm32,
  rm64,  // GPR or memory of a fixed size
  i,     // immediate                                  [Imm<T>]
  cl,
  one,  // the register CL; the constant 1            [Cl, One]
  acc,  // AL, AX, EAX or RAX                         [Gpr<P,T>]
  dx,   // the register DX (port)                     [Fixed]
  m,    // memory of size T                           [Mem<A,T>]
  m8,
  m16,
  m32,
  m64,
  m80,
  m128,
  m128u,  // 16 bytes, aligned or #GP / unaligned       [MemAligned<A>, Mem<A,V128>]
  ea,     // memory, the address only (LEA, FXSAVE, LGDT) [Ea<A>]
  x,
  y,  // XMM, MMX register                          [Xmm<P>, Mmx<P>]
  xm16,
  xm32,
  xm64,
  xm128,
  xm128u,
  xm8,  // XMM register or memory     [XmmLow<P,u8..u64>, Xmm<P> or Mem]
  ym32,
  ym64,  // MMX register or memory                     [Mmx<P> or Mem<A,u32/u64>]
  sr,
  cr,
  dr,
  st,       // segment, control, debug, x87 register      [Index<P>]
  rel,      // branch target                              [Fixed]
  far_ptr,  // ptr16:16 or ptr16:32, in op.imm64          [Fixed]
  // Of VEX rows. "T" is the vector's length there, V128 or V256.
  v,    // vector register of T                         [Vec<P,T>]
  vm,   // or memory                                    [Vec<P,T>, VexMem<A,T>]
  vma,  // or aligned memory, #GP otherwise             [Vec<P,T>, VexAligned<A,T>]
  ma,   // aligned memory of T                          [VexAligned<A,T>]
  ymm,  // YMM register, whatever T is                  [Vec<P,V256>]
  // The second operand of three or more: a register that binds no class, so that the form still follows from
  // the first operand and the third. Bodies take it from op.r1 (Vec::first, Gpr<1,T>).
  vv,
  xv,
  rv,  // vector register of T, XMM register, GPR of T
  vsx,
  vsy,  // memory with an XMM or a YMM register as index (VSIB)  [Vsib<A>]
  any,  // whatever it is: implied operands           [Fixed]
};

// The CPUID bits that instructions hang on. The CPU model decides which are on; a row whose feature is off is
// #UD.
enum class Feature : u8 {
  base,
  fpu,
  cx8,
  cmov,
  sep,
  fxsr,
  mmx,
  sse,
  sse2,
  sse3,
  pclmulqdq,
  monitor,
  vmx,
  ssse3,
  cx16,
  sse41,
  sse42,
  movbe,
  popcnt,
  aes,
  xsave,
  rdrand,
  fsgsbase,
  bmi1,
  bmi2,
  adx,
  smap,
  clflushopt,
  clwb,
  sha,
  pku,
  rdpid,
  rdseed,
  invpcid,
  lahf_lm,
  lzcnt,
  syscall,
  rdtscp,
  long_mode,
  xsaveopt,
  xsavec,
  xsaves,
  wbnoinvd,
  clflush,
  three_dnow_prefetch,
  umip,
  waitpkg,
  movdiri,
  movdir64b,
  serialize,
  erms,
  gfni,
  fsrm,
  cldemote,
  avx,
  avx2,
  fma,
  f16c,
  vaes,
  vpclmulqdq,
  never,
  count
};

// Row attributes, or-ed.
struct RowAttr {
  static constexpr u8 none = 0,
                      stack = 1,  // body's first template parameter is Flat (64-bit stack) or Legacy
      rep = 2,                    // only with a REP/REPE/REPNE prefix
      no_rep = 4,                 // only without
      mode64 = 8,                 // only in 64-bit mode
      legacy = 16,                // only outside 64-bit mode
      imm64 = 32,                 // only (and no other row, far pointers aside) where OpAttr::imm64 is set
      far = 64,                   // only (and no other row) for Zydis' far branches
      vex = 128,                  // only (and no other row) for encodings with a VEX prefix
      vex_mode64 = vex | mode64, stack_legacy = stack | legacy;
};

// Sizes mask: bit n for 2^n bytes. Those of vectors go with no others in a row: x is 16 bytes, y is 32.
struct Sizes {
  static constexpr u8 none = 0, b = 1, w = 2, d = 4, q = 8, wd = 6, bq = 9, wq = 10, dq = 12, wdq = 14,
                      bwd = 7, bwdq = 15, x = 16, y = 32, xy = 48;
};

// Which instantiation of a row: size (bits 0-1; of vectors 0 is 16 bytes), form (bits 2-4), legacy addressing
// or stack (bit 5).
enum class Form : u8 { N, R, M, RR, RM, MR, RI, MI };
constexpr unsigned variants = 64;
constexpr u8 variant_of(unsigned size_log2, Form form, bool legacy) {
  return static_cast<u8>((size_log2 & 3) | (static_cast<unsigned>(form) << 2) | (legacy ? 32 : 0));
}

constexpr unsigned max_operands = 4;
// The tokens that bind no class.
constexpr bool binds_nothing(Operand o) { return o == Operand::vv || o == Operand::xv || o == Operand::rv; }
// Which operand is a body's second class.
constexpr unsigned second_class(Operand second) { return binds_nothing(second) ? 2 : 1; }

enum class RowGroup : u8;       // cpu/decode/groups.h
enum class Inline : u8;         // cpu/decode/inline_class.h
enum class InlineVector : u16;  // likewise

// What the tag `emit` says: the operation as the emitter knows it. Without the tag it calls the handler.
struct RowEmit {
  Inline what{};
  InlineVector vector{};
  Condition condition = Condition::O;
  u8 bytes = 0;  // of what is worked on, in rows without sizes
};

struct RowInfo {
  std::string_view mnemonic;  // as Zydis spells it
  u16 zydis_mnemonic;
  std::array<Operand, max_operands> operands;
  bool match_operands;
  u8 sizes;
  std::string_view body;
  Feature feature;
  Kind kind;
  u8 attrs;
  RowGroup group;
  // From here on what the tags behind the columns say.
  RowEmit emit;
  Feature also = Feature::base;  // a second feature without which it is #UD
  Privilege privilege = Privilege::everyone;
  RowExit exit;
  RowInformation information;
  Judge judge = Judge::of_group;
  Branch branch = Branch::no_branch;
};

// All rows, group by group.
std::span<const RowInfo> rows();
std::string_view feature_name(Feature feature);

}  // namespace ringside
