// Owns the code of vector operations on hosts with AVX: those with a VEX prefix, those newer than SSE2, and
// all of floating point in the host's own mode.
//
// A register of 256 bits lies in the Cpu as two of 128, so an instruction works on either half by a host
// instruction of 128 bits. Those have a VEX prefix as well and leave the host's upper halves clear: there is
// no transition between them and the SSE code of the program around.
//
// Floating point runs with the guest's MXCSR in the host's: results and flags are the processor's own, so
// that nothing has to be checked behind them. It is loaded in front of the first operation of a block that
// needs it and stored before a handler may look at it and when the block ends. With an exception unmasked the
// rest of the block is run by handlers instead.
#include "cpu/exec/core/dispatch.h"

#if RINGSIDE_EMITTED_DISPATCH
#include "cpu/exec/engine/emit/host_names.h"
#include "cpu/exec/engine/emit/wide.h"
#include "cpu/exec/sse/soft_float.h"

namespace ringside {

using namespace host_names;

namespace {

constexpr unsigned half_bytes = 16;
constexpr unsigned most_vectors = 16;

const Xbyak::Operand no_operand;

}  // namespace

bool Assembler::can_write(const Shape& shape) const {
  if (shape.what != Inline::vector) return host_has_bits(shape.what);
  const bool old = !shape.vex && shape.vector <= last_of_sse2;
  if (old) return true;
  const Wide& wide = wide_of(shape.vector);
  // The general address of each element is the handler's.
  if (wide.way == Way::gathered && shape.addressing != Addressing::flat) return false;
  return wide.way != Way::none && host_.test(static_cast<unsigned>(HostPart::avx)) &&
         host_.test(static_cast<unsigned>(wide.part));
}

std::bitset<8> Assembler::host_parts() {
  using Host = Xbyak::util::Cpu;
  const Host host;
  std::bitset<8> parts;
  const auto put = [&](HostPart part, bool has) { parts.set(static_cast<unsigned>(part), has); };
  put(HostPart::avx, host.has(Host::tAVX));
  put(HostPart::avx2, host.has(Host::tAVX2));
  put(HostPart::fma, host.has(Host::tFMA));
  put(HostPart::f16c, host.has(Host::tF16C));
  put(HostPart::aes, host.has(Host::tAESNI));
  put(HostPart::pclmulqdq, host.has(Host::tPCLMULQDQ));
  put(HostPart::gfni, host.has(Host::tGFNI));
  put(HostPart::sha, host.has(Host::tSHA));
  return parts;
}

bool Assembler::is_fused_scalar(const Shape& shape) {
  const Wide& wide = wide_of(shape.vector);
  return wide.way == Way::fused && wide.bytes != 0;
}

// -- The host's MXCSR.

Assembler::Numbers Assembler::numbers_of(const Shape& shape) const {
  if (shape.what != Inline::vector || !host_.test(static_cast<unsigned>(HostPart::avx)) ||
      !wide_of(shape.vector).number)
    return Numbers::none;
  return shape.vector <= last_of_sse2 || is_fused_scalar(shape) ? Numbers::either : Numbers::by_host;
}

void Assembler::load_mxcsr() { ldmxcsr(in_cpu(cpu_offset::mxcsr, 4)); }
void Assembler::store_mxcsr() {
  stmxcsr(in_cpu(cpu_offset::mxcsr, 4));
  db(0x0f);  // LDMXCSR [RIP + distance]
  db(0xae);
  db(0x15);
  dd(default_mxcsr_ - (here() + 4));
}
u32 Assembler::enter_numbers() {
  mov(eax, in_cpu(cpu_offset::mxcsr, 4));
  not_(eax);
  test(eax, Mxcsr::masks);
  const u32 unmasked = jump_if(host_nz);
  load_mxcsr();
  numbers_ = true;
  return unmasked;
}
void Assembler::leave_numbers() {
  if (numbers_) store_mxcsr();
  numbers_ = false;
}

// Denormals, NaNs, an inexact result that is the first: what the checks of vectors.cpp do not let pass.
void Assembler::again_by_host(unsigned which) {
  const Cold first_attempt = cold_[which];
  for (unsigned n = first_attempt.refused; n < first_attempt.count; ++n)
    patch(first_attempt.sites[n], here());
  const u32 unmasked = enter_numbers();
  numbers_ = false;
  found_ = kept_ = Kept();
  upper_clear_ = 0;
  Cold& cold = cold_.emplace_back();
  cold.op = first_attempt.op;
  cold.numbers = true;
  wide(*first_attempt.op, first_attempt.shape, first_attempt.flags_needed);
  cold_.back().resume = here();
  store_mxcsr();
  jump(first_attempt.resume);
  if (cold_.back().count == 0) cold_.pop_back();
  Cold& handler = cold_[which];
  handler.count = handler.refused;
  handler.sites[handler.count++] = unmasked;
}

// -- Operands.

Xbyak::Address Assembler::half_at(unsigned number, unsigned half) const {
  return xword[rbx + ((half ? cpu_offset::upper : cpu_offset::xmm) + number * half_bytes)];
}
Xbyak::Address Assembler::vector_at(const Xbyak::RegExp& place, unsigned size) const {
  return size == half_bytes ? xword[place] : at(place, size);
}
void Assembler::clear_upper(const Op& op, const Shape& shape) {
  if (shape.vex) set_upper_clear(op.r0);
}
void Assembler::set_upper_clear(unsigned number) {
  if (upper_clear_ >> number & 1) return;
  vxorps(fifth, fifth, fifth);
  vmovaps(half_at(number, 1), fifth);
  upper_clear_ |= 1u << number;
}
void Assembler::set_vector(const Op& op, const Shape& shape, unsigned halves) {
  vmovaps(half_at(op.r0, 0), first);
  if (halves == 1) return clear_upper(op, shape);
  vmovaps(half_at(op.r0, 1), second);
  upper_clear_ &= ~(1u << op.r0);
}

void Assembler::vector_ready(const Shape& shape) {
  if (shape.vex ? avx_ready_ : sse_ready_) return;
  if (shape.vex) {
    test(in_cpu(cpu_offset::cr0, 4), static_cast<u32>(Cr0::TS));
    miss_if(host_nz);
    test(in_cpu(cpu_offset::cr4, 4), static_cast<u32>(Cr4::OSXSAVE));
    miss_if(host_z);
    constexpr u32 states = Xcr0::sse | Xcr0::avx;
    mov(eax, in_cpu(cpu_offset::xcr0, 4));
    and_(eax, states);
    cmp(eax, states);
    miss_if(host_nz);
    avx_ready_ = true;
  } else {
    test(in_cpu(cpu_offset::cr0, 4), static_cast<u32>(Cr0::EM | Cr0::TS));
    miss_if(host_nz);
    test(in_cpu(cpu_offset::cr4, 4), static_cast<u32>(Cr4::OSFXSR));
    miss_if(host_z);
    sse_ready_ = true;
  }
}

void Assembler::wide(const Op& op, const Shape& shape, bool flags_needed) {
  const Wide& w = wide_of(shape.vector);
  const unsigned halves = shape.length / half_bytes;
  const bool memory = shape.form == Form::RM || shape.form == Form::M;
  // Legacy instructions are their own first source.
  const u8 a = first_source(op, shape), b = second_source(op, shape);
  const Xbyak::RegExp place = rdx + rax;
  const auto locate_source = [&](unsigned size) {
    if (memory) locate(op, shape, Use::read, size);
  };
  // A half of the second source, or so many bytes of it.
  const auto source = [&](unsigned half, unsigned size = half_bytes) {
    if (memory) return vector_at(place + half * half_bytes, size);
    return vector_at(rbx + ((half ? cpu_offset::upper : cpu_offset::xmm) + b * half_bytes), size);
  };
  const auto control = [&](unsigned half) {
    const u8 immediate = static_cast<u8>(op.imm & (shape.vex ? 0xff : w.legacy_control));
    return static_cast<u8>(immediate >> (half * w.control_bits));
  };
  const auto write = [&](const Xbyak::Xmm& d, const Xbyak::Xmm& x, const Xbyak::Operand& y,
                         u8 immediate = 0) { w.write(*this, d, x, y, immediate); };
  const Xbyak::Xmm results[] = {first, second};

  switch (w.way) {
    case Way::none: return;
    case Way::move: return wide_move(op, shape);
    case Way::lanes:
      locate_source(shape.length);
      for (unsigned h = 0; h < halves; ++h) {
        vmovaps(results[h], half_at(a, h));
        write(results[h], results[h], source(h), control(h));
      }
      return set_vector(op, shape, halves);
    case Way::of_one:
      locate_source(shape.length);
      for (unsigned h = 0; h < halves; ++h) write(results[h], results[h], source(h), control(h));
      return set_vector(op, shape, halves);
    case Way::counted:
    case Way::by_bytes: {
      const bool immediate = shape.form == Form::RI;
      if (!immediate) {
        locate_source(half_bytes);
        vmovups(third, source(0));
      }
      for (unsigned h = 0; h < halves; ++h) {
        vmovaps(results[h], half_at(a, h));
        write(results[h], results[h], immediate ? no_operand : third, static_cast<u8>(op.imm));
      }
      return set_vector(op, shape, halves);
    }
    case Way::chosen:
      locate_source(shape.length);
      for (unsigned h = 0; h < halves; ++h) {
        vmovaps(results[h], half_at(a, h));
        vmovaps(third, half_at(shape.vex ? static_cast<unsigned>(op.imm) : 0, h));
        write(results[h], third, source(h));
      }
      return set_vector(op, shape, halves);
    case Way::crossing: {
      const Xbyak::Ymm index(first.getIdx()), of(second.getIdx());
      locate_source(shape.length);
      vmovaps(first, half_at(a, 0));
      vinsertf128(index, index, half_at(a, 1), 1);
      vmovups(second, source(0));
      vinsertf128(of, of, source(1), 1);
      vpermd(index, index, of);
      vextractf128(second, index, 1);
      vzeroupper();
      return set_vector(op, shape, halves);
    }
    case Way::widened:
      locate_source(w.bytes * halves);
      for (unsigned h = 0; h < halves; ++h) {
        const unsigned from = h * w.bytes;
        write(results[h], first,
              vector_at(memory ? place + from : rbx + (cpu_offset::xmm + b * half_bytes + from), w.bytes));
      }
      return set_vector(op, shape, halves);
    case Way::narrowed:
      locate_source(shape.length);
      write(first, first, source(0));
      if (halves == 2) {
        write(second, second, source(1));
        vmovlhps(first, first, second);
      }
      return set_vector(op, shape, 1);
    case Way::halved: {
      const bool to_memory = shape.form == Form::MR;
      if (to_memory) locate(op, shape, Use::write, shape.length / 2);
      for (unsigned h = 0; h < halves; ++h) {
        vmovaps(results[h], half_at(op.r1, h));
        write(results[h], results[h], results[h], static_cast<u8>(op.imm));
      }
      if (halves == 2) vmovlhps(first, first, second);
      if (!to_memory) return set_vector(op, shape, 1);
      halves == 2 ? vmovups(xword[place], first) : vmovq(qword[place], first);
      return;
    }
    case Way::text:
    case Way::explicit_text:
    case Way::masked:
    case Way::gathered: return wide_elements(op, shape, flags_needed);
    case Way::inserted:
      // A whole register where it is a vector's; the host looks at the low element of memory only.
      if (!memory && !shape.gpr) {
        vmovaps(second, half_at(b, 0));
        vmovaps(first, half_at(a, 0));
        write(first, first, second, static_cast<u8>(op.imm));
        return set_vector(op, shape, 1);
      }
      locate_source(w.bytes);
      vmovaps(first, half_at(a, 0));
      write(first, first, memory ? at(place, w.bytes) : in_cpu(b, w.bytes), static_cast<u8>(op.imm));
      return set_vector(op, shape, 1);
    case Way::extracted: {
      const u8 which = static_cast<u8>(op.imm);
      const bool to_memory = shape.form == Form::MR;
      if (to_memory) locate(op, shape, Use::write, w.bytes);
      vmovaps(first, half_at(op.r1, 0));
      if (to_memory) {
        write(first, first, at(place, w.bytes), which);
      } else {
        w.bytes == 8 ? write(first, first, rcx, which) : write(first, first, ecx, which);
        store_gpr(op.r0, n_cx, w.bytes == 8 ? 8 : 4);
      }
      return;
    }
    case Way::mask:
      for (unsigned h = halves; h-- > 0;) {
        vmovaps(first, half_at(op.r1, h));
        write(Xbyak::Xmm(h ? 9 : n_cx), first, no_operand);
      }
      if (halves == 2) {
        shl(r9d, w.bytes);
        or_(ecx, r9d);
      }
      store_gpr(op.r0, n_cx, shape.size);
      return;
    case Way::test_bits: return wide_test(op, shape, flags_needed);
    case Way::own_first:
      locate_source(half_bytes);
      vmovaps(second, half_at(op.r0, 0));
      memory ? vmovups(third, source(0)) : vmovaps(third, source(0));
      vmovaps(first, half_at(0, 0));  // the guest's XMM0 is the host's
      write(second, second, third, static_cast<u8>(op.imm));
      vmovaps(half_at(op.r0, 0), second);
      return;
    case Way::scalar:
      locate_source(w.bytes);
      vmovaps(first, half_at(a, 0));
      write(first, first, source(0, w.bytes), control(0));
      return set_vector(op, shape, 1);
    case Way::fused: {
      const unsigned size = w.bytes ? w.bytes : half_bytes;
      locate_source(w.bytes ? w.bytes : shape.length);
      for (unsigned h = 0; h < (w.bytes ? 1 : halves); ++h) {
        vmovaps(results[h], half_at(op.r0, h));
        vmovaps(third, half_at(op.r1, h));
        write(results[h], third, source(h, size));
      }
      return set_vector(op, shape, w.bytes ? 1 : halves);
    }
    case Way::compared:
      locate_source(w.bytes);
      vmovaps(first, half_at(op.r0, 0));
      write(first, first, source(0, w.bytes));
      if (!flags_needed) return;
      // As LazyFlags::set_image: ZF, PF and CF are 1 for what is not ordered.
      mov(ecx, 0);
      mov(eax, 0);
      mov(esi, 0);
      setnz(cl);
      setb(al);
      setp(sil);
      lea(eax, ptr[rax + rax * 2]);
      xor_(esi, ecx);
      xor_(esi, 1);
      shl(esi, 8);
      or_(eax, esi);
      mov(in_cpu(cpu_offset::result, 8), rcx);
      mov(in_cpu(cpu_offset::aux, 4), eax);
      return;
    case Way::from_integer:
      locate_source(shape.source_size);
      vmovaps(first, half_at(a, 0));
      write(first, first, memory ? at(place, shape.source_size) : in_cpu(b, shape.source_size));
      return set_vector(op, shape, 1);
    case Way::to_integer:
      locate_source(w.bytes);
      write(Xbyak::Xmm(n_cx), first, source(0, w.bytes), shape.size);
      store_gpr(op.r0, n_cx, shape.size);
      return;
  }
}

// One product and sum by the checks of vectors.cpp. Its exactness is not looked for: PE has to be known.
void Assembler::fused_scalar(const Op& op, const Shape& shape) {
  const Wide& w = wide_of(shape.vector);
  load_source(op, shape, w.bytes);
  need_no_denormal(9, w.bytes);
  for (const u8 n : {op.r0, op.r1}) {
    load(n_cx, rbx + (cpu_offset::xmm + n * half_bytes), w.bytes);
    need_no_denormal(n_cx, w.bytes);
  }
  vmovaps(first, half_at(op.r0, 0));
  vmovaps(third, half_at(op.r1, 0));
  w.write(*this, first, third, second, 0);
  miss_at(need_normal_result(w.bytes));
  mov(eax, in_cpu(cpu_offset::mxcsr, 4));
  and_(eax, Mxcsr::RC | Mxcsr::PE | Mxcsr::PE << Mxcsr::mask_shift);
  cmp(eax, Mxcsr::PE | Mxcsr::PE << Mxcsr::mask_shift);
  miss_if(host_nz);
  set_vector(op, shape, 1);
}

// ZF: no bit is in both. CF: none of the second is outside the first. All others are clear. VTESTPx looks at
// sign bits only.
void Assembler::wide_test(const Op& op, const Shape& shape, bool flags_needed) {
  const Wide& w = wide_of(shape.vector);
  const unsigned halves = shape.length / half_bytes;
  const bool memory = shape.form == Form::RM;
  const Xbyak::RegExp place = rdx + rax;
  if (memory) locate(op, shape, Use::read, shape.length);
  if (!flags_needed) return;
  const Xbyak::Xmm both[] = {second, third}, outside[] = {fourth, fifth};
  for (unsigned h = 0; h < halves; ++h) {
    vmovaps(first, half_at(op.r0, h));
    const Xbyak::Address b = memory ? xword[place + h * half_bytes] : half_at(op.r1, h);
    vpand(both[h], first, b);
    vpandn(outside[h], first, b);
  }
  if (halves == 2) {
    vpor(second, second, third);
    vpor(fourth, fourth, fifth);
  }
  mov(ecx, 0);
  mov(eax, 0);
  mov(esi, 0);
  w.write(*this, second, second, second, 0);
  setnz(cl);
  w.write(*this, fourth, fourth, fourth, 0);
  setz(al);
  // As LazyFlags::set_image, with PF clear.
  lea(eax, ptr[rax + rax * 2]);
  mov(esi, ecx);
  xor_(esi, 1);
  shl(esi, 8);
  or_(eax, esi);
  mov(in_cpu(cpu_offset::result, 8), rcx);
  mov(in_cpu(cpu_offset::aux, 4), eax);
}

void Assembler::wide_move(const Op& op, const Shape& shape) {
  const unsigned halves = shape.length / half_bytes, size = shape.source_size;
  const Xbyak::RegExp place = rdx + rax;
  const bool to_memory = shape.form == Form::MR, from_memory = shape.form == Form::RM;
  const u8 b = shape.separate_first ? op.r2 : op.r1;
  if (to_memory || from_memory) locate(op, shape, to_memory ? Use::write : Use::read, size);
  const auto whole = [&](unsigned half) {
    return from_memory ? xword[place + half * half_bytes] : half_at(b, half);
  };
  const auto quarter = [&](unsigned n) {
    return from_memory
               ? qword[place + n * 8]
               : qword[rbx + ((n < 2 ? cpu_offset::xmm : cpu_offset::upper) + b * half_bytes + n % 2 * 8)];
  };
  const Xbyak::Xmm results[] = {first, second};
  switch (shape.vector) {
    case InlineVector::move:
      for (unsigned h = 0; h < halves; ++h) {
        from_memory ? vmovups(results[h], whole(h)) : vmovaps(results[h], half_at(op.r1, h));
        if (to_memory) vmovups(xword[place + h * half_bytes], results[h]);
      }
      if (!to_memory) set_vector(op, shape, halves);
      return;
    case InlineVector::move_zero: {
      const Xbyak::Address from = from_memory ? at(place, size)
                                  : shape.gpr ? in_cpu(op.r1, size)
                                              : xmm_at(op.r1, size);
      size == 8 ? vmovq(first, from) : vmovd(first, from);
      return set_vector(op, shape, 1);
    }
    case InlineVector::move_low:
      load(n_cx, rbx + (cpu_offset::xmm + op.r1 * half_bytes), size);
      if (to_memory)
        mov(at(place, size), sized(n_cx, size));
      else
        store_gpr(op.r0, n_cx, size);
      return;
    case InlineVector::store_high:
      mov(rcx, in_cpu(cpu_offset::xmm + op.r1 * half_bytes + 8, 8));
      mov(qword[place], rcx);
      return;
    case InlineVector::movddup: vmovddup(first, quarter(0)); return set_vector(op, shape, 1);
    case InlineVector::broadcast:
      switch (size) {
        case 1:
          vpbroadcastb(first, from_memory ? byte[place] : byte[rbx + (cpu_offset::xmm + b * half_bytes)]);
          break;
        case 2:
          vpbroadcastw(first, from_memory ? word[place] : word[rbx + (cpu_offset::xmm + b * half_bytes)]);
          break;
        case 4: vbroadcastss(first, from_memory ? dword[place] : xmm_at(b, 4)); break;
        case 8: vmovddup(first, quarter(0)); break;
        default: vmovups(first, whole(0));
      }
      if (halves == 2) vmovaps(second, first);
      return set_vector(op, shape, halves);
    case InlineVector::broadcast_dword:
    case InlineVector::broadcast_qword:
      shape.vector == InlineVector::broadcast_dword ? vbroadcastss(first, xmm_at(op.r1, 4))
                                                    : vmovddup(first, xmm_at(op.r1, 8));
      if (halves == 2) vmovaps(second, first);
      return set_vector(op, shape, halves);
    case InlineVector::insert_half:
      for (const unsigned h : {0u, 1u}) {
        if (h == (static_cast<unsigned>(op.imm) & 1))
          vmovups(results[h], whole(0));
        else
          vmovaps(results[h], half_at(op.r1, h));
      }
      return set_vector(op, shape, 2);
    case InlineVector::extract_half:
      vmovaps(first, half_at(op.r1, static_cast<unsigned>(op.imm) & 1));
      if (to_memory) return vmovups(xword[place], first);
      return set_vector(op, shape, 1);
    case InlineVector::permute_halves:
      for (const unsigned h : {0u, 1u}) {
        const unsigned chosen = static_cast<unsigned>(op.imm) >> (4 * h);
        if (chosen & 8)
          vxorps(results[h], results[h], results[h]);
        else if (chosen & 2)
          vmovups(results[h], whole(chosen & 1));
        else
          vmovaps(results[h], half_at(op.r1, chosen & 1));
      }
      return set_vector(op, shape, 2);
    case InlineVector::permute_qwords:
      for (const unsigned h : {0u, 1u}) {
        const unsigned chosen = static_cast<unsigned>(op.imm) >> (4 * h);
        vmovq(results[h], quarter(chosen & 3));
        vmovhps(results[h], results[h], quarter(chosen >> 2 & 3));
      }
      return set_vector(op, shape, 2);
    case InlineVector::vzeroupper: {
      if (upper_clear_ == (1u << most_vectors) - 1) return;
      // A write of 128 bits has cleared the rest of the host's register.
      vxorps(first, first, first);
      const unsigned count = shape.bits64 ? most_vectors : most_vectors / 2;
      for (unsigned n = 0; n < count; n += 2)
        vmovups(yword[rbx + (cpu_offset::upper + n * half_bytes)], Xbyak::Ymm(first.getIdx()));
      upper_clear_ |= (1u << count) - 1;
      return;
    }
    default: break;
  }
  // One half, or a low element, of a register that keeps the rest of the first source.
  vmovaps(first, half_at(shape.separate_first ? op.r1 : op.r0, 0));
  switch (shape.vector) {
    case InlineVector::load_low: vmovlps(first, first, qword[place]); break;
    case InlineVector::load_high: vmovhps(first, first, qword[place]); break;
    case InlineVector::movhlps:
      vmovlps(first, first, qword[rbx + (cpu_offset::xmm + b * half_bytes + 8)]);
      break;
    case InlineVector::movlhps: vmovhps(first, first, xmm_at(b, 8)); break;
    case InlineVector::movsd_registers: vmovlps(first, first, xmm_at(b, 8)); break;
    default:  // movss_registers
      vmovd(second, xmm_at(b, 4));
      vmovss(first, first, second);
  }
  set_vector(op, shape, 1);
}

}  // namespace ringside
#endif
