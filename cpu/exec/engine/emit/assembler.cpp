// Owns the parts of emitted operations: places and jumps, operands, the TLB check, flags.
#include "cpu/exec/core/dispatch.h"

#if RINGSIDE_EMITTED_DISPATCH
#include "cpu/exec/engine/emit/assembler.h"
#include "cpu/exec/engine/emit/host_names.h"

namespace ringside {

using namespace host_names;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
namespace cpu_offset {
const unsigned result = offsetof(Cpu, flags) + offsetof(LazyFlags, result);
const unsigned aux = offsetof(Cpu, flags) + offsetof(LazyFlags, aux);
const unsigned budget = offsetof(Cpu, budget);
const unsigned data = offsetof(Cpu, data);
const unsigned rip = offsetof(Cpu, rip);
const unsigned chain_end = offsetof(Cpu, chain_end);
const unsigned cr0 = offsetof(Cpu, cr0);
const unsigned cr4 = offsetof(Cpu, cr4);
const unsigned xcr0 = offsetof(Cpu, xcr0);
const unsigned xmm = offsetof(Cpu, vector) + offsetof(VectorState, xmm);
const unsigned upper = offsetof(Cpu, vector) + offsetof(VectorState, upper);
const unsigned mxcsr = offsetof(Cpu, vector) + offsetof(VectorState, mxcsr);
const unsigned segment = offsetof(Cpu, segment);
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
  kept_ = found_ = Kept();
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
  if (to == found_.number) found_ = Kept();
  if (size <= 2)
    movzx(Xbyak::Reg32(to), at(from, size));
  else
    mov(sized(to, size), at(from, size));
}
void Assembler::load_gpr(Number to, u8 offset, unsigned size) {
  if (offset != found_.offset || size < 4) return load(to, rbx + offset, size);
  if (to == found_.number && size >= found_.size) return;
  mov(sized(to, size), sized(found_.number, size));
  if (to == found_.number) found_ = Kept();
}
void Assembler::keep(u8 offset, Number number, unsigned size) {
  if (size >= 4) kept_ = {offset, number, static_cast<u8>(size)};
}
// The register that has the guest's, loaded if need be.
Xbyak::Reg64 Assembler::base_in(Number scratch, u8 offset) {
  if (offset == found_.offset) return Xbyak::Reg64(found_.number);
  load_gpr(scratch, offset, 8);
  return Xbyak::Reg64(scratch);
}
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

// rdx = the offset of the memory operand in its segment.
void Assembler::offset(const Op& op) {
  const bool base = op.base != reg::zero, index = op.index != reg::zero;
  const s64 disp = op.disp;
  if (base && index) {
    // Out of the way of the base.
    if (op.index == found_.offset && found_.number == n_dx && op.base != op.index) {
      mov(rax, rdx);
      found_.number = n_ax;
    }
    const Xbyak::Reg64 second = base_in(n_ax, op.index);
    const Xbyak::Reg64 first = base_in(n_dx, op.base);
    lea(rdx, ptr[first + second * (1 << op.scale) + static_cast<u64>(disp)]);
  } else if (index) {
    lea(rdx, ptr[base_in(n_dx, op.index) * (1 << op.scale) + static_cast<u64>(disp)]);
  } else if (base) {
    const Xbyak::Reg64 first = base_in(n_dx, op.base);
    if (first.getIdx() != n_dx || disp) lea(rdx, ptr[first + static_cast<u64>(disp)]);
  } else {
    mov(rdx, static_cast<u64>(disp));
  }
  found_ = Kept();  // what follows needs the registers
}

void Assembler::miss_if(unsigned condition) { miss_at(jump_if(condition)); }
void Assembler::miss_at(u32 site) {
  Cold& cold = aside_ < 0 ? cold_.back() : cold_[static_cast<unsigned>(aside_)];
  cold.sites[cold.count++] = site;
}

// rdx = the linear address of the memory operand, rax = its addend, with all checks; clobbers rcx.
void Assembler::locate(const Op& op, const Shape& shape, Use use, unsigned size) {
  offset(op);
  const unsigned segment = cpu_offset::segment + op.seg * static_cast<unsigned>(sizeof(Segment));
  if (shape.addressing == Addressing::based) {
    if (op.attrs & OpAttr::address32) mov(edx, edx);
    if (op.seg >= FS) add(rdx, in_cpu(segment + offsetof(Segment, base), 8));
  } else if (shape.addressing == Addressing::segment) {
    const bool read = use == Use::read;
    if (op.attrs & OpAttr::address16)
      movzx(edx, dx);
    else
      mov(edx, edx);
    cmp(edx, in_cpu(segment + (read ? offsetof(Segment, read_low) : offsetof(Segment, write_low)), 4));
    miss_if(host_b);
    lea(rcx, ptr[rdx + (size - 1)]);
    mov(eax, in_cpu(segment + (read ? offsetof(Segment, read_high) : offsetof(Segment, write_high)), 4));
    cmp(rcx, rax);
    miss_if(host_a);
    add(edx, in_cpu(segment + offsetof(Segment, base), 4));
  }
  if (shape.aligned) {
    test(dl, shape.length - 1);
    miss_if(host_nz);
  }
  check(use, size);
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
  miss_if(host_nz);
  mov(rax, qword[r12 + rax + (view + 8)]);
}

// r8: a target.
void Assembler::miss_if_not_canonical() {
  mov(rcx, r8);
  shl(rcx, 16);
  sar(rcx, 16);
  cmp(rcx, r8);
  miss_if(host_nz);
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

}  // namespace ringside
#endif
