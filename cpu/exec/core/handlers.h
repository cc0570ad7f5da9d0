// Owns the expansion of a row of the lowering table into its handlers, one for each size, form and address
// policy.
#pragma once

#include <array>
#include <span>
#include <type_traits>

#include "cpu/decode/rows.h"
#include "cpu/exec/core/dispatch.h"
#include "cpu/exec/core/operands.h"

namespace ringside {

struct Handlers {
  std::array<Handler, variants> fast{};     // nullptr: the row has no such variant
  std::array<Handler, variants> checked{};  // for branches where the code segment is limited; else as fast
};

namespace expansion {

template <class... Ts>
struct List {};

// The operand classes that a token stands for.
template <Operand O, unsigned P, class T, class A>
constexpr auto plain_classes() {
  using enum Operand;
  if constexpr (O == r || O == acc)
    return List<Gpr<P, T>>{};
  else if constexpr (O == rm)
    return List<Gpr<P, T>, Mem<A, T>>{};
  else if constexpr (O == rmi)
    return List<Gpr<P, T>, Mem<A, T>, Imm<T>>{};
  else if constexpr (O == r8)
    return List<Gpr<P, u8>>{};
  else if constexpr (O == r16)
    return List<Gpr<P, u16>>{};
  else if constexpr (O == r32)
    return List<Gpr<P, u32>>{};
  else if constexpr (O == r64)
    return List<Gpr<P, u64>>{};
  else if constexpr (O == rm8)
    return List<Gpr<P, u8>, Mem<A, u8>>{};
  else if constexpr (O == rm16)
    return List<Gpr<P, u16>, Mem<A, u16>>{};
  else if constexpr (O == rm32)
    return List<Gpr<P, u32>, Mem<A, u32>>{};
  else if constexpr (O == rm64)
    return List<Gpr<P, u64>, Mem<A, u64>>{};
  else if constexpr (O == i)
    return List<Imm<T>>{};
  else if constexpr (O == cl)
    return List<Cl>{};
  else if constexpr (O == one)
    return List<One>{};
  else if constexpr (O == m)
    return List<Mem<A, T>>{};
  else if constexpr (O == m8)
    return List<Mem<A, u8>>{};
  else if constexpr (O == m16)
    return List<Mem<A, u16>>{};
  else if constexpr (O == m32)
    return List<Mem<A, u32>>{};
  else if constexpr (O == m64)
    return List<Mem<A, u64>>{};
  else if constexpr (O == m128)
    return List<MemAligned<A>>{};
  else if constexpr (O == m128u)
    return List<Mem<A, V128>>{};
  else if constexpr (O == m80 || O == ea)
    return List<Ea<A>>{};
  else if constexpr (O == x)
    return List<Xmm<P>>{};
  else if constexpr (O == y)
    return List<Mmx<P>>{};
  else if constexpr (O == xm8)
    return List<XmmLow<P, u8>, Mem<A, u8>>{};
  else if constexpr (O == xm16)
    return List<XmmLow<P, u16>, Mem<A, u16>>{};
  else if constexpr (O == xm32)
    return List<XmmLow<P, u32>, Mem<A, u32>>{};
  else if constexpr (O == xm64)
    return List<XmmLow<P, u64>, Mem<A, u64>>{};
  else if constexpr (O == xm128)
    return List<Xmm<P>, MemAligned<A>>{};
  else if constexpr (O == xm128u)
    return List<Xmm<P>, Mem<A, V128>>{};
  else if constexpr (O == ym32)
    return List<Mmx<P>, Mem<A, u32>>{};
  else if constexpr (O == ym64)
    return List<Mmx<P>, Mem<A, u64>>{};
  else if constexpr (O == sr || O == cr || O == dr || O == st)
    return List<Index<P>>{};
  else
    return List<Fixed>{};
}

// The operand classes that a token stands for in a row with a VEX prefix, where they are not those of others.
template <Operand O, unsigned P, class T, class A>
constexpr auto vex_classes() {
  using enum Operand;
  if constexpr (O == v)
    return List<Vec<P, T>>{};
  else if constexpr (O == vm)
    return List<Vec<P, T>, VexMem<A, T>>{};
  else if constexpr (O == vma)
    return List<Vec<P, T>, VexAligned<A, T>>{};
  else if constexpr (O == ma)
    return List<VexAligned<A, T>>{};
  else if constexpr (O == m)
    return List<VexMem<A, T>>{};
  else if constexpr (O == x)
    return List<Vec<P, V128>>{};
  else if constexpr (O == ymm)
    return List<Vec<P, V256>>{};
  else if constexpr (O == xm8)
    return List<VecLow<P, u8>, VexMem<A, u8>>{};
  else if constexpr (O == xm16)
    return List<VecLow<P, u16>, VexMem<A, u16>>{};
  else if constexpr (O == xm32)
    return List<VecLow<P, u32>, VexMem<A, u32>>{};
  else if constexpr (O == xm64)
    return List<VecLow<P, u64>, VexMem<A, u64>>{};
  else if constexpr (O == xm128u)
    return List<Vec<P, V128>, VexMem<A, V128>>{};
  else if constexpr (O == m128u)
    return List<VexMem<A, V128>>{};
  else if constexpr (O == m32)
    return List<VexMem<A, u32>>{};
  else if constexpr (O == m64)
    return List<VexMem<A, u64>>{};
  else if constexpr (O == vsx || O == vsy)
    return List<Vsib<A>>{};
  else
    return List<>{};
}

template <Operand O, unsigned P, class T, class A, bool vex>
constexpr auto classes() {
  if constexpr (vex && !std::is_same_v<decltype(vex_classes<O, P, T, A>()), List<>>)
    return vex_classes<O, P, T, A>();
  else
    return plain_classes<O, P, T, A>();
}

constexpr bool may_be_memory(Operand o) {
  using enum Operand;
  switch (o) {
    case rm:
    case rmi:
    case rm8:
    case rm16:
    case rm32:
    case rm64:
    case m:
    case m8:
    case m16:
    case m32:
    case m64:
    case m80:
    case m128:
    case m128u:
    case ea:
    case xm8:
    case xm16:
    case xm32:
    case xm64:
    case xm128:
    case xm128u:
    case ym32:
    case ym64:
    case vm:
    case vma:
    case ma:
    case vsx:
    case vsy: return true;
    default: return false;
  }
}

template <class First>
constexpr Form form_of() {
  return First::where == Where::mem ? Form::M : First::where == Where::imm ? Form::RI : Form::R;
}
template <class First, class Second>
constexpr Form form_of() {
  if (First::where == Where::mem) return Second::where == Where::imm ? Form::MI : Form::MR;
  if (Second::where == Where::mem) return Form::RM;
  return Second::where == Where::imm ? Form::RI : Form::RR;
}

// The body of one variant. Only rows that use the stack depend on the address policy beside their operands,
// so that the register forms of both policies are one function.
template <class Body, class... Arguments>
struct Bound {
  bool operator()(Cpu& cpu, const Op& op) const { return Body{}.template operator()<Arguments...>(cpu, op); }
};
template <class Body, class A, bool stack, class... Operands>
using BoundTo = std::conditional_t<stack, Bound<Body, A, Operands...>, Bound<Body, Operands...>>;

// A row's handlers while they are found, and which there are: a compiler with sanitizers does not compare a
// function's address at compile time.
struct Expansion : Handlers {
  std::array<bool, std::tuple_size_v<decltype(Handlers::fast)>> there{};
  constexpr void put(unsigned variant, Handler quick, Handler careful) {
    fast[variant] = quick;
    checked[variant] = careful;
    there[variant] = true;
  }
};

template <class Body, Kind kind, bool stack, class A, class... Operands>
constexpr void put(Expansion& handlers, unsigned size_log2, Form form) {
  using B = BoundTo<Body, A, stack, Operands...>;
  const u8 v = variant_of(size_log2, form, !A::flat);
  handlers.put(v, wrapper<B, kind>(), checked_wrapper<B, kind>());
}

template <class Body, Kind kind, bool stack, class A, class First, class... Seconds>
constexpr void pair_with(Expansion& handlers, unsigned size_log2, List<Seconds...>) {
  (
      [&] {
        if constexpr (!(First::where == Where::mem && Seconds::where == Where::mem))
          put<Body, kind, stack, A, First, Seconds>(handlers, size_log2, form_of<First, Seconds>());
      }(),
      ...);
}

// O1 is the operand that is the body's second class, number P1 of the instruction.
template <class Body, Kind kind, u8 attrs, class A, class T, Operand O0, Operand O1, unsigned P1>
constexpr void fill_size(Expansion& handlers, unsigned size_log2) {
  constexpr bool stack = attrs & RowAttr::stack, vex = attrs & RowAttr::vex;
  if constexpr (O0 == Operand::none) {
    using B = BoundTo<Body, A, stack, T>;
    const u8 v = variant_of(size_log2, Form::N, !A::flat);
    handlers.put(v, wrapper<B, kind>(), checked_wrapper<B, kind>());
  } else if constexpr (O1 == Operand::none) {
    static_assert(O0 != Operand::rmi, "one operand has no form of its own for immediates: two rows");
    [&]<class... Firsts>(List<Firsts...>) {
      (put<Body, kind, stack, A, Firsts>(handlers, size_log2, form_of<Firsts>()), ...);
    }(classes<O0, 0, T, A, vex>());
  } else {
    [&]<class... Firsts>(List<Firsts...>) {
      (pair_with<Body, kind, stack, A, Firsts>(handlers, size_log2, classes<O1, P1, T, A, vex>()), ...);
    }(classes<O0, 0, T, A, vex>());
  }
}

template <class Body, Kind kind, u8 attrs, class T, Operand O0, Operand O1, unsigned P1>
constexpr void fill_policies(Expansion& handlers, unsigned size_log2) {
  constexpr bool differ = attrs & RowAttr::stack || may_be_memory(O0) || may_be_memory(O1);
  // Of rows with a VEX prefix there are many, and where they are hot they are emitted: a third of their
  // functions is not worth compiling.
  constexpr bool both = differ && !(attrs & RowAttr::vex);
  using First = std::conditional_t<differ && !both, Legacy, Flat>;
  fill_size<Body, kind, attrs, First, T, O0, O1, P1>(handlers, size_log2);
  if constexpr (both) fill_size<Body, kind, attrs, Legacy, T, O0, O1, P1>(handlers, size_log2);
  for (unsigned form = 0; form < 8 && !both; ++form) {
    const u8 there = variant_of(size_log2, static_cast<Form>(form), !First::flat);
    if (handlers.there[there]) handlers.put(there ^ 32, handlers.fast[there], handlers.checked[there]);
  }
}

template <class Body, Kind kind, u8 sizes, u8 attrs, Operand O0 = Operand::none, Operand O1 = Operand::none,
          Operand O2 = Operand::none, Operand... rest>
constexpr Expansion expand() {
  constexpr unsigned P = second_class(O1);
  constexpr Operand second = P == 2 ? O2 : O1;
  Expansion handlers;
  if constexpr (sizes & Sizes::b) fill_policies<Body, kind, attrs, u8, O0, second, P>(handlers, 0);
  if constexpr (sizes & Sizes::w) fill_policies<Body, kind, attrs, u16, O0, second, P>(handlers, 1);
  if constexpr (sizes & Sizes::d) fill_policies<Body, kind, attrs, u32, O0, second, P>(handlers, 2);
  if constexpr (sizes & Sizes::q) fill_policies<Body, kind, attrs, u64, O0, second, P>(handlers, 3);
  if constexpr (sizes & Sizes::x) fill_policies<Body, kind, attrs, V128, O0, second, P>(handlers, 0);
  if constexpr (sizes & Sizes::y) fill_policies<Body, kind, attrs, V256, O0, second, P>(handlers, 1);
  // Rows without sizes stand at size 0; T is u32 and means nothing.
  if constexpr (sizes == Sizes::none) fill_policies<Body, kind, attrs, u32, O0, second, P>(handlers, 0);
  return handlers;
}

struct Variant {
  u8 number;
  Handler fast, checked;
};

// The variants that a row has, found at compile time: of the thousands of small steps of the expansion, no
// code is made.
template <class Body, Kind kind, u8 sizes, u8 attrs, Operand... operands>
struct Expanded {
  static constexpr Expansion handlers = expand<Body, kind, sizes, attrs, operands...>();
  static constexpr std::size_t count = [] {
    std::size_t n = 0;
    for (const bool there : handlers.there) n += there;
    return n;
  }();
  static constexpr std::array<Variant, count> list = [] {
    std::array<Variant, count> found{};
    std::size_t n = 0;
    for (unsigned v = 0; v < handlers.there.size(); ++v)
      if (handlers.there[v]) found[n++] = {static_cast<u8>(v), handlers.fast[v], handlers.checked[v]};
    return found;
  }();
};

void install(std::span<const Variant> variants, Handlers& handlers);

template <class Body, Kind kind, u8 sizes, u8 attrs, Operand... operands>
void fill(Handlers& handlers) {
  install(Expanded<Body, kind, sizes, attrs, operands...>::list, handlers);
}

// A row without operands: whatever form the decoder asks for.
void install_all(Handler fast, Handler checked, Handlers& handlers);

template <class Body, Kind kind>
void fill_nullary(Handlers& handlers) {
  install_all(wrapper<Body, kind>(), checked_wrapper<Body, kind>(), handlers);
}

}  // namespace expansion

}  // namespace ringside
