// Owns the two ways of running one vector instruction: on the host's own processor, and by the handler of its
// row.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>

#include "cpu/state/cpu.h"

namespace ringside::test {

// What an instruction under test may read and write. Operands: ymm0 to ymm3 or their low halves, mm0 and mm1,
// rax, rcx, rdx, [rbx] and [rdi], which are the same. A host without AVX leaves the upper halves as they are.
struct alignas(64) VectorCase {
  std::array<std::array<u64, 4>, 4> ymm{};
  std::array<u64, 2> mmx{};
  u64 rax = 0, rcx = 0, rdx = 0;
  u64 flags = 0;  // arithmetic flags only
  u32 mxcsr = 0x1f80;
  u32 trap = 0;  // 0, or the exception's vector: 6 (#UD), 13 (#GP), 19 (#XM)
  alignas(32) std::array<u64, 4> memory{};
  bool operator==(const VectorCase&) const = default;
};

// Runs one instruction natively.
class NativeVector {
 public:
  NativeVector();
  ~NativeVector();
  // Why this host runs none; empty: it does.
  std::string absent() const;
  void set(std::span<const u8> instruction);
  void run(VectorCase& state);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Runs one instruction by its handler, in 64-bit mode.
class EmulatedVector {
 public:
  EmulatedVector();
  ~EmulatedVector();
  // False: the instruction cannot be lowered.
  bool set(std::span<const u8> instruction);
  void run(VectorCase& state);
  // Only the instruction, on whatever state the CPU has. False: it faulted.
  bool step();
  Cpu& cpu();
  // The page of guest memory that rbx points to after run(); its linear address.
  u8* memory();
  static constexpr u64 memory_at = 0x3000;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::test
