// Owns the code of inline bit instructions: scans and counts, BMI1 and BMI2. The host's own do the work where
// it has them, and leave CF as the guest's would.
#include "cpu/exec/core/dispatch.h"

#if RINGSIDE_EMITTED_DISPATCH
#include "cpu/exec/engine/emit/assembler.h"
#include "cpu/exec/engine/emit/host_names.h"

namespace ringside {

using namespace host_names;

bool Assembler::host_has_bits(Inline what) {
  using Host = Xbyak::util::Cpu;
  static const Host host;
  switch (what) {
    case Inline::lzcnt: return host.has(Host::tLZCNT);
    case Inline::popcnt: return host.has(Host::tPOPCNT);
    case Inline::tzcnt:
    case Inline::andn:
    case Inline::bextr:
    case Inline::blsi:
    case Inline::blsmsk:
    case Inline::blsr: return host.has(Host::tBMI1);
    case Inline::bzhi:
    case Inline::pdep:
    case Inline::pext:
    case Inline::rorx:
    case Inline::sarx:
    case Inline::shlx:
    case Inline::shrx: return host.has(Host::tBMI2);
    default: return true;
  }
}

// As alu::shifted, with the host's CF. Clobbers rax and rsi.
void Assembler::save_counted(Number result, unsigned size) {
  setb(al);
  movzx(eax, al);
  lea(eax, ptr[rax + rax * 2]);
  extend(n_si, result, size);
  mov(in_cpu(cpu_offset::result, 8), rsi);
  mov(in_cpu(cpu_offset::aux, 4), eax);
}

void Assembler::bits(const Op& op, const Shape& shape, bool flags_needed) {
  const unsigned size = shape.size;
  const auto gpr = [&](Number number) { return Xbyak::Reg32e(number, static_cast<int>(size * 8)); };
  const Xbyak::Reg32e result = gpr(n_cx), source = gpr(9), other = gpr(8);
  if (shape.form == Form::RM) {
    locate(op, shape, Use::read, size);
    load(9, rdx + rax, size);
  } else {
    load_gpr(9, shape.separate_first ? op.r2 : op.r1, size);
  }
  switch (shape.what) {
    case Inline::tzcnt: tzcnt(result, source); break;
    case Inline::lzcnt: lzcnt(result, source); break;
    case Inline::blsi: blsi(result, source); break;
    case Inline::blsmsk: blsmsk(result, source); break;
    case Inline::blsr: blsr(result, source); break;
    case Inline::bzhi:
      load_gpr(8, op.r2, size);
      bzhi(result, source, other);
      break;
    case Inline::bsf:
    case Inline::bsr:
      // A source of 0 leaves the destination, all of it.
      shape.what == Inline::bsf ? bsf(result, source) : bsr(result, source);
      cmovz(rcx, in_cpu(op.r0, 8));
      if (flags_needed) save_logic(9, size);
      return store_gpr(op.r0, n_cx, size);
    case Inline::popcnt:
      popcnt(result, source);
      if (flags_needed) {  // as LazyFlags::set_image: PF is clear, unlike that of a result of 0
        mov(esi, 0);
        mov(eax, 0);
        test(source, source);
        setnz(sil);
        setz(ah);
        mov(in_cpu(cpu_offset::result, 8), rsi);
        mov(in_cpu(cpu_offset::aux, 4), eax);
      }
      return store_gpr(op.r0, n_cx, size);
    case Inline::andn:
      load_gpr(8, op.r1, size);
      andn(result, other, source);
      if (flags_needed) save_logic(n_cx, size);
      return store_gpr(op.r0, n_cx, size);
    case Inline::bextr:
      load_gpr(8, op.r2, size);
      bextr(result, source, other);
      if (flags_needed) save_logic(n_cx, size);
      return store_gpr(op.r0, n_cx, size);
    case Inline::mulx:
      load_gpr(n_ax, rdx_offset, size);
      mul(source);
      store_gpr(op.r1, n_ax, size);
      return store_gpr(op.r0, n_dx, size);
    case Inline::pdep:
    case Inline::pext:
      load_gpr(8, op.r1, size);
      shape.what == Inline::pdep ? pdep(result, other, source) : pext(result, other, source);
      return store_gpr(op.r0, n_cx, size);
    case Inline::rorx: rorx(result, source, static_cast<u8>(op.imm)); return store_gpr(op.r0, n_cx, size);
    default:
      load_gpr(8, op.r2, size);
      shape.what == Inline::sarx   ? sarx(result, source, other)
      : shape.what == Inline::shlx ? shlx(result, source, other)
                                   : shrx(result, source, other);
      return store_gpr(op.r0, n_cx, size);
  }
  if (flags_needed) save_counted(n_cx, size);
  store_gpr(op.r0, n_cx, size);
}

}  // namespace ringside
#endif
