// Owns what the oracle's user programs find: registers, segments, memory, x87 and vector registers, chosen so
// that an instruction does something, or fails in a way that means something.
#pragma once

#include "tests/oracle/samples.h"

namespace oracle {

// At the edge of some operand size, small, or anything.
u64 edge_value(std::mt19937_64& random);

class Operands {
 public:
  Operands(const Emulated& emulated, std::mt19937_64& random) : emulated_(emulated), random_(random) {}
  // Before the cases of a sample: where an indirect branch leads. Gives what goes into Program.
  void begin(const Sample& sample, Program& program);
  void choose(const Sample& sample, Case& c);
  // The linear address of the sample's memory operand.
  u64 address(const Sample& sample, const Registers& in) const;
  // The linear address of the stack's top, with the stack segment that it began with.
  u64 stack(const Sample& sample, const Registers& now, const Registers& in) const;

 private:
  u64 below(u64 n) { return random_() % n; }
  bool one_in(u64 n) { return random_() % n == 0; }
  u64 base_of(const Sample& s, SegReg segment, const Registers& in) const;
  u64 stack_mask(const Sample& s, const Registers& in) const;
  u64 somewhere(const Sample& s, u64 inside);
  u16 selector();
  u16 wrong_code_selector();
  void choose_segments(const Sample& s, Registers& in);
  void choose_registers(const Sample& s, Registers& in);
  void choose_flags(const Sample& s, Registers& in);
  void aim_register(const Sample& s, Registers& in, u8 number, SegReg segment, u64 linear, unsigned bits);
  void choose_memory(const Sample& s, Case& c);
  void choose_stack(const Sample& s, Case& c);
  void choose_image(const Sample& s, Case& c, u64 at);
  void choose_vectors(const Sample& s, VectorImage& image);
  u64 far_pointer(const Sample& s, unsigned& bytes);
  u64 flags_image();

  const Emulated& emulated_;
  std::mt19937_64& random_;
  SegReg good_ = ES;            // of a string instruction's two operands, the one that cannot fail
  bool wrong_targets_ = false;  // branches may have them, for nothing else may fail
  std::array<u8, data_bytes> background_{};
};

}  // namespace oracle
