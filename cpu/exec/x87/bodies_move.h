// Owns the bodies of the x87 instructions that move data: loads, stores, exchanges, constants.
#pragma once

#include "cpu/exec/x87/unit.h"

namespace ringside {

namespace x87 {

// Ten bytes of memory. The slow sides have a copy of their own, so that the fast ones stay in registers.
struct Memory80 {
  u8 bytes[10];
};
template <class Address>
inline bool read80(Cpu& cpu, const Op& op, u64& low, u16& high) {
  u64 linear;
  if (!Address::linear(cpu, op, sizeof(Memory80), AccessKind::read, linear)) [[unlikely]]
    return false;
  const TlbEntry& entry = cpu.data->read[tlb_index(linear)];
  if (hits<Memory80>(entry, linear)) [[likely]] {
    const u8* from = host_pointer(entry, linear);
    std::memcpy(&low, from, 8);
    std::memcpy(&high, from + 8, 2);
    return true;
  }
  Memory80 image;
  if (!check_alignment(cpu, linear, 8)) return false;
  if (!load_bytes(cpu, linear, &image, sizeof image, static_cast<SegReg>(op.seg))) return false;
  std::memcpy(&low, image.bytes, 8);
  std::memcpy(&high, image.bytes + 8, 2);
  return true;
}
template <class Address>
inline bool write80(Cpu& cpu, const Op& op, u64 low, u16 high) {
  u64 linear;
  if (!Address::linear(cpu, op, sizeof(Memory80), AccessKind::write, linear)) [[unlikely]]
    return false;
  const TlbEntry& entry = cpu.data->write[tlb_index(linear)];
  if (hits<Memory80>(entry, linear)) [[likely]] {
    u8* to = host_pointer(entry, linear);
    std::memcpy(to, &low, 8);
    std::memcpy(to + 8, &high, 2);
    return true;
  }
  Memory80 image;
  if (!check_alignment(cpu, linear, 8)) return false;
  std::memcpy(image.bytes, &low, 8);
  std::memcpy(image.bytes + 8, &high, 2);
  return store_bytes(cpu, linear, &image, sizeof image, static_cast<SegReg>(op.seg));
}

// Pushes what a load brought, unless the stack is full.
template <class Operand>
inline bool push_loaded(Cpu& cpu, const Op& op, Float80 value, FpuStatus raised) {
  if (!is_empty(cpu, 7)) [[unlikely]] {
    raised = {};
    if (!overflow(cpu, raised)) return complete<Operand>(cpu, op, raised);
    value = Float80::indefinite();
  } else if (raised.suppresses_push(control(cpu))) [[unlikely]] {
    return complete<Operand>(cpu, op, raised);
  }
  push(cpu, value);
  return complete<Operand>(cpu, op, raised);
}

template <FpuConstant which>
inline bool load_constant(Cpu& cpu, const Op& op) {
  if (!begin(cpu)) [[unlikely]]
    return false;
  return push_loaded<Fixed>(cpu, op, constant(which, control(cpu).rounding()), {});
}

// A store of ST(0): `convert(value, control, status)` gives the bits, `indefinite` stands for an empty
// register, `write(bits)` stores.
template <class Operand, bool popping, class Bits, class Convert, class Write>
inline bool store_top(Cpu& cpu, const Op& op, Bits indefinite, Convert convert, Write write) {
  FpuStatus raised;
  Bits bits = indefinite;
  if (is_empty(cpu, 0)) [[unlikely]] {
    if (!underflow(cpu, raised)) return complete<Operand>(cpu, op, raised);
  } else {
    bits = convert(st(cpu, 0), control(cpu), raised);
    if (raised.suppresses_store(control(cpu))) [[unlikely]]
      return complete<Operand>(cpu, op, raised);
  }
  if (!write(bits)) [[unlikely]]
    return false;
  if constexpr (popping) pop(cpu);
  return complete<Operand>(cpu, op, raised);
}

template <class Dst, bool popping>
inline bool store_float(Cpu& cpu, const Op& op) {
  if (!begin(cpu)) [[unlikely]]
    return false;
  using T = typename Dst::Value;
  const auto write = [&](T bits) { return Dst::write(cpu, op, bits); };
  if constexpr (sizeof(T) == 4) {
    return store_top<Dst, popping>(cpu, op, u32{0xffc00000}, to_float32, write);
  } else {
    return store_top<Dst, popping>(cpu, op, u64{0xfff8} << 48, to_float64, write);
  }
}

template <class Dst, bool popping, bool truncating>
inline bool store_integer(Cpu& cpu, const Op& op) {
  if (!begin(cpu)) [[unlikely]]
    return false;
  using T = typename Dst::Value;
  constexpr unsigned bits = sizeof(T) * 8;
  return store_top<Dst, popping>(
      cpu, op, static_cast<T>(T{1} << (bits - 1)),
      [](Float80 a, FpuControl c, FpuStatus& s) {
        return static_cast<T>(to_integer(a, bits, truncating ? Rounding::Zero : c.rounding(), s));
      },
      [&](T value) { return Dst::write(cpu, op, value); });
}

// FST ST(i): an exact copy.
template <bool popping>
inline bool store_register(Cpu& cpu, const Op& op) {
  if (!begin(cpu)) [[unlikely]]
    return false;
  return store_top<Fixed, popping>(
      cpu, op, Float80::indefinite(), [](Float80 a, FpuControl, FpuStatus&) { return a; },
      [&](Float80 value) {
        set_st(cpu, op.r0, value);
        return true;
      });
}

template <class Address>
inline bool store_80(Cpu& cpu, const Op& op) {
  if (!begin(cpu)) [[unlikely]]
    return false;
  return store_top<Address, true>(
      cpu, op, Float80::indefinite(), [](Float80 a, FpuControl, FpuStatus&) { return a; },
      [&](Float80 value) { return write80<Address>(cpu, op, value.significand, value.sign_exponent); });
}

template <class Dst>
constexpr bool is_address = false;
template <class A>
constexpr bool is_address<Ea<A>> = true;

template <class Dst, bool popping>
[[gnu::noinline]] bool store_any(Cpu& cpu, const Op& op) {
  if constexpr (Dst::where == Where::reg) {
    return store_register<popping>(cpu, op);
  } else if constexpr (is_address<Dst>) {
    return store_80<Dst>(cpu, op);
  } else {
    return store_float<Dst, popping>(cpu, op);
  }
}

template <class Dst, bool popping>
inline bool store(Cpu& cpu, const Op& op) {
  if constexpr (Dst::where == Where::reg || is_address<Dst>) {
    const Common common(cpu);
    if (common.usable && common.full(common.top)) [[likely]] {
      const Float80 value = Common::at(cpu, common.top);
      if constexpr (is_address<Dst>) {
        if (!write80<Dst>(cpu, op, value.significand, value.sign_exponent)) [[unlikely]]
          return false;
      } else {
        const unsigned n = common.physical(op.r0);
        Common::put(cpu, n, value);
        cpu.x87.valid = static_cast<u8>(common.valid | 1u << n);
      }
      if constexpr (popping) x87::pop(cpu);
      common.complete(cpu, op);
      return true;
    }
  }
  return store_any<Dst, popping>(cpu, op);
}

template <class Condition>
inline bool conditional_move(Cpu& cpu, const Op& op, Condition condition) {
  if (!begin(cpu)) [[unlikely]]
    return false;
  FpuStatus raised;
  if (is_empty(cpu, 0) || is_empty(cpu, op.r1)) [[unlikely]] {
    if (underflow(cpu, raised)) set_st(cpu, 0, Float80::indefinite());
    return complete(cpu, op, raised);
  }
  if (condition(cpu.flags)) set_st(cpu, 0, st(cpu, op.r1));
  return complete(cpu, op, raised, 0, FpuStatus::C1);
}

}  // namespace x87

// -- "x87 FPU Data Transfer Instructions".
template <class Src>
[[gnu::noinline]] bool fld_any(Cpu& cpu, const Op& op) {
  if (!x87::begin(cpu)) [[unlikely]]
    return false;
  FpuStatus raised;
  Float80 value;
  if constexpr (Src::where == Where::reg) {
    const unsigned i = op.r0;
    value = x87::st(cpu, i);
    if (x87::is_empty(cpu, i)) [[unlikely]] {
      // The missing source comes before a full stack.
      if (!x87::underflow(cpu, raised)) return x87::complete(cpu, op, raised);
      x87::push(cpu, Float80::indefinite());
      return x87::complete(cpu, op, raised);
    }
    return x87::push_loaded<Fixed>(cpu, op, value, raised);
  } else if constexpr (x87::is_address<Src>) {
    u64 significand;
    u16 sign_exponent;
    if (!x87::read80<Src>(cpu, op, significand, sign_exponent)) [[unlikely]]
      return false;
    value = {significand, sign_exponent};
  } else {
    typename Src::Value bits;
    if (!Src::read(cpu, op, bits)) [[unlikely]]
      return false;
    if constexpr (sizeof bits == 4) {
      value = x87::from_float32(bits, raised);
    } else {
      value = x87::from_float64(bits, raised);
    }
  }
  return x87::push_loaded<Src>(cpu, op, value, raised);
}
template <class Src>
bool fld(Cpu& cpu, const Op& op) {
  const x87::Common common(cpu);
  if (common.usable && !common.full(common.physical(7))) [[likely]] {
    if constexpr (Src::where == Where::reg) {
      const unsigned n = common.physical(op.r0);
      if (common.full(n)) [[likely]] {
        common.push(cpu, x87::Common::at(cpu, n));
        common.complete(cpu, op);
        return true;
      }
    } else if constexpr (x87::is_address<Src>) {
      u64 significand;
      u16 sign_exponent;
      if (!x87::read80<Src>(cpu, op, significand, sign_exponent)) [[unlikely]]
        return false;
      common.push(cpu, {significand, sign_exponent});
      common.complete(cpu, op);
      return true;
    }
  }
  return fld_any<Src>(cpu, op);
}
template <class Src>
[[gnu::noinline]] bool fild_any(Cpu& cpu, const Op& op) {
  typename Src::Value bits;
  if (!x87::begin(cpu) || !Src::read(cpu, op, bits)) [[unlikely]]
    return false;
  return x87::push_loaded<Src>(
      cpu, op, x87::from_integer(static_cast<std::make_signed_t<typename Src::Value>>(bits)), {});
}
template <class Src>
bool fild(Cpu& cpu, const Op& op) {
  using T = typename Src::Value;
  const x87::Common common(cpu);
  if (!common.usable || common.full(common.physical(7))) [[unlikely]]
    return fild_any<Src>(cpu, op);
  T bits;
  if (!Src::read(cpu, op, bits)) [[unlikely]]
    return false;
  common.push(cpu, x87::from_integer(static_cast<std::make_signed_t<T>>(bits)));
  common.complete(cpu, op);
  return true;
}
template <class Address>
bool fbld(Cpu& cpu, const Op& op) {
  x87::PackedBcd bcd;
  if (!x87::begin(cpu) || !x87::read80<Address>(cpu, op, bcd.low, bcd.high)) [[unlikely]]
    return false;
  return x87::push_loaded<Address>(cpu, op, x87::from_bcd(bcd), {});
}
template <class Dst>
bool fst(Cpu& cpu, const Op& op) {
  return x87::store<Dst, false>(cpu, op);
}
template <class Dst>
bool fstp(Cpu& cpu, const Op& op) {
  return x87::store<Dst, true>(cpu, op);
}
// FSTP as D9h has it once more, in no manual: an empty ST(0) raises nothing.
template <class Dst>
bool fstp_unchecked(Cpu& cpu, const Op& op) {
  if (!x87::begin(cpu)) [[unlikely]]
    return false;
  if (!x87::is_empty(cpu, 0)) return x87::store<Dst, true>(cpu, op);
  cpu.x87.status &= static_cast<u16>(~FpuStatus::C1);
  x87::pop(cpu);
  return true;
}
template <class Dst>
bool fist(Cpu& cpu, const Op& op) {
  return x87::store_integer<Dst, false, false>(cpu, op);
}
template <class Dst>
bool fistp(Cpu& cpu, const Op& op) {
  return x87::store_integer<Dst, true, false>(cpu, op);
}
template <class Dst>
bool fisttp(Cpu& cpu, const Op& op) {
  return x87::store_integer<Dst, true, true>(cpu, op);
}
template <class Address>
bool fbstp(Cpu& cpu, const Op& op) {
  if (!x87::begin(cpu)) [[unlikely]]
    return false;
  return x87::store_top<Address, true>(
      cpu, op, x87::PackedBcd::indefinite(), x87::to_bcd,
      [&](x87::PackedBcd bcd) { return x87::write80<Address>(cpu, op, bcd.low, bcd.high); });
}
[[gnu::noinline]] inline bool fxch_any(Cpu& cpu, const Op& op) {
  if (!x87::begin(cpu)) [[unlikely]]
    return false;
  const unsigned i = op.r0;
  FpuStatus raised;
  Float80 top = x87::st(cpu, 0), other = x87::st(cpu, i);
  if (x87::is_empty(cpu, 0) || x87::is_empty(cpu, i)) [[unlikely]] {
    if (!x87::underflow(cpu, raised)) return x87::complete(cpu, op, raised);
    if (x87::is_empty(cpu, 0)) top = Float80::indefinite();
    if (x87::is_empty(cpu, i)) other = Float80::indefinite();
  }
  x87::set_st(cpu, i, top);
  x87::set_st(cpu, 0, other);
  return x87::complete(cpu, op, raised);
}

template <class...>
bool fxch(Cpu& cpu, const Op& op) {
  const x87::Common common(cpu);
  const unsigned n = common.physical(op.r0);
  if (!common.usable || !common.full(common.top) || !common.full(n)) [[unlikely]]
    return fxch_any(cpu, op);
  const Float80 top = x87::Common::at(cpu, common.top), other = x87::Common::at(cpu, n);
  x87::Common::put(cpu, n, top);
  x87::Common::put(cpu, common.top, other);
  common.complete(cpu, op);
  return true;
}

template <class...>
bool fcmovb(Cpu& cpu, const Op& op) {
  return x87::conditional_move(cpu, op, [](const LazyFlags& f) { return f.cf(); });
}
template <class...>
bool fcmove(Cpu& cpu, const Op& op) {
  return x87::conditional_move(cpu, op, [](const LazyFlags& f) { return f.zf(); });
}
template <class...>
bool fcmovbe(Cpu& cpu, const Op& op) {
  return x87::conditional_move(cpu, op, [](const LazyFlags& f) { return f.cf() || f.zf(); });
}
template <class...>
bool fcmovu(Cpu& cpu, const Op& op) {
  return x87::conditional_move(cpu, op, [](const LazyFlags& f) { return f.pf(); });
}
template <class...>
bool fcmovnb(Cpu& cpu, const Op& op) {
  return x87::conditional_move(cpu, op, [](const LazyFlags& f) { return !f.cf(); });
}
template <class...>
bool fcmovne(Cpu& cpu, const Op& op) {
  return x87::conditional_move(cpu, op, [](const LazyFlags& f) { return !f.zf(); });
}
template <class...>
bool fcmovnbe(Cpu& cpu, const Op& op) {
  return x87::conditional_move(cpu, op, [](const LazyFlags& f) { return !f.cf() && !f.zf(); });
}
template <class...>
bool fcmovnu(Cpu& cpu, const Op& op) {
  return x87::conditional_move(cpu, op, [](const LazyFlags& f) { return !f.pf(); });
}

// -- "x87 FPU Load Constants Instructions".
inline bool fld1(Cpu& cpu, const Op& op) { return x87::load_constant<x87::FpuConstant::One>(cpu, op); }
inline bool fldl2t(Cpu& cpu, const Op& op) { return x87::load_constant<x87::FpuConstant::L2T>(cpu, op); }
inline bool fldl2e(Cpu& cpu, const Op& op) { return x87::load_constant<x87::FpuConstant::L2E>(cpu, op); }
inline bool fldpi(Cpu& cpu, const Op& op) { return x87::load_constant<x87::FpuConstant::Pi>(cpu, op); }
inline bool fldlg2(Cpu& cpu, const Op& op) { return x87::load_constant<x87::FpuConstant::LG2>(cpu, op); }
inline bool fldln2(Cpu& cpu, const Op& op) { return x87::load_constant<x87::FpuConstant::LN2>(cpu, op); }
inline bool fldz(Cpu& cpu, const Op& op) { return x87::load_constant<x87::FpuConstant::Zero>(cpu, op); }

}  // namespace ringside
