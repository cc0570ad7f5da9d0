// Owns the code of the inline operations.
#include "cpu/exec/core/dispatch.h"

#if RINGSIDE_EMITTED_DISPATCH
#include "cpu/exec/engine/emit/assembler.h"
#include "cpu/exec/engine/emit/host_names.h"

namespace ringside {

using namespace host_names;

void Assembler::inline_plain(const Op& op, const Shape& shape, bool flags_needed) {
  // fresh_ still tells of the operation before, for `conditional`.
  const Fresh before = fresh_;
  fresh_ = Fresh();
  found_ = kept_;
  kept_ = Kept();
  switch (shape.what) {
    case Inline::set:
    case Inline::cmov:
      fresh_ = before;
      conditional(op, shape);
      fresh_ = Fresh();
      break;
    case Inline::add:
    case Inline::adc:
    case Inline::sub:
    case Inline::sbb:
    case Inline::and_:
    case Inline::or_:
    case Inline::xor_:
    case Inline::cmp:
    case Inline::test: arithmetic(op, shape, flags_needed); break;
    case Inline::inc:
    case Inline::dec:
    case Inline::neg:
    case Inline::not_: unary(op, shape, flags_needed); break;
    case Inline::shl:
    case Inline::shr:
    case Inline::sar: shift(op, shape, flags_needed); break;
    case Inline::rol:
    case Inline::ror: rotate(op, shape, flags_needed); break;
    case Inline::bsf:
    case Inline::bsr:
    case Inline::tzcnt:
    case Inline::lzcnt:
    case Inline::popcnt:
    case Inline::andn:
    case Inline::bextr:
    case Inline::blsi:
    case Inline::blsmsk:
    case Inline::blsr:
    case Inline::bzhi:
    case Inline::mulx:
    case Inline::pdep:
    case Inline::pext:
    case Inline::rorx:
    case Inline::sarx:
    case Inline::shlx:
    case Inline::shrx: bits(op, shape, flags_needed); break;
    case Inline::vector: vector(op, shape, flags_needed); break;
    case Inline::imul_register:
    case Inline::imul_immediate: multiply(op, shape, flags_needed); break;
    case Inline::push:
    case Inline::pop:
    case Inline::leave: stack(op, shape); break;
    case Inline::widen:
    case Inline::spread: widen(op, shape); break;
    case Inline::nop: break;
    default: move(op, shape);
  }
}

void Assembler::move(const Op& op, const Shape& shape) {
  const unsigned size = shape.size;
  switch (shape.what) {
    case Inline::mov_imm64:
      mov(rcx, static_cast<u64>(op.imm64));
      store_gpr(op.r0, n_cx, size);
      keep(op.r0, n_cx, size);
      return;
    case Inline::lea:
      offset(op);
      if (size == 4) mov(edx, edx);
      store_gpr(op.r0, n_dx, size);
      keep(op.r0, n_dx, size);
      return;
    case Inline::xchg:
      load_gpr(n_cx, op.r0, size);
      load_gpr(9, op.r1, size);
      store_gpr(op.r0, 9, size);
      store_gpr(op.r1, n_cx, size);
      return;
    case Inline::bswap:
      load_gpr(n_cx, op.r0, size);
      keep(op.r0, n_cx, size);
      bswap(size == 8 ? Xbyak::Reg32e(rcx) : Xbyak::Reg32e(ecx));
      store_gpr(op.r0, n_cx, size);
      return;
    case Inline::movzx:
    case Inline::movsx: {
      const bool sign = shape.what == Inline::movsx;
      Xbyak::RegExp source = rbx + op.r1;
      if (shape.form == Form::RM) {
        locate(op, shape, Use::read, shape.source_size);
        source = rdx + rax;
      }
      const Xbyak::Address from = at(source, shape.source_size);
      if (!sign)
        load(n_cx, source, shape.source_size);
      else if (shape.source_size == 4)
        movsxd(rcx, from);
      else
        movsx(sized(n_cx, size), from);
      store_gpr(op.r0, n_cx, size);
      if (!shape.memory) keep(op.r0, n_cx, size);
      return;
    }
    default: break;
  }
  // MOV.
  switch (shape.form) {
    case Form::RI:
      if (size == 4 && op.imm < 0) {
        mov(ecx, static_cast<u32>(op.imm));
        store_gpr(op.r0, n_cx, size);
      } else if (size >= 4) {
        mov(in_cpu(op.r0, 8), static_cast<u64>(static_cast<s64>(op.imm)));
      } else {
        mov(in_cpu(op.r0, size), masked(op.imm, size));
      }
      return;
    case Form::RM:
      locate(op, shape, Use::read, size);
      load(n_cx, rdx + rax, size);
      store_gpr(op.r0, n_cx, size);
      return;
    case Form::MR:
      locate(op, shape, Use::write, size);
      load_gpr(n_cx, op.r1, size);
      mov(at(rdx + rax, size), sized(n_cx, size));
      return;
    case Form::MI:
      locate(op, shape, Use::write, size);
      if (size == 8)
        mov(qword[rdx + rax], static_cast<u64>(static_cast<s64>(op.imm)));
      else
        mov(at(rdx + rax, size), masked(op.imm, size));
      return;
    default:
      load_gpr(n_cx, op.r1, size);
      store_gpr(op.r0, n_cx, size);
      keep(op.r0, n_cx, size);
  }
}

void Assembler::widen(const Op&, const Shape& shape) {
  if (shape.what == Inline::widen) {
    if (shape.size == 4)
      movsx(ecx, word[rbx + rax_offset]);
    else
      movsxd(rcx, dword[rbx + rax_offset]);
    store_gpr(rax_offset, n_cx, shape.size);
  } else {
    load_gpr(n_cx, rax_offset, shape.size);
    sar(sized(n_cx, shape.size), shape.size * 8 - 1);
    store_gpr(rdx_offset, n_cx, shape.size);
  }
}

// to = to `what` (r9 or the immediate).
void Assembler::binary(Inline what, Number to, const Op& op, const Shape& shape) {
  const Xbyak::Reg a = sized(to, shape.size);
  const bool immediate = shape.form == Form::RI || shape.form == Form::MI;
  const u32 imm = signed_immediate(op.imm, shape.size);
  const Xbyak::Reg b = sized(9, shape.size);
  switch (what) {
    case Inline::add: immediate ? add(a, imm) : add(a, b); break;
    case Inline::adc: immediate ? adc(a, imm) : adc(a, b); break;
    case Inline::sub:
    case Inline::cmp: immediate ? sub(a, imm) : sub(a, b); break;
    case Inline::sbb: immediate ? sbb(a, imm) : sbb(a, b); break;
    case Inline::or_: immediate ? or_(a, imm) : or_(a, b); break;
    case Inline::xor_: immediate ? xor_(a, imm) : xor_(a, b); break;
    default: immediate ? and_(a, imm) : and_(a, b); break;  // AND, TEST
  }
}

void Assembler::arithmetic(const Op& op, const Shape& shape, bool flags_needed) {
  using What = Fresh::What;
  const unsigned size = shape.size;
  const bool reads_only = shape.what == Inline::cmp || shape.what == Inline::test;
  const bool to_memory = shape.form == Form::MR || shape.form == Form::MI;
  const bool immediate = shape.form == Form::RI || shape.form == Form::MI;
  if (shape.memory) {
    locate(op, shape, to_memory && !reads_only ? Use::write : Use::read, size);
  }
  if (shape.form == Form::RM) {
    load(9, rdx + rax, size);
    load_gpr(n_cx, op.r0, size);
  } else if (to_memory) {
    if (!reads_only) lea(r10, ptr[rdx + rax]);
    load(n_cx, rdx + rax, size);
    if (!immediate) load_gpr(9, op.r1, size);
  } else {
    const bool second_first = !immediate && op.r1 == found_.offset;
    if (second_first) load_gpr(9, op.r1, size);
    load_gpr(n_cx, op.r0, size);
    if (!immediate && !second_first) load_gpr(9, op.r1, size);
  }
  const auto commit = [&](Number from) {
    if (reads_only) return;
    if (to_memory)
      mov(at(r10, size), sized(from, size));
    else
      store_gpr(op.r0, from, size);
    if (!shape.memory) keep(op.r0, from, size);
  };
  fresh_.size = static_cast<u8>(size);
  fresh_.by_immediate = immediate;
  fresh_.immediate = op.imm;
  switch (shape.what) {
    case Inline::sub:
    case Inline::cmp:
      if (size == 8)
        mov(rdi, rcx);
      else
        mov(edi, ecx);
      binary(shape.what, n_di, op, shape);
      if (flags_needed) save_arithmetic(n_di, size);
      commit(n_di);
      fresh_.what = What::compared;
      break;
    case Inline::and_:
    case Inline::or_:
    case Inline::xor_:
    case Inline::test:
      binary(shape.what, n_cx, op, shape);
      if (flags_needed) save_logic(n_cx, size);
      commit(n_cx);
      fresh_.what = What::logic;
      break;
    case Inline::adc:
    case Inline::sbb: restore_carry(); [[fallthrough]];
    default:
      binary(shape.what, n_cx, op, shape);
      if (flags_needed) save_arithmetic(n_cx, size);
      commit(n_cx);
      fresh_.what = What::result;
  }
  if (!flags_needed) fresh_.what = What::nothing;
  if (shape.memory) fresh_.cold = static_cast<int>(cold_.size()) - 1;
}

void Assembler::unary(const Op& op, const Shape& shape, bool flags_needed) {
  const unsigned size = shape.size;
  if (shape.memory) {
    locate(op, shape, Use::write, size);
    lea(r10, ptr[rdx + rax]);
    load(n_cx, r10, size);
  } else {
    load_gpr(n_cx, op.r0, size);
  }
  const Xbyak::Reg a = sized(n_cx, size);
  switch (shape.what) {
    case Inline::inc:
      if (flags_needed) restore_carry();
      inc(a);
      break;
    case Inline::dec:
      if (flags_needed) restore_carry();
      dec(a);
      break;
    case Inline::neg: neg(a); break;
    default: not_(a);
  }
  const bool flags = shape.what != Inline::not_;
  if (flags && flags_needed) {
    save_arithmetic(n_cx, size);
    fresh_.what = Fresh::What::result;
    fresh_.size = static_cast<u8>(size);
    if (shape.memory) fresh_.cold = static_cast<int>(cold_.size()) - 1;
  }
  if (shape.memory) {
    mov(at(r10, size), a);
  } else {
    store_gpr(op.r0, n_cx, size);
    keep(op.r0, n_cx, size);
  }
}

void Assembler::shift(const Op& op, const Shape& shape, bool flags_needed) {
  const unsigned size = shape.size;
  if (shape.by_cl) {
    // A count of 0, known only now, leaves the flags: somebody who wants them gets them from the handler,
    // which cannot refuse.
    if (flags_needed) return call_handler(op);
    load_gpr(9, op.r0, size);
    load_gpr(n_cx, reg::of(RCX), 1);
    const Xbyak::Reg a = sized(9, size);
    switch (shape.what) {
      case Inline::shl: shl(a, cl); break;
      case Inline::shr: shr(a, cl); break;
      default: sar(a, cl);
    }
    store_gpr(op.r0, 9, size);
    keep(op.r0, 9, size);
    return;
  }
  const int count = op.imm & (size == 8 ? 63 : 31);
  load_gpr(n_cx, op.r0, size);
  const Xbyak::Reg a = sized(n_cx, size);
  switch (shape.what) {
    case Inline::shl: shl(a, count); break;
    case Inline::shr: shr(a, count); break;
    default: sar(a, count);
  }
  if (flags_needed) save_shift(shape.what, size);
  store_gpr(op.r0, n_cx, size);
  keep(op.r0, n_cx, size);
  if (flags_needed) {
    fresh_.what = Fresh::What::result;
    fresh_.size = static_cast<u8>(size);
  }
}

// As shifting::rol and ror: aux's low bits are the result's two highest after ROR; after ROL its lowest (CF)
// and its highest.
void Assembler::rotate(const Op& op, const Shape& shape, bool flags_needed) {
  const unsigned size = shape.size;
  const int bits = static_cast<int>(size * 8), count = op.imm & (bits - 1);
  load_gpr(n_cx, op.r0, size);
  const Xbyak::Reg a = sized(n_cx, size);
  if (shape.what == Inline::rol)
    rol(a, count);
  else
    ror(a, count);
  store_gpr(op.r0, n_cx, size);
  if (!flags_needed) return keep(op.r0, n_cx, size);
  mov(eax, in_cpu(cpu_offset::aux, 4));
  and_(eax, ~3u);
  if (shape.what == Inline::rol) {
    mov(esi, ecx);
    and_(esi, 1);
    lea(eax, ptr[rax + rsi * 2]);
  }
  shr(a, bits - (shape.what == Inline::rol ? 1 : 2));
  or_(eax, ecx);
  mov(in_cpu(cpu_offset::aux, 4), eax);
}

// As shifting::shl, shr and sar: bit 1 of aux is CF, bit 0 is CF ^ OF. The host's CF is right for every count
// below the operand's width.
void Assembler::save_shift(Inline what, unsigned size) {
  setc(al);
  extend(n_si, n_cx, size);
  movzx(eax, al);
  mov(in_cpu(cpu_offset::result, 8), rsi);
  if (what == Inline::sar) {  // OF is 0
    lea(eax, ptr[rax + rax * 2]);
  } else if (what == Inline::shl) {  // OF is CF ^ the result's highest bit
    shr(rsi, 63);
    lea(eax, ptr[rsi + rax * 2]);
  } else {  // OF is the result's second bit: the highest is 0
    lea(edi, ptr[rax + rax]);
    shr(rsi, static_cast<int>(size * 8 - 2));
    xor_(eax, esi);
    or_(eax, edi);
  }
  mov(in_cpu(cpu_offset::aux, 4), eax);
}

void Assembler::multiply(const Op& op, const Shape& shape, bool flags_needed) {
  const unsigned size = shape.size;
  if (shape.memory) {
    locate(op, shape, Use::read, size);
    load(9, rdx + rax, size);
  } else {
    load_gpr(9, op.r1, size);
  }
  if (shape.what == Inline::imul_immediate) {
    imul(sized(n_cx, size), sized(9, size), op.imm);
  } else {
    load_gpr(n_cx, op.r0, size);
    imul(sized(n_cx, size), sized(9, size));
  }
  if (flags_needed) {  // CF and OF are equal
    seto(al);
    extend(n_si, n_cx, size);
    movzx(eax, al);
    mov(in_cpu(cpu_offset::result, 8), rsi);
    add(eax, eax);
    mov(in_cpu(cpu_offset::aux, 4), eax);
  }
  store_gpr(op.r0, n_cx, size);
  if (!shape.memory) keep(op.r0, n_cx, size);
}

void Assembler::conditional(const Op& op, const Shape& shape) {
  const unsigned size = shape.size;
  found_ = Kept();
  if (shape.memory) {
    // The condition's test would clobber the address: the address first, and the test of stored flags.
    fresh_ = Fresh();
    locate(op, shape, shape.what == Inline::set ? Use::write : Use::read, size);
    lea(r10, ptr[rdx + rax]);
  }
  const unsigned host = test_condition(shape.condition);
  if (shape.what == Inline::set) {
    db(0x0f);  // SETcc cl
    db(static_cast<int>(0x90 | host));
    db(0xc1);
    mov(shape.memory ? byte[r10] : byte[rbx + op.r0], cl);
    return;
  }
  // Moves leave the host's flags.
  if (shape.memory)
    load(9, r10, size);
  else
    load_gpr(9, op.r1, size);
  load_gpr(n_cx, op.r0, size);
  // CMOVcc rcx, r9; both are zero-extended.
  db(0x49);
  db(0x0f);
  db(static_cast<int>(0x40 | host));
  db(0xc9);
  store_gpr(op.r0, n_cx, size);
}

// Pushes r8.
void Assembler::push_r8() {
  mov(rdx, in_cpu(rsp_offset, 8));
  sub(rdx, 8);
  check(Use::write, 8);
  mov(qword[rdx + rax], r8);
  mov(in_cpu(rsp_offset, 8), rdx);
}

void Assembler::stack(const Op& op, const Shape& shape) {
  if (shape.what == Inline::push) {
    if (shape.form == Form::RI)
      mov(r8, static_cast<u64>(static_cast<s64>(op.imm)));
    else
      mov(r8, in_cpu(op.r0, 8));
    push_r8();
    return;
  }
  mov(rdx, in_cpu(shape.what == Inline::leave ? rbp_offset : rsp_offset, 8));
  check(Use::read, 8);
  mov(r8, qword[rdx + rax]);
  add(rdx, 8);
  mov(in_cpu(rsp_offset, 8), rdx);
  mov(in_cpu(shape.what == Inline::leave ? rbp_offset : op.r0, 8), r8);
}

void Assembler::inline_call(const Op& op) {
  fresh_ = Fresh();
  found_ = Kept();
  mov(r8, in_cpu(reg::rip_base, 8));
  add(r8, op.offset + op.length);
  push_r8();
}

void Assembler::inline_indirect(const Op& op, const Shape& shape) {
  fresh_ = Fresh();
  found_ = Kept();
  if (shape.what == Inline::ret || shape.what == Inline::ret_and_release) {
    mov(rdx, in_cpu(rsp_offset, 8));
    check(Use::read, 8);
    mov(r8, qword[rdx + rax]);
    miss_if_not_canonical();
    add(rdx, 8u + (shape.what == Inline::ret ? 0u : static_cast<u16>(op.imm)));
    mov(in_cpu(rsp_offset, 8), rdx);
    return;
  }
  if (shape.form == Form::M) {
    locate(op, shape, Use::read, 8);
    mov(r8, qword[rdx + rax]);
  } else {
    mov(r8, in_cpu(op.r0, 8));
  }
  miss_if_not_canonical();
  if (shape.what == Inline::jump_to) return;
  mov(r11, r8);
  mov(r8, in_cpu(reg::rip_base, 8));
  add(r8, op.offset + op.length);
  push_r8();
  mov(r8, r11);
}

}  // namespace ringside
#endif
