// Owns the bodies of near branches and of the stack instructions.
#pragma once

#include "cpu/exec/operands.h"
#include "cpu/exec/stack.h"

namespace ringside {

template <class>
inline bool jump_if_z(Cpu& cpu, const Op&) {
  return holds<Condition::Z>(cpu.flags);
}

template <class Src>
inline bool jump(Cpu&, const Op&) {
  return true;
}

template <class A, class Src>
inline bool push(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  return Src::read(cpu, op, value) && push_value<A>(cpu, op, value);
}

}  // namespace ringside
