// Owns the code of the inline operations.
#include "cpu/exec/dispatch.h"

#if RINGSIDE_EMITTED_DISPATCH
#include "cpu/exec/emit/assembler.h"

namespace ringside {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
namespace cpu_offset {
const unsigned result = offsetof(Cpu, flags) + offsetof(LazyFlags, result);
const unsigned aux = offsetof(Cpu, flags) + offsetof(LazyFlags, aux);
const unsigned budget = offsetof(Cpu, budget);
const unsigned data = offsetof(Cpu, data);
const unsigned rip = offsetof(Cpu, rip);
const unsigned left = offsetof(Cpu, left);
}  // namespace cpu_offset
#pragma GCC diagnostic pop

const std::array<u8, 0x1102> aux_of_flags = [] {
  std::array<u8, 0x1102> table{};
  for (const unsigned overflow : {0u, 1u}) {
    for (const unsigned carry : {0u, 1u}) {
      for (const unsigned adjust : {0u, 1u}) {
        table[overflow | carry << 8 | adjust << 12] =
            static_cast<u8>((carry ? LazyFlags::carry_out : 0) |
                            (carry != overflow ? LazyFlags::carry_in : 0) | (adjust ? LazyFlags::adjust : 0));
      }
    }
  }
  return table;
}();

namespace {
constexpr int n_cx = 1, n_dx = 2, n_si = 6, n_di = 7;
// Host condition codes, as the guest's.
constexpr unsigned host_nz = 5, host_s = 8;
constexpr u8 rsp_offset = reg::of(RSP), rbp_offset = reg::of(RBP), rax_offset = reg::of(RAX),
             rdx_offset = reg::of(RDX);

u32 masked(s32 immediate, unsigned size) {
  const u32 value = static_cast<u32>(immediate);
  return size == 1 ? value & 0xff : size == 2 ? value & 0xffff : value;
}
// As the assembler wants immediates of arithmetic.
u32 signed_immediate(s32 immediate, unsigned size) {
  return size == 1   ? static_cast<u8>(immediate)
         : size == 2 ? static_cast<u32>(static_cast<s16>(immediate))
                     : static_cast<u32>(immediate);
}
}  // namespace

Assembler::Assembler(CodeMemory memory)
    : CodeGenerator(memory.bytes(), memory.writable()), memory_(std::move(memory)) {}

// -- Places.

void Assembler::patch(u32 site, u32 target) {
  const s32 distance = static_cast<s32>(target) - static_cast<s32>(site + 4);
  std::memcpy(memory_.writable() + site, &distance, 4);
}
u32 Assembler::jump(u32 target) {
  db(0xe9);
  dd(0);
  patch(here() - 4, target);
  return here() - 4;
}
u32 Assembler::jump_if(unsigned condition, u32 target) {
  db(0x0f);
  db(static_cast<int>(0x80 | condition));
  dd(0);
  patch(here() - 4, target);
  return here() - 4;
}
void Assembler::call_host(const void* function) {
  const s64 distance = reinterpret_cast<const u8*>(function) - (executable(here()) + 5);
  if (distance == static_cast<s32>(distance)) {
    db(0xe8);
    dd(static_cast<u32>(distance));
  } else {
    mov(rax, reinterpret_cast<u64>(function));
    call(rax);
  }
}
void Assembler::call_handler(const Op& op) {
  mov(rsi, reinterpret_cast<u64>(&op));
  mov(rdi, rbx);
  call_host(reinterpret_cast<const void*>(op.handler));
}

// -- Operands.

Xbyak::Reg Assembler::sized(Number number, unsigned size) {
  switch (size) {
    case 1: return Xbyak::Reg8(number, number >= 4 && number < 8);
    case 2: return Xbyak::Reg16(number);
    case 4: return Xbyak::Reg32(number);
    default: return Xbyak::Reg64(number);
  }
}
Xbyak::Address Assembler::at(const Xbyak::RegExp& place, unsigned size) const {
  switch (size) {
    case 1: return byte[place];
    case 2: return word[place];
    case 4: return dword[place];
    default: return qword[place];
  }
}
Xbyak::Address Assembler::in_cpu(unsigned offset, unsigned size) const { return at(rbx + offset, size); }

void Assembler::load(Number to, const Xbyak::RegExp& from, unsigned size) {
  if (size <= 2)
    movzx(Xbyak::Reg32(to), at(from, size));
  else
    mov(sized(to, size), at(from, size));
}
void Assembler::load_gpr(Number to, u8 offset, unsigned size) { load(to, rbx + offset, size); }
void Assembler::store_gpr(u8 offset, Number from, unsigned size) {
  mov(in_cpu(offset, size == 4 ? 8 : size), sized(from, size == 4 ? 8 : size));
}
void Assembler::extend(Number to, Number from, unsigned size) {
  const Xbyak::Reg64 wide(to);
  switch (size) {
    case 1: movsx(wide, sized(from, 1)); break;
    case 2: movsx(wide, sized(from, 2)); break;
    case 4: movsxd(wide, Xbyak::Reg32(from)); break;
    default: mov(wide, Xbyak::Reg64(from));
  }
}

// rdx = the address of the memory operand.
void Assembler::linear_address(const Op& op) {
  const bool base = op.base != reg::zero, index = op.index != reg::zero;
  const s64 disp = op.disp;
  if (base && index) {
    mov(rdx, in_cpu(op.base, 8));
    mov(rax, in_cpu(op.index, 8));
    lea(rdx, ptr[rdx + rax * (1 << op.scale) + static_cast<u64>(disp)]);
  } else if (index) {
    mov(rdx, in_cpu(op.index, 8));
    if (op.scale) shl(rdx, op.scale);
    if (disp) add(rdx, static_cast<u32>(op.disp));
  } else if (base) {
    mov(rdx, in_cpu(op.base, 8));
    if (disp) add(rdx, static_cast<u32>(op.disp));
  } else {
    mov(rdx, static_cast<u64>(disp));
  }
}

void Assembler::miss_here() {
  Cold& cold = cold_.back();
  cold.sites[cold.count++] = jump_if(host_nz);
}

// Of the `size` bytes at rdx: a miss goes to the handler. Leaves the addend in rax; clobbers rcx.
void Assembler::check(Use use, unsigned size) {
  const unsigned view = use == Use::read ? offsetof(TlbView, read) : offsetof(TlbView, write);
  if (size > 1)
    lea(rcx, ptr[rdx + (size - 1)]);
  else
    mov(rcx, rdx);
  mov(eax, edx);
  shr(eax, 8);
  and_(eax, (tlb_entries - 1) * sizeof(TlbEntry));
  and_(rcx, static_cast<u32>(-static_cast<s32>(page_bytes)));
  cmp(rcx, qword[r12 + rax + view]);
  miss_here();
  mov(rax, qword[r12 + rax + (view + 8)]);
}

// r8: a target.
void Assembler::miss_if_not_canonical() {
  mov(rcx, r8);
  shl(rcx, 16);
  sar(rcx, 16);
  cmp(rcx, r8);
  miss_here();
}

// -- Flags.

// The host's flags are those of an arithmetic operation with this result. Clobbers rax and rsi.
void Assembler::save_arithmetic(Number result, unsigned size) {
  extend(n_si, result, size);
  lahf();
  seto(al);
  mov(in_cpu(cpu_offset::result, 8), rsi);
  and_(eax, 0x1101);
  movzx(eax, byte[r15 + rax]);
  mov(in_cpu(cpu_offset::aux, 4), eax);
}
void Assembler::save_logic(Number result, unsigned size) {
  extend(n_si, result, size);
  mov(in_cpu(cpu_offset::result, 8), rsi);
  mov(in_cpu(cpu_offset::aux, 4), 0);
}
// CF = the guest's.
void Assembler::restore_carry() { bt(in_cpu(cpu_offset::aux, 4), 1); }

unsigned Assembler::test_condition(Condition condition) {
  using What = Fresh::What;
  const unsigned number = static_cast<unsigned>(condition);
  const bool by_result = condition == Condition::Z || condition == Condition::NZ ||
                         condition == Condition::S || condition == Condition::NS;
  const Fresh f = fresh_;
  fresh_ = Fresh();
  if (f.what == What::compared || f.what == What::logic || (f.what == What::result && by_result)) {
    if (f.what == What::compared && f.by_immediate)
      cmp(sized(n_cx, f.size), signed_immediate(f.immediate, f.size));
    else if (f.what == What::compared)
      cmp(sized(n_cx, f.size), sized(9, f.size));
    else
      test(sized(n_cx, f.size), sized(n_cx, f.size));
    if (f.cold >= 0) {
      cold_[static_cast<unsigned>(f.cold)].resume = here();
      cold_[static_cast<unsigned>(f.cold)].with_flags = true;
    }
    return number;
  }
  const unsigned negated = number & 1;
  const Xbyak::Address aux = in_cpu(cpu_offset::aux, 4);
  const Xbyak::Address high_result = dword[rbx + (cpu_offset::result + 4)];
  switch (static_cast<Condition>(number & ~1u)) {
    case Condition::O:  // parity of the two carries is odd
      mov(eax, aux);
      lea(ecx, ptr[rax + rax]);
      xor_(eax, ecx);
      test(eax, 2);
      return host_nz ^ negated;
    case Condition::B: test(byte[rbx + cpu_offset::aux], LazyFlags::carry_out); return host_nz ^ negated;
    case Condition::Z: cmp(in_cpu(cpu_offset::result, 8), 0); return number;
    case Condition::BE:
      mov(eax, aux);
      cmp(in_cpu(cpu_offset::result, 8), 1);
      sbb(ecx, ecx);
      and_(eax, LazyFlags::carry_out);
      or_(eax, ecx);
      return host_nz ^ negated;
    case Condition::S:
      mov(eax, aux);
      shl(eax, 15);
      xor_(eax, high_result);
      return host_s ^ negated;
    case Condition::P:
      mov(al, byte[rbx + cpu_offset::result]);
      xor_(al, byte[rbx + (cpu_offset::aux + 1)]);
      return number;
    default: break;
  }
  // L: the sign bit of (SF ^ OF); LE: or all ones if the result is 0.
  mov(eax, aux);
  lea(ecx, ptr[rax + rax]);
  xor_(ecx, eax);
  shl(ecx, 30);
  shl(eax, 15);
  xor_(eax, ecx);
  xor_(eax, high_result);
  if (static_cast<Condition>(number & ~1u) == Condition::LE) {
    cmp(in_cpu(cpu_offset::result, 8), 1);
    sbb(ecx, ecx);
    or_(eax, ecx);
  }
  return host_s ^ negated;
}

// -- Operations.

void Assembler::inline_plain(const Op& op, const Shape& shape, bool flags_needed) {
  // fresh_ still tells of the operation before, for `conditional`.
  const Fresh before = fresh_;
  fresh_ = Fresh();
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
      return;
    case Inline::lea:
      linear_address(op);
      if (size == 4) mov(edx, edx);
      store_gpr(op.r0, n_dx, size);
      return;
    case Inline::xchg:
      load_gpr(n_cx, op.r0, size);
      load_gpr(9, op.r1, size);
      store_gpr(op.r0, 9, size);
      store_gpr(op.r1, n_cx, size);
      return;
    case Inline::bswap:
      load_gpr(n_cx, op.r0, size);
      bswap(size == 8 ? Xbyak::Reg32e(rcx) : Xbyak::Reg32e(ecx));
      store_gpr(op.r0, n_cx, size);
      return;
    case Inline::movzx:
    case Inline::movsx: {
      const bool sign = shape.what == Inline::movsx;
      Xbyak::RegExp source = rbx + op.r1;
      if (shape.form == Form::RM) {
        linear_address(op);
        check(Use::read, shape.source_size);
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
      linear_address(op);
      check(Use::read, size);
      load(n_cx, rdx + rax, size);
      store_gpr(op.r0, n_cx, size);
      return;
    case Form::MR:
      linear_address(op);
      check(Use::write, size);
      load_gpr(n_cx, op.r1, size);
      mov(at(rdx + rax, size), sized(n_cx, size));
      return;
    case Form::MI:
      linear_address(op);
      check(Use::write, size);
      if (size == 8)
        mov(qword[rdx + rax], static_cast<u64>(static_cast<s64>(op.imm)));
      else
        mov(at(rdx + rax, size), masked(op.imm, size));
      return;
    default: load_gpr(n_cx, op.r1, size); store_gpr(op.r0, n_cx, size);
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
    linear_address(op);
    check(to_memory && !reads_only ? Use::write : Use::read, size);
  }
  if (shape.form == Form::RM) {
    load(9, rdx + rax, size);
    load_gpr(n_cx, op.r0, size);
  } else if (to_memory) {
    if (!reads_only) lea(r10, ptr[rdx + rax]);
    load(n_cx, rdx + rax, size);
    if (!immediate) load_gpr(9, op.r1, size);
  } else {
    load_gpr(n_cx, op.r0, size);
    if (!immediate) load_gpr(9, op.r1, size);
  }
  const auto commit = [&](Number from) {
    if (reads_only) return;
    if (to_memory)
      mov(at(r10, size), sized(from, size));
    else
      store_gpr(op.r0, from, size);
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
    linear_address(op);
    check(Use::write, size);
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
  if (shape.memory)
    mov(at(r10, size), a);
  else
    store_gpr(op.r0, n_cx, size);
}

void Assembler::shift(const Op& op, const Shape& shape, bool flags_needed) {
  const unsigned size = shape.size;
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
  if (flags_needed) {
    fresh_.what = Fresh::What::result;
    fresh_.size = static_cast<u8>(size);
  }
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
    linear_address(op);
    check(Use::read, size);
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
}

void Assembler::conditional(const Op& op, const Shape& shape) {
  const unsigned size = shape.size;
  if (shape.memory) {
    // The condition's test would clobber the address: the address first, and the test of stored flags.
    fresh_ = Fresh();
    linear_address(op);
    check(shape.what == Inline::set ? Use::write : Use::read, size);
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
  mov(r8, in_cpu(reg::rip_base, 8));
  add(r8, op.offset + op.length);
  push_r8();
}

void Assembler::inline_indirect(const Op& op, const Shape& shape) {
  fresh_ = Fresh();
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
    linear_address(op);
    check(Use::read, 8);
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
