// Owns the value of DWARF expressions over registers and memory.
#pragma once

#include <dwarf.h>
#include <elfutils/libdw.h>

#include "frontend/symbols/unwind.h"

namespace ringside {

// The operations that compilers and assemblers use in call-frame rules and for variables; anything else ends
// the attempt.
class DwarfExpression {
 public:
  struct Around {
    std::optional<u64> cfa = {}, frame_base = {};
    u64 offset = 0;  // of the image: added to addresses
  };
  DwarfExpression(const UnwindRegisters& registers, const ReadStack& read, const Around& around)
      : registers_(registers), read_(read), around_(around) {}

  std::optional<u64> value(const Dwarf_Op* ops, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      if (!step(ops[i])) return std::nullopt;
    }
    if (depth_ == 0) return std::nullopt;
    return stack_[depth_ - 1];
  }
  bool is_value() const { return is_value_; }  // not the address of one
  std::optional<unsigned> in_register() const { return in_register_; }

 private:
  bool push(u64 value) {
    if (depth_ == std::size(stack_)) return false;
    stack_[depth_++] = value;
    return true;
  }
  bool push_register(u64 number, u64 offset) {
    if (number >= UnwindRegisters::count || !registers_.value[number]) return false;
    return push(*registers_.value[number] + offset);
  }
  template <class Act>
  bool binary(Act act) {
    if (depth_ < 2) return false;
    --depth_;
    stack_[depth_ - 1] = act(stack_[depth_ - 1], stack_[depth_]);
    return true;
  }
  bool dereference(unsigned size) {
    if (depth_ < 1 || size == 0 || size > 8) return false;
    const auto word = read_(stack_[depth_ - 1], size);
    if (!word) return false;
    stack_[depth_ - 1] = *word;
    return true;
  }
  bool step(const Dwarf_Op& op) {
    const unsigned atom = op.atom;
    if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31) return push(atom - DW_OP_lit0);
    if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31) return push_register(atom - DW_OP_breg0, op.number);
    if (atom >= DW_OP_reg0 && atom <= DW_OP_reg31) {
      in_register_ = atom - DW_OP_reg0;
      return push_register(*in_register_, 0);
    }
    switch (atom) {
      case DW_OP_bregx: return push_register(op.number, op.number2);
      case DW_OP_regx: in_register_ = static_cast<unsigned>(op.number); return push_register(op.number, 0);
      case DW_OP_call_frame_cfa: return around_.cfa && push(*around_.cfa);
      case DW_OP_fbreg: return around_.frame_base && push(*around_.frame_base + op.number);
      case DW_OP_addr: return push(op.number + around_.offset);
      case DW_OP_const1u:
      case DW_OP_const1s:
      case DW_OP_const2u:
      case DW_OP_const2s:
      case DW_OP_const4u:
      case DW_OP_const4s:
      case DW_OP_const8u:
      case DW_OP_const8s:
      case DW_OP_constu:
      case DW_OP_consts: return push(op.number);
      case DW_OP_plus_uconst:
        if (depth_ < 1) return false;
        stack_[depth_ - 1] += op.number;
        return true;
      case DW_OP_deref: return dereference(8);
      case DW_OP_deref_size: return dereference(static_cast<unsigned>(op.number));
      case DW_OP_dup: return depth_ > 0 && push(stack_[depth_ - 1]);
      case DW_OP_drop: return depth_ > 0 && depth_-- > 0;
      case DW_OP_plus: return binary([](u64 a, u64 b) { return a + b; });
      case DW_OP_minus: return binary([](u64 a, u64 b) { return a - b; });
      case DW_OP_and: return binary([](u64 a, u64 b) { return a & b; });
      case DW_OP_or: return binary([](u64 a, u64 b) { return a | b; });
      case DW_OP_xor: return binary([](u64 a, u64 b) { return a ^ b; });
      case DW_OP_mul: return binary([](u64 a, u64 b) { return a * b; });
      case DW_OP_shl: return binary([](u64 a, u64 b) { return b < 64 ? a << b : 0; });
      case DW_OP_shr: return binary([](u64 a, u64 b) { return b < 64 ? a >> b : 0; });
      case DW_OP_eq: return binary([](u64 a, u64 b) { return u64{a == b}; });
      case DW_OP_ne: return binary([](u64 a, u64 b) { return u64{a != b}; });
      case DW_OP_ge:
        return binary([](u64 a, u64 b) { return u64{static_cast<s64>(a) >= static_cast<s64>(b)}; });
      case DW_OP_gt:
        return binary([](u64 a, u64 b) { return u64{static_cast<s64>(a) > static_cast<s64>(b)}; });
      case DW_OP_le:
        return binary([](u64 a, u64 b) { return u64{static_cast<s64>(a) <= static_cast<s64>(b)}; });
      case DW_OP_lt:
        return binary([](u64 a, u64 b) { return u64{static_cast<s64>(a) < static_cast<s64>(b)}; });
      case DW_OP_stack_value: is_value_ = true; return true;
      case DW_OP_nop: return true;
      default: return false;
    }
  }

  const UnwindRegisters& registers_;
  const ReadStack& read_;
  Around around_;
  u64 stack_[32] = {};
  std::size_t depth_ = 0;
  bool is_value_ = false;
  std::optional<unsigned> in_register_;
};

}  // namespace ringside
