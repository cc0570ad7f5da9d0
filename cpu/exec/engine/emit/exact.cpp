// Owns the emitted code that tells whether a floating-point result was exact, so that programs with exact
// numbers, which never set MXCSR.PE, run inline as well.
//
// The residual tells: of products by the host's fused operation where it has one (else the handler computes
// them), of singles in the host's doubles. Of a sum, taking away either operand has to leave the other: that
// of the larger one is exact when rounding to nearest (Dekker), so that it shows what was lost.
#include "cpu/exec/core/dispatch.h"

#if RINGSIDE_EMITTED_DISPATCH
#include "cpu/exec/engine/emit/assembler.h"
#include "cpu/exec/engine/emit/host_names.h"
#include "cpu/exec/sse/soft_float.h"

namespace ringside {

using namespace host_names;

namespace {

// Below these exponents (biased) of a double the residual of a product, or of a quotient, might not be a
// number.
constexpr unsigned least_exponent = 223;

}  // namespace

void Assembler::need_rounding_or_exact(u8 a, Exactness of, unsigned size, unsigned integer_size) {
  const Xbyak::Reg32 mxcsr(n_ax);
  mov(mxcsr, in_cpu(cpu_offset::mxcsr, 4));
  and_(mxcsr, Mxcsr::RC | Mxcsr::PE | Mxcsr::PE << Mxcsr::mask_shift);
  cmp(mxcsr, Mxcsr::PE | Mxcsr::PE << Mxcsr::mask_shift);
  const u32 known = jump_if(host_z);
  test(mxcsr, static_cast<u32>(Mxcsr::RC));
  miss_if(host_nz);
  if (of == Exactness::from_integer)
    need_same_integer(size, integer_size);
  else if (of == Exactness::to_integer) {
    const Xbyak::Reg from = sized(n_cx, integer_size);
    size == 8 ? cvtsi2sd(third, from) : cvtsi2ss(third, from);
    need_equal(third, second, size);
  } else {
    need_zero_residual(a, of, size);
  }
  patch(known, here());
}

// The integer in rcx, and what the first XMM register makes of it.
void Assembler::need_same_integer(unsigned size, unsigned integer_size) {
  const Xbyak::Reg32e back(n_ax, static_cast<int>(integer_size * 8));
  size == 8 ? cvttsd2si(back, first) : cvttss2si(back, first);
  cmp(back, sized(n_cx, integer_size));
  miss_if(host_nz);
}

void Assembler::need_zero(const Xbyak::Xmm& x, unsigned size) {
  xorps(fifth, fifth);
  need_equal(x, fifth, size);
}
void Assembler::need_equal(const Xbyak::Xmm& x, const Xbyak::Xmm& y, unsigned size) {
  size == 8 ? ucomisd(x, y) : ucomiss(x, y);
  miss_if(host_nz);
  miss_if(host_p);
}
// Neither is a NaN.
void Assembler::need_same_number(const Xbyak::Xmm& x, const Xbyak::Xmm& y, unsigned size) {
  size == 8 ? ucomisd(x, y) : ucomiss(x, y);
  miss_if(host_nz);
}
// rax: a double. Clobbers it.
void Assembler::need_exponent(unsigned least) {
  add(rax, rax);
  shr(rax, 53);
  cmp(eax, least);
  miss_if(host_b);
}

void Assembler::need_zero_residual(u8 a, Exactness of, unsigned size) {
  const bool wide = size == 8;
  const auto less = [&](const Xbyak::Xmm& x, const Xbyak::Xmm& y) { wide ? subsd(x, y) : subss(x, y); };
  const auto operand = [&](const Xbyak::Xmm& x) { wide ? movq(x, xmm_at(a, 8)) : movd(x, xmm_at(a, 4)); };
  const auto widened = [&](const Xbyak::Xmm& to, const Xbyak::Xmm& from) { cvtss2sd(to, from); };
  switch (of) {
    case Exactness::sum:
    case Exactness::difference:
      operand(third);
      movaps(fourth, first);
      if (of == Exactness::sum) {
        less(fourth, second);
        movaps(fifth, first);
        less(fifth, third);
      } else {
        wide ? addsd(fourth, second) : addss(fourth, second);
        movaps(fifth, third);
        less(fifth, first);
      }
      need_same_number(fourth, third, size);
      return need_same_number(fifth, second, size);
    case Exactness::product:
      if (!wide) {
        operand(third);
        widened(third, third);
        widened(fourth, second);
        mulsd(third, fourth);
        widened(fourth, first);
        return need_equal(third, fourth, 8);
      }
      if (!host_fuses_) break;
      cmp(edx, least_exponent - result_exponent_bias);
      miss_if(host_b);
      operand(third);
      vfmsub213sd(third, second, first);
      xorps(fourth, fourth);
      return need_same_number(third, fourth, 8);
    case Exactness::quotient:
      if (!wide) {
        widened(third, first);
        widened(fourth, second);
        mulsd(third, fourth);
        operand(fourth);
        widened(fourth, fourth);
        return need_equal(third, fourth, 8);
      }
      if (!host_fuses_) break;
      mov(rax, xmm_at(a, 8));
      need_exponent(least_exponent);
      operand(fourth);
      movaps(third, first);
      vfmsub213sd(third, second, fourth);
      return need_zero(third, 8);
    case Exactness::root:
      if (!wide) {
        widened(third, first);
        mulsd(third, third);
        widened(fourth, second);
        return need_equal(third, fourth, 8);
      }
      if (!host_fuses_) break;
      movq(rax, second);
      need_exponent(least_exponent);
      movaps(third, first);
      vfmsub213sd(third, third, second);
      return need_zero(third, 8);
    case Exactness::narrowed: widened(third, first); return need_equal(third, second, 8);
    default: break;
  }
  test(rsp, rsp);  // never zero: the handler knows
  miss_if(host_nz);
}

void Assembler::zero_goes_aside(u32 site, u8 a, Exactness of, unsigned size) {
  cold_.back().zero = {site, here(), a, of, static_cast<u8>(size)};
}

void Assembler::zero_aside(unsigned which) {
  const Cold::Zero zero = cold_[which].zero;
  if (zero.resume == 0) return;
  aside_ = static_cast<int>(which);
  patch(zero.site, here());
  need_true_zero(zero.first, zero.of, zero.size);
  jump(zero.resume);
  aside_ = -1;
}

// A sum of zero is exact, a product or quotient if a factor or the dividend is zero, else it was too small.
// With another rounding the zero might have another sign.
void Assembler::need_true_zero(u8 a, Exactness of, unsigned size) {
  test(in_cpu(cpu_offset::mxcsr, 4), static_cast<u32>(Mxcsr::RC));
  miss_if(host_nz);
  // Twice the bits of the first operand, or of the second, without the sign.
  const auto test_first = [&] {
    load(n_ax, rbx + (cpu_offset::xmm + a * 16), size);
    add(sized(n_ax, size), sized(n_ax, size));
  };
  const auto test_second = [&] {
    size == 8 ? movq(rax, second) : movd(eax, second);
    add(sized(n_ax, size), sized(n_ax, size));
  };
  switch (of) {
    case Exactness::sum:
    case Exactness::difference: return;
    case Exactness::product: {
      test_first();
      const u32 zero = jump_if(host_z);
      test_second();
      miss_if(host_nz);
      patch(zero, here());
      return;
    }
    case Exactness::quotient: test_first(); break;
    default: test_second(); break;
  }
  miss_if(host_nz);
}

}  // namespace ringside
#endif
