// Owns the way from instruction bytes to an operation record: Zydis decodes, the lowering table chooses the
// row.
#pragma once

#include <bitset>
#include <memory>

#include "cpu/decode/rows.h"

namespace ringside {

using FeatureSet = std::bitset<static_cast<std::size_t>(Feature::count)>;

enum class DecodeStatus : u8 {
  ok,
  more,       // the bytes end before the instruction does
  undefined,  // #UD: no such instruction, or its feature is off, or nobody implements it
  too_long,   // more than 15 bytes: #GP(0)
};

struct Lowered {
  Op op;  // all but handler and left
  Kind kind = Kind::boundary;
  // op.imm is the 32-bit immediate in the instruction's last four bytes, and nothing else depends on its
  // value.
  bool tail_immediate = false;
  bool checked = false;  // a branch that needs the checked wrapper (see cpu/exec/core/dispatch.h)
};

// One per CPU model. Stateless after construction.
class Decoder {
 public:
  explicit Decoder(const FeatureSet& features);
  ~Decoder();

  // Lowers the instruction at `bytes`. code_bits: 16, 32 or 64. `page_offset`: of the first byte in its page.
  // `limited`: the code segment has a limit that branches must check. op.length is set for `ok` only.
  DecodeStatus lower(const u8* bytes, unsigned available, unsigned code_bits, bool limited, u16 page_offset,
                     Lowered& out) const;

  static constexpr u16 no_row = 0xffff;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside
