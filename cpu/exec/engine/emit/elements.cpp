// Owns the code of vector operations that go element by element on hosts with AVX: text compared, masked
// moves, gathers.
#include "cpu/exec/core/dispatch.h"

#if RINGSIDE_EMITTED_DISPATCH
#include "cpu/exec/engine/emit/host_names.h"
#include "cpu/exec/engine/emit/wide.h"

namespace ringside {

using namespace host_names;

namespace {

constexpr unsigned bytes_of_half = 16;

}  // namespace

void Assembler::wide_elements(const Op& op, const Shape& shape, bool flags_needed) {
  switch (wide_of(shape.vector).way) {
    case Way::masked: return move_masked(op, shape);
    case Way::gathered: return gather(op, shape);
    default: return compare_text(op, shape, flags_needed);
  }
}

void Assembler::compare_text(const Op& op, const Shape& shape, bool flags_needed) {
  const Wide& w = wide_of(shape.vector);
  if (shape.form == Form::RM) {
    locate(op, shape, Use::read, bytes_of_half);
    vmovups(second, xword[rdx + rax]);
  } else {
    vmovaps(second, half_at(op.r1, 0));
  }
  vmovaps(third, half_at(op.r0, 0));
  if (w.way == Way::explicit_text) {
    if (op.size == 8) {  // lengths of 64 bits are the handler's
      test(rsp, rsp);
      miss_if(host_nz);
    }
    load_gpr(n_ax, reg::of(RAX), 4);
    load_gpr(n_dx, reg::of(RDX), 4);
  }
  w.write(*this, third, third, second, static_cast<u8>(op.imm));
  if (flags_needed) {
    // As LazyFlags::set_image, with AF and PF clear; none of these changes the host's flags before they are
    // read.
    setc(r8b);
    seto(r9b);
    sets(r10b);
    setz(r11b);
    movzx(r8d, r8b);
    movzx(r9d, r9b);
    movzx(r10d, r10b);
    movzx(r11d, r11b);
    xor_(r9d, r8d);
    lea(eax, ptr[r9 + r8 * 2]);
    shl(r10d, 16);
    or_(eax, r10d);
    mov(esi, r11d);
    shl(esi, 8);
    or_(eax, esi);
    xor_(r11d, 1);
    mov(in_cpu(cpu_offset::result, 8), r11);
    mov(in_cpu(cpu_offset::aux, 4), eax);
  }
  if (shape.vector == InlineVector::pcmpestri || shape.vector == InlineVector::pcmpistri)
    return store_gpr(reg::of(RCX), n_cx, 4);
  vmovaps(half_at(0, 0), first);  // the guest's XMM0 is the host's
  if (shape.vex) set_upper_clear(0);
}

// Where the whole operand lies in one page that is known, no element of it can fault.
void Assembler::move_masked(const Op& op, const Shape& shape) {
  const bool store = shape.form == Form::MR;
  const bool dwords =
      shape.vector == InlineVector::masked_load_dwords || shape.vector == InlineVector::masked_store_dwords;
  const unsigned halves = shape.length / bytes_of_half;
  const Xbyak::Xmm values[] = {first, second}, masks[] = {third, fourth};
  locate(op, shape, store ? Use::write : Use::read, shape.length);
  for (unsigned h = 0; h < halves; ++h) {
    const Xbyak::Address place = xword[rdx + rax + h * bytes_of_half];
    vmovaps(masks[h], half_at(op.r1, h));
    if (store) {
      vmovaps(values[h], half_at(op.r2, h));
      dwords ? vmaskmovps(place, masks[h], values[h]) : vmaskmovpd(place, masks[h], values[h]);
    } else {
      dwords ? vmaskmovps(values[h], masks[h], place) : vmaskmovpd(values[h], masks[h], place);
    }
  }
  if (!store) set_vector(op, shape, halves);
}

// Nothing is written before all elements are there: one that misses leaves all of it to the handler.
void Assembler::gather(const Op& op, const Shape& shape) {
  const Wide& w = wide_of(shape.vector);
  const unsigned element = w.bytes, index = w.control_bits, halves = shape.length / bytes_of_half;
  const unsigned count = shape.vector == InlineVector::gather_qd ? 2 : shape.length / element;
  const Xbyak::Xmm results[] = {first, second};
  const auto part = [&](unsigned number, unsigned offset) {
    const unsigned half = offset / bytes_of_half;
    return rbx +
           ((half ? cpu_offset::upper : cpu_offset::xmm) + number * bytes_of_half + offset % bytes_of_half);
  };
  found_ = Kept();
  if (op.base == reg::zero) {
    mov(r8, static_cast<u64>(s64{op.disp}));
  } else {
    load_gpr(8, op.base, 8);
    if (op.disp) add(r8, op.disp);
  }
  for (unsigned h = 0; h < halves; ++h) vmovaps(results[h], half_at(op.r0, h));
  for (unsigned n = 0; n < count; ++n) {
    test(byte[part(op.r2, n * element + element - 1)], 0x80);
    const u32 skipped = jump_if(host_z);
    if (index == 8)
      mov(rdx, qword[part(op.index, n * index)]);
    else
      movsxd(rdx, dword[part(op.index, n * index)]);
    lea(rdx, ptr[r8 + rdx * (1 << op.scale)]);
    check(Use::read, element);
    const unsigned half = n * element / bytes_of_half, lane = n - half * (bytes_of_half / element);
    const Xbyak::Xmm& result = results[half];
    element == 8 ? vpinsrq(result, result, qword[rdx + rax], static_cast<u8>(lane))
                 : vpinsrd(result, result, dword[rdx + rax], static_cast<u8>(lane));
    patch(skipped, here());
  }
  if (count * element < bytes_of_half) vmovq(first, first);
  set_vector(op, shape, halves);
  vxorps(fifth, fifth, fifth);
  vmovaps(half_at(op.r2, 0), fifth);
  set_upper_clear(op.r2);
}

}  // namespace ringside
#endif
