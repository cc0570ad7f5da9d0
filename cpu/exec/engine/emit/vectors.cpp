// Owns the code of inline operations on XMM registers as far as SSE2, for any host.
//
// Registers are loaded and stored whole, as far as that is possible: the host forwards a store to a later
// load of the same or a smaller piece, and waits where the load is larger.
//
// Arithmetic runs on the host in its default mode, with the conditions of sse/fast_float.h, but stricter
// where that is cheaper: operands may be anything but denormal, the result has to be zero or a normal number
// away from the ends of the range. That excludes NaNs and infinities as operands as well. Everything else is
// done once more out of the way, in the host's own mode (`Assembler::again_by_host`), or is the handler's.
// Scalars with a VEX prefix go the same way where their blocks have few of them.
#include "cpu/exec/core/dispatch.h"

#if RINGSIDE_EMITTED_DISPATCH
#include "cpu/exec/engine/emit/assembler.h"
#include "cpu/exec/engine/emit/host_names.h"
#include "cpu/exec/engine/emit/wide.h"
#include "cpu/exec/sse/soft_float.h"

namespace ringside {

using namespace host_names;

namespace {

enum class What : u8 {
  none,
  move,
  move_zero,
  move_low,
  merge_low,
  load_low,
  load_high,
  store_high,
  high_to_low,
  low_to_high,
  twice,
  packed,      // integers, logic, unpacking: the host's instruction is the guest's
  shuffled,    // the same, with an immediate
  copied,      // the same, and the destination is not read
  mask,        // PMOVMSKB and relatives
  arithmetic,  // from here on scalars of `bytes`
  root,
  extreme,
  compare,
  from_integer,
  to_integer,
  widen,
  narrow,
};

using Xbyak::CodeGenerator;
using Two = void (CodeGenerator::*)(const Xbyak::Mmx&, const Xbyak::Operand&);
using Float = void (CodeGenerator::*)(const Xbyak::Xmm&, const Xbyak::Operand&);
using ByCount = void (CodeGenerator::*)(const Xbyak::Mmx&, int);
using WithControl = void (CodeGenerator::*)(const Xbyak::Mmx&, const Xbyak::Operand&, u8);

struct Operation {
  InlineVector operation;
  What what = What::none;
  u8 bytes = 0;
  Two two = nullptr;
  ByCount by_count = nullptr;
  Float number = nullptr;
  WithControl control = nullptr;
  Exactness exactness = Exactness::sum;  // of arithmetic
};

constexpr Operation packed(InlineVector operation, Two two, ByCount by_count = nullptr) {
  return {operation, What::packed, 16, two, by_count, nullptr, nullptr};
}
constexpr Operation scalar(InlineVector operation, What what, u8 bytes, Float number) {
  return {operation, what, bytes, nullptr, nullptr, number, nullptr};
}
constexpr Operation arithmetic(InlineVector operation, u8 bytes, Exactness exactness, Float number) {
  return {operation, exactness == Exactness::root ? What::root : What::arithmetic,
          bytes,     nullptr,
          nullptr,   number,
          nullptr,   exactness};
}
constexpr Operation move_of(InlineVector operation, What what, u8 bytes = 0) {
  return {operation, what, bytes, nullptr, nullptr, nullptr, nullptr};
}

using C = CodeGenerator;
using V = InlineVector;
// By InlineVector, in its order.
constexpr Operation operations[] = {
    move_of(V::nothing, What::none),
    move_of(V::move, What::move),
    move_of(V::move_zero, What::move_zero),
    move_of(V::move_low, What::move_low),
    move_of(V::movss_registers, What::merge_low, 4),
    move_of(V::movsd_registers, What::merge_low, 8),
    move_of(V::load_low, What::load_low),
    move_of(V::load_high, What::load_high),
    move_of(V::store_high, What::store_high),
    move_of(V::movhlps, What::high_to_low),
    move_of(V::movlhps, What::low_to_high),
    move_of(V::movddup, What::twice),
    packed(V::paddb, &C::paddb),
    packed(V::paddw, &C::paddw),
    packed(V::paddd, &C::paddd),
    packed(V::paddq, &C::paddq),
    packed(V::paddsb, &C::paddsb),
    packed(V::paddsw, &C::paddsw),
    packed(V::paddusb, &C::paddusb),
    packed(V::paddusw, &C::paddusw),
    packed(V::psubb, &C::psubb),
    packed(V::psubw, &C::psubw),
    packed(V::psubd, &C::psubd),
    packed(V::psubq, &C::psubq),
    packed(V::psubsb, &C::psubsb),
    packed(V::psubsw, &C::psubsw),
    packed(V::psubusb, &C::psubusb),
    packed(V::psubusw, &C::psubusw),
    packed(V::pmullw, &C::pmullw),
    packed(V::pmulhw, &C::pmulhw),
    packed(V::pmulhuw, &C::pmulhuw),
    packed(V::pmuludq, &C::pmuludq),
    packed(V::pmaddwd, &C::pmaddwd),
    packed(V::psadbw, &C::psadbw),
    packed(V::pavgb, &C::pavgb),
    packed(V::pavgw, &C::pavgw),
    packed(V::pminub, &C::pminub),
    packed(V::pmaxub, &C::pmaxub),
    packed(V::pminsw, &C::pminsw),
    packed(V::pmaxsw, &C::pmaxsw),
    packed(V::pcmpeqb, &C::pcmpeqb),
    packed(V::pcmpeqw, &C::pcmpeqw),
    packed(V::pcmpeqd, &C::pcmpeqd),
    packed(V::pcmpgtb, &C::pcmpgtb),
    packed(V::pcmpgtw, &C::pcmpgtw),
    packed(V::pcmpgtd, &C::pcmpgtd),
    packed(V::pand, &C::pand),
    packed(V::pandn, &C::pandn),
    packed(V::por, &C::por),
    packed(V::pxor, &C::pxor),
    packed(V::packsswb, &C::packsswb),
    packed(V::packssdw, &C::packssdw),
    packed(V::packuswb, &C::packuswb),
    packed(V::punpcklbw, &C::punpcklbw),
    packed(V::punpcklwd, &C::punpcklwd),
    packed(V::punpckldq, &C::punpckldq),
    packed(V::punpckhbw, &C::punpckhbw),
    packed(V::punpckhwd, &C::punpckhwd),
    packed(V::punpckhdq, &C::punpckhdq),
    packed(V::psllw, &C::psllw, &C::psllw),
    packed(V::pslld, &C::pslld, &C::pslld),
    packed(V::psllq, &C::psllq, &C::psllq),
    packed(V::psrlw, &C::psrlw, &C::psrlw),
    packed(V::psrld, &C::psrld, &C::psrld),
    packed(V::psrlq, &C::psrlq, &C::psrlq),
    packed(V::psraw, &C::psraw, &C::psraw),
    packed(V::psrad, &C::psrad, &C::psrad),
    scalar(V::punpcklqdq, What::packed, 16, &C::unpcklpd),
    scalar(V::punpckhqdq, What::packed, 16, &C::unpckhpd),
    {V::pshufd, What::copied, 16, nullptr, nullptr, nullptr, &C::pshufd},
    {V::pshuflw, What::copied, 16, nullptr, nullptr, nullptr, &C::pshuflw},
    {V::pshufhw, What::copied, 16, nullptr, nullptr, nullptr, &C::pshufhw},
    move_of(V::shufps, What::shuffled, 4),
    move_of(V::shufpd, What::shuffled, 8),
    move_of(V::pmovmskb, What::mask, 1),
    move_of(V::movmskps, What::mask, 4),
    move_of(V::movmskpd, What::mask, 8),
    arithmetic(V::addss, 4, Exactness::sum, &C::addss),
    arithmetic(V::addsd, 8, Exactness::sum, &C::addsd),
    arithmetic(V::subss, 4, Exactness::difference, &C::subss),
    arithmetic(V::subsd, 8, Exactness::difference, &C::subsd),
    arithmetic(V::mulss, 4, Exactness::product, &C::mulss),
    arithmetic(V::mulsd, 8, Exactness::product, &C::mulsd),
    arithmetic(V::divss, 4, Exactness::quotient, &C::divss),
    arithmetic(V::divsd, 8, Exactness::quotient, &C::divsd),
    arithmetic(V::sqrtss, 4, Exactness::root, &C::sqrtss),
    arithmetic(V::sqrtsd, 8, Exactness::root, &C::sqrtsd),
    scalar(V::minss, What::extreme, 4, &C::minss),
    scalar(V::minsd, What::extreme, 8, &C::minsd),
    scalar(V::maxss, What::extreme, 4, &C::maxss),
    scalar(V::maxsd, What::extreme, 8, &C::maxsd),
    move_of(V::comiss, What::compare, 4),
    move_of(V::comisd, What::compare, 8),
    move_of(V::ucomiss, What::compare, 4),
    move_of(V::ucomisd, What::compare, 8),
    move_of(V::cvtsi2ss, What::from_integer, 4),
    move_of(V::cvtsi2sd, What::from_integer, 8),
    move_of(V::cvttss2si, What::to_integer, 4),
    move_of(V::cvttsd2si, What::to_integer, 8),
    scalar(V::cvtss2sd, What::widen, 4, &C::cvtss2sd),
    scalar(V::cvtsd2ss, What::narrow, 8, &C::cvtsd2ss),
};

constexpr bool operations_in_order() {
  for (unsigned n = 0; n < std::size(operations); ++n)
    if (operations[n].operation != static_cast<V>(n)) return false;
  return std::size(operations) == static_cast<unsigned>(last_of_sse2) + 1;
}
static_assert(operations_in_order());

const Operation& operation_of(const Shape& shape) { return operations[static_cast<unsigned>(shape.vector)]; }

}  // namespace

Xbyak::Address Assembler::xmm_at(u8 number, unsigned size) const {
  const Xbyak::RegExp place = rbx + (cpu_offset::xmm + number * 16);
  return size == 16 ? xword[place] : at(place, size);
}

u8 Assembler::first_source(const Op& op, const Shape& shape) { return shape.separate_first ? op.r1 : op.r0; }
u8 Assembler::second_source(const Op& op, const Shape& shape) { return shape.separate_first ? op.r2 : op.r1; }

// The second operand, into the second XMM register; into r9 as well if it is a scalar.
void Assembler::load_source(const Op& op, const Shape& shape, unsigned size) {
  const u8 b = second_source(op, shape);
  if (shape.form == Form::RM) {
    locate(op, shape, Use::read, size);
    const Xbyak::RegExp place = rdx + rax;
    if (size == 16) {
      movups(second, xword[place]);
    } else {
      load(9, place, size);
      size == 8 ? movq(second, qword[place]) : movd(second, dword[place]);
    }
  } else if (size == 16) {
    movaps(second, xmm_at(b, 16));
  } else {
    load(9, rbx + (cpu_offset::xmm + b * 16), size);
    size == 8 ? movq(second, xmm_at(b, 8)) : movd(second, xmm_at(b, 4));
  }
}

// Twice the bits less one is, above the fraction, 0 for denormals only. Clobbers the register.
void Assembler::need_no_denormal(Number number, unsigned size) {
  const Xbyak::Reg64 wide(number);
  if (size == 8) {
    lea(wide, ptr[wide + wide - 1]);
    shr(wide, 53);
  } else {
    lea(Xbyak::Reg32(number), ptr[wide + wide - 1]);
    shr(Xbyak::Reg32(number), 24);
  }
  miss_if(host_z);
}
// The first XMM register: not denormal nor the smallest normal numbers, finite. The site of the jump that a
// zero takes. Clobbers rax, and leaves of a double the biased exponent less result_exponent_bias in edx.
u32 Assembler::need_normal_result(unsigned size) {
  u32 zero = 0;
  if (size == 8) {
    movq(rdx, first);
    add(rdx, rdx);
    zero = jump_if(host_z);
    shr(rdx, 53);
    sub(edx, result_exponent_bias);
    cmp(edx, 0x7fc);
  } else {
    movd(eax, first);
    add(eax, eax);
    zero = jump_if(host_z);
    shr(eax, 24);
    sub(eax, result_exponent_bias);
    cmp(eax, 0xfc);
  }
  miss_if(host_a);
  return zero;
}

void Assembler::vector(const Op& op, const Shape& shape, bool flags_needed) {
  vector_ready(shape);
  if (!cold_.empty()) cold_.back().refused = cold_.back().count;
  const bool number = wide_of(shape.vector).number;
  if (!numbers_ && is_fused_scalar(shape)) return fused_scalar(op, shape);
  if (shape.vector > last_of_sse2 || (shape.vex && !number) || (numbers_ && number))
    return wide(op, shape, flags_needed);
  switch (operation_of(shape).what) {
    case What::arithmetic:
    case What::root:
    case What::extreme: vector_arithmetic(op, shape); break;
    case What::compare: vector_compare(op, shape, flags_needed); break;
    case What::from_integer:
    case What::to_integer:
    case What::widen:
    case What::narrow: vector_convert(op, shape); break;
    case What::packed:
    case What::shuffled:
    case What::copied:
    case What::mask: vector_packed(op, shape); break;
    default: vector_move(op, shape);
  }
}

void Assembler::vector_move(const Op& op, const Shape& shape) {
  const Operation& operation = operation_of(shape);
  const unsigned size = operation.bytes ? operation.bytes : shape.source_size;
  const Xbyak::RegExp place = rdx + rax;
  const bool to_memory = shape.form == Form::MR, from_memory = shape.form == Form::RM;
  if (to_memory || from_memory) locate(op, shape, to_memory ? Use::write : Use::read, size);
  switch (operation.what) {
    case What::move:
      if (from_memory)
        movups(first, xword[place]);
      else
        movaps(first, xmm_at(op.r1, 16));
      if (to_memory)
        movups(xword[place], first);
      else
        movaps(xmm_at(op.r0, 16), first);
      return;
    case What::move_zero: {
      const Xbyak::Address source = from_memory ? at(place, size)
                                    : shape.gpr ? in_cpu(op.r1, size)
                                                : xmm_at(op.r1, size);
      size == 8 ? movq(first, source) : movd(first, source);
      movaps(xmm_at(op.r0, 16), first);
      return;
    }
    case What::move_low:
      load(n_cx, rbx + (cpu_offset::xmm + op.r1 * 16), size);
      if (to_memory)
        mov(at(place, size), sized(n_cx, size));
      else
        store_gpr(op.r0, n_cx, size);
      return;
    case What::store_high:
      mov(rcx, in_cpu(cpu_offset::xmm + op.r1 * 16 + 8, 8));
      mov(qword[place], rcx);
      return;
    case What::twice:
      movq(first, from_memory ? at(place, 8) : xmm_at(op.r1, 8));
      unpcklpd(first, first);
      movaps(xmm_at(op.r0, 16), first);
      return;
    default: break;
  }
  movaps(first, xmm_at(op.r0, 16));
  switch (operation.what) {
    case What::load_low: movlps(first, qword[place]); break;
    case What::load_high: movhps(first, qword[place]); break;
    case What::high_to_low:
      movaps(second, xmm_at(op.r1, 16));
      movhlps(first, second);
      break;
    case What::low_to_high: movhps(first, xmm_at(op.r1, 8)); break;
    default:  // merge_low
      if (size == 8) {
        movlps(first, xmm_at(op.r1, 8));
      } else {
        movd(second, xmm_at(op.r1, 4));
        movss(first, second);
      }
  }
  movaps(xmm_at(op.r0, 16), first);
}

void Assembler::vector_packed(const Op& op, const Shape& shape) {
  const Operation& operation = operation_of(shape);
  if (shape.form == Form::RI) {
    movaps(first, xmm_at(op.r0, 16));
    (this->*operation.by_count)(first, static_cast<u8>(op.imm));
    movaps(xmm_at(op.r0, 16), first);
    return;
  }
  if (operation.what == What::mask) {
    movaps(second, xmm_at(op.r1, 16));
    operation.bytes == 1   ? pmovmskb(ecx, second)
    : operation.bytes == 4 ? movmskps(ecx, second)
                           : movmskpd(ecx, second);
    store_gpr(op.r0, n_cx, shape.size);
    return;
  }
  load_source(op, shape, 16);
  const u8 immediate = static_cast<u8>(op.imm);
  if (operation.what != What::copied) movaps(first, xmm_at(op.r0, 16));
  if (operation.what == What::copied)
    (this->*operation.control)(first, second, immediate);
  else if (operation.what == What::shuffled)
    operation.bytes == 4 ? shufps(first, second, immediate) : shufpd(first, second, immediate);
  else if (operation.number)
    (this->*operation.number)(first, second);
  else
    (this->*operation.two)(first, second);
  movaps(xmm_at(op.r0, 16), first);
}

void Assembler::set_scalar(const Op& op, const Shape& shape) {
  movaps(xmm_at(op.r0, 16), first);
  clear_upper(op, shape);
}

void Assembler::vector_arithmetic(const Op& op, const Shape& shape) {
  const Operation& operation = operation_of(shape);
  const unsigned size = operation.bytes;
  const u8 a = first_source(op, shape);
  load_source(op, shape, size);
  if (operation.what != What::root) {
    load(n_cx, rbx + (cpu_offset::xmm + a * 16), size);
    need_no_denormal(n_cx, size);
  }
  need_no_denormal(9, size);
  movaps(first, xmm_at(a, 16));
  if (operation.what == What::extreme) {
    size == 8 ? ucomisd(first, second) : ucomiss(first, second);
    miss_if(host_p);
    (this->*operation.number)(first, second);
    return set_scalar(op, shape);
  }
  (this->*operation.number)(first, second);
  const u32 zero = need_normal_result(size);
  need_rounding_or_exact(a, operation.exactness, size);
  zero_goes_aside(zero, a, operation.exactness, size);
  set_scalar(op, shape);
}

void Assembler::vector_compare(const Op& op, const Shape& shape, bool flags_needed) {
  const unsigned size = operation_of(shape).bytes;
  load_source(op, shape, size);
  load(n_cx, rbx + (cpu_offset::xmm + op.r0 * 16), size);
  need_no_denormal(n_cx, size);
  need_no_denormal(9, size);
  if (size == 8) {
    movq(first, xmm_at(op.r0, 8));
    ucomisd(first, second);
  } else {
    movd(first, xmm_at(op.r0, 4));
    ucomiss(first, second);
  }
  miss_if(host_p);
  if (!flags_needed) return;
  // As LazyFlags::set_image: equal is the result 0 with its parity turned, less the two carries.
  mov(ecx, 0);
  mov(eax, 0);
  setnz(cl);
  setb(al);
  mov(esi, ecx);
  lea(eax, ptr[rax + rax * 2]);
  xor_(esi, 1);
  shl(esi, 8);
  or_(eax, esi);
  mov(in_cpu(cpu_offset::result, 8), rcx);
  mov(in_cpu(cpu_offset::aux, 4), eax);
}

void Assembler::vector_convert(const Op& op, const Shape& shape) {
  const Operation& operation = operation_of(shape);
  const unsigned size = operation.bytes;
  const u8 a = first_source(op, shape);
  if (operation.what == What::from_integer) {
    if (shape.form == Form::RM) {
      locate(op, shape, Use::read, shape.source_size);
      load(n_cx, rdx + rax, shape.source_size);
    } else {
      load_gpr(n_cx, second_source(op, shape), shape.source_size);
    }
    movaps(first, xmm_at(a, 16));
    const Xbyak::Reg from = sized(n_cx, shape.source_size);
    size == 8 ? cvtsi2sd(first, from) : cvtsi2ss(first, from);
    if (size == 4 || shape.source_size == 8)
      need_rounding_or_exact(a, Exactness::from_integer, size, shape.source_size);
    return set_scalar(op, shape);
  }
  load_source(op, shape, size);
  if (operation.what == What::to_integer) {
    const Xbyak::Reg32e to(n_cx, static_cast<int>(shape.size * 8));
    size == 8 ? cvttsd2si(to, second) : cvttss2si(to, second);
    if (shape.size == 8) {
      mov(rax, bit(63));
      cmp(rcx, rax);
    } else {
      cmp(ecx, 0x80000000);
    }
    miss_if(host_z);
    need_rounding_or_exact(a, Exactness::to_integer, size, shape.size);
    store_gpr(op.r0, n_cx, shape.size);
    return;
  }
  movaps(first, xmm_at(a, 16));
  if (operation.what == What::widen) {
    need_no_denormal(9, size);
    ucomiss(second, second);
    miss_if(host_p);
    cvtss2sd(first, second);
  } else {
    cvtsd2ss(first, second);
    const u32 zero = need_normal_result(4);
    need_rounding_or_exact(a, Exactness::narrowed, 4);
    zero_goes_aside(zero, a, Exactness::narrowed, 8);
  }
  set_scalar(op, shape);
}

}  // namespace ringside
#endif
