// Owns the code of whole blocks: entry, ways out, branches and links.
#include "cpu/exec/engine/emit/emitter.h"

#include "cpu/exec/core/dispatch.h"

#if RINGSIDE_EMITTED_DISPATCH
#include "cpu/decode/lower.h"
#include "cpu/exec/engine/emit/assembler.h"
#include "cpu/exec/sse/soft_float.h"

namespace ringside {
namespace {

constexpr std::size_t code_bytes = 32u << 20;
constexpr std::size_t most_block_bytes = 64u << 10;
constexpr unsigned most_operations = 64;
// As many operations on scalars are worth a load and a store of the host's MXCSR.
constexpr unsigned worthwhile_numbers = 3;

// What code calls on its ways out. All return to the stub that goes back to the run loop.
template <unsigned slot>
void link_missing(Cpu& cpu, const Op* op) {
  LinkSlots* links = const_cast<LinkSlots*>(reinterpret_cast<const LinkSlots*>(op + 1));
  cpu.engine->link = links;
  cpu.engine->link_number = slot;
  const u64 offset = slot ? target_offset(op) : op->offset + op->length;
  end_chain(cpu, (cpu.rip_base + offset) & cpu.mode.rip_mask, ChainEnd::miss);
}
void end_over_budget(Cpu& cpu, const Op* op) {
  cpu.budget += op->left;
  end_chain(cpu, cpu.instruction_rip(*op), ChainEnd::budget);
}
void end_dropped(Cpu& cpu, const Op* op) { end_chain(cpu, cpu.instruction_rip(*op), ChainEnd::miss); }
// An operation of a block that has been charged, and the rest of the block, by handlers. The operation of the
// block that runs next, or nullptr when the chain has ended.
const Op* run_rest(Cpu& cpu, const Op* op) {
  for (;;) {
    const Handler handler = op->handler;
    const Op* const next = handler(cpu, op);
    // It is the same operation again if the block was stale; or a jump to itself, which is charged.
    const bool again = next == op && op->handler != handler;
    if (next != op + 1 && !again) return next;
    op = next;
  }
}
// An unstable block, which has been charged. The operation of the block that runs next, or what ends the
// chain.
constexpr u32 runs_until_stable = 256;
const Op* run_unstable(Cpu& cpu, const Op* op, UnstableBlocks& blocks) {
  BlockHead& head = reinterpret_cast<BlockHead*>(const_cast<Op*>(op))[-1];
  if (++head.runs == runs_until_stable && !head.block->stale) blocks.make_stable(*head.block);
  return run_rest(cpu, op);
}
// An operation of kind boundary has come back. Where to go on, as the run loop would if it were asked: `code`
// charges its block itself; nullptr: the run loop has to be asked.
struct GoOn {
  const void* code;
  u64 tag;
};
GoOn after_boundary(Cpu& cpu) {
  if (cpu.chain_end != ChainEnd::boundary || cpu.attention || cpu.budget <= 0 || cpu.mode.limited)
    return {nullptr, 0};
  refresh(cpu);
  const Engine& engine = *cpu.engine;
  const u64 linear = (engine.code_base + cpu.rip) & engine.code_mask;
  const JumpEntry& entry = engine.jumps[jump_index(linear)];
  if (entry.linear != linear || entry.tag != engine.tag) return {nullptr, 0};
  cpu.rip_base = cpu.rip - (linear & 0xfff);
  return {entry.code, engine.tag};
}
u64 flags_image(Cpu& cpu) { return cpu.flags.image() | Eflags::reserved_one | Eflags::IF; }

template <class Function>
const void* address_of(Function* function) {
  return reinterpret_cast<const void*>(function);
}

}  // namespace

struct Emitter::Impl : Assembler {
  Impl(CodeMemory memory, UnstableBlocks& blocks) : Assembler(std::move(memory)) { make_stubs(blocks); }

  using RunCode = void (*)(Cpu*, const void* code, TlbView*, JumpEntry*, u64 tag);
  RunCode run_code = nullptr;
  u32 to_run_loop = 0, over_budget = 0, unstable = 0, dropped = 0, charged_dropped = 0, jump_missing = 0,
      rest = 0;
  u32 missing[2] = {0, 0};
  u32 stubs_end = 0;

  void make_stubs(UnstableBlocks& blocks);
  void stub(u32& place, const void* function);
  void emit(Block& block, const Cpu::Mode& mode);
  void emit_unstable(Block& block);
  u32 charge(const Block& block);
  void finish(Block& block, u32 start, u32 over, u32 charged);
  void branch(const Op& op, const Shape& shape, LinkSlots& links);
  void end_by_handler(const Op& op);
  void successor(const Op& op, unsigned slot, bool same_page, u64 offset, LinkSlots& links);
  void follow_jump();
  void cold_paths();

  struct Missing {
    u32 site;
    const Op* op;
    unsigned slot;
    LinkSlots* links;
  };
  std::vector<Missing> missing_;
  struct CrossPage {
    u32 site;
    u64 offset;
  };
  std::vector<CrossPage> cross_page_;
  struct Unmasked {
    u32 site;
    const Op* op;
  };
  std::vector<Unmasked> unmasked_;
  bool bits64_ = false;
};

// rsi: an operation.
void Emitter::Impl::stub(u32& place, const void* function) {
  place = here();
  mov(rdi, rbx);
  call_host(function);
  jump(to_run_loop);
}

void Emitter::Impl::make_stubs(UnstableBlocks& blocks) {
  run_code = reinterpret_cast<RunCode>(reinterpret_cast<u64>(executable(here())));
  const Xbyak::Reg64 saved[] = {rbx, rbp, r12, r13, r14, r15};
  for (const auto& r : saved) push(r);
  sub(rsp, 8);
  mov(rbx, rdi);
  mov(r12, rdx);
  mov(r13, rcx);
  mov(r14, r8);
  mov(r15, reinterpret_cast<u64>(aux_of_flags.data()));
  jmp(rsi);
  to_run_loop = here();
  add(rsp, 8);
  for (unsigned n = std::size(saved); n-- > 0;) pop(saved[n]);
  ret();
  stub(missing[0], address_of(link_missing<0>));
  stub(missing[1], address_of(link_missing<1>));
  stub(over_budget, address_of(end_over_budget));
  stub(dropped, address_of(end_dropped));
  unstable = here();
  mov(rdi, rbx);
  mov(rdx, reinterpret_cast<u64>(&blocks));
  call_host(address_of(run_unstable));
  test(rax, rax);
  jump_if(4, to_run_loop);
  jmp(qword[rax - sizeof(BlockHead)]);
  rest = here();
  mov(rdi, rbx);
  call_host(address_of(run_rest));
  test(rax, rax);
  jump_if(4, to_run_loop);
  jmp(qword[rax - sizeof(BlockHead)]);
  default_mxcsr_ = here();
  dd(Mxcsr::initial);
  charged_dropped = here();
  mov(rsi, rax);
  jump(over_budget);
  jump_missing = here();
  mov(qword[rbx + cpu_offset::rip], r8);
  mov(byte[rbx + cpu_offset::chain_end], static_cast<int>(ChainEnd::miss));
  jump(to_run_loop);
  stubs_end = here();
}

// The site of the jump taken if the budget does not do.
u32 Emitter::Impl::charge(const Block& block) {
  sub(qword[rbx + cpu_offset::budget], block.count);
  return jump_if(8);
}

// Charges, then the operations, then the branch. Links' and misses' code follows out of the way.
void Emitter::Impl::emit(Block& block, const Cpu::Mode& mode) {
  if (block.unstable) return emit_unstable(block);
  cold_.clear();
  missing_.clear();
  cross_page_.clear();
  unmasked_.clear();
  fresh_ = Fresh();
  sse_ready_ = avx_ready_ = numbers_ = false;
  upper_clear_ = 0;
  kept_ = found_ = Kept();
  bits64_ = mode.bits64;
  const unsigned count = block.count;
  Shape shapes[most_operations];
  bool flags_needed[most_operations];
  unsigned numbers = 0;
  for (unsigned n = 0; n < count; ++n) {
    shapes[n] = shape_of(block.ops[n], mode);
    if (!can_write(shapes[n])) shapes[n] = Shape();
    const Numbers of = numbers_of(shapes[n]);
    numbers += of == Numbers::by_host ? worthwhile_numbers : of == Numbers::either ? 1 : 0;
  }
  const bool by_host = numbers >= worthwhile_numbers;
  // Flags that nobody sees are not stored: the next operation that sets them all can neither read them nor
  // end the block.
  bool needed = true;
  for (unsigned n = count; n-- > 0;) {
    flags_needed[n] = needed;
    if (!shapes[n].pure() || shapes[n].reads_flags)
      needed = true;
    else if (shapes[n].writes_flags)
      needed = false;
  }

  const u32 start = here();
  const u32 over = charge(block);
  const u32 charged = here();
  const Op& last = block.ops[count - 1];
  const Kind kind = last.row == Decoder::no_row ? Kind::boundary : rows()[last.row].kind;
  const bool ends_plain = kind == Kind::plain;
  LinkSlots& links = *reinterpret_cast<LinkSlots*>(block.ops + count + (ends_plain ? 1 : 0));
  for (unsigned n = 0; n + 1 < count || (n < count && ends_plain); ++n) {
    if (shapes[n].what == Inline::call_handler) {
      leave_numbers();
      call_handler(block.ops[n]);
      test(rax, rax);
      jump_if(4, to_run_loop);
      fresh_ = Fresh();
      upper_clear_ = 0;
      continue;
    }
    if (by_host && !numbers_ && numbers_of(shapes[n]) != Numbers::none)
      unmasked_.push_back({enter_numbers(), &block.ops[n]});
    if (shapes[n].memory) {
      cold_.emplace_back().op = &block.ops[n];
      cold_.back().numbers = numbers_;
    }
    inline_plain(block.ops[n], shapes[n], flags_needed[n]);
    if (!shapes[n].memory) continue;
    Cold& cold = cold_.back();
    cold.resume = here();
    if (!numbers_ && cold.count > cold.refused && numbers_of(shapes[n]) != Numbers::none) {
      cold.by_host = true;
      cold.shape = shapes[n];
      cold.flags_needed = flags_needed[n];
    }
    if (cold.count == 0) cold_.pop_back();
  }
  leave_numbers();
  if (ends_plain) {
    const Op& end = block.ops[count];
    successor(end, 0, end.offset < page_bytes, end.offset, links);
  } else if (kind == Kind::boundary) {
    end_by_handler(last);
  } else {
    branch(last, shapes[count - 1], links);
  }

  cold_paths();
  finish(block, start, over, charged);
}

void Emitter::Impl::emit_unstable(Block& block) {
  const u32 start = here();
  const u32 over = charge(block);
  const u32 charged = here();
  mov(rsi, reinterpret_cast<u64>(block.ops));
  jump(unstable);
  finish(block, start, over, charged);
}

void Emitter::Impl::finish(Block& block, u32 start, u32 over, u32 charged) {
  patch(over, here());
  mov(rsi, reinterpret_cast<u64>(block.ops));
  jump(over_budget);
  block.dropped_code = here();
  mov(rsi, reinterpret_cast<u64>(block.ops));
  jump(dropped);
  block.code = executable(start);
  reinterpret_cast<BlockHead*>(block.ops)[-1].charged_code = executable(charged);
}

// r8: the target in 64-bit mode, where it is the linear address.
void Emitter::Impl::follow_jump() {
  mov(rax, r8);
  shr(rax, 14);
  xor_(rax, r8);
  and_(eax, jump_entries - 1);
  shl(eax, 5);
  add(rax, r13);
  cmp(qword[rax + offsetof(JumpEntry, linear)], r8);
  jump_if(5, jump_missing);
  cmp(qword[rax + offsetof(JumpEntry, tag)], r14);
  jump_if(5, jump_missing);
  and_(r8, static_cast<u32>(-static_cast<s32>(page_bytes)));
  mov(qword[rbx + reg::rip_base], r8);
  jmp(qword[rax + offsetof(JumpEntry, code)]);
}

// A jump to a successor whose offset from rip_base is known.
void Emitter::Impl::successor(const Op& op, unsigned slot, bool same_page, u64 offset, LinkSlots& links) {
  if (same_page) {
    missing_.push_back({jump(), &op, slot, &links});
  } else if (bits64_) {
    mov(r8, qword[rbx + reg::rip_base]);
    add(r8, static_cast<u32>(offset));
    follow_jump();
  } else {
    call_handler(op);
    test(rax, rax);
    jump_if(4, to_run_loop);
    jmp(qword[rax - sizeof(BlockHead)]);
  }
}

// By its handler, which may have changed mode, privilege and translation.
void Emitter::Impl::end_by_handler(const Op& op) {
  call_handler(op);
  mov(rdi, rbx);
  call_host(address_of(after_boundary));
  test(rax, rax);
  jump_if(4, to_run_loop);
  mov(r12, qword[rbx + cpu_offset::data]);
  mov(r14, rdx);
  jmp(rax);
}

void Emitter::Impl::branch(const Op& op, const Shape& shape, LinkSlots& links) {
  const bool target_here = same_page(&op), next_here = op.offset + op.length < static_cast<int>(page_bytes);
  switch (shape.what) {
    case Inline::jump_if: {
      if (!bits64_ && !(target_here && next_here)) break;
      const unsigned host = test_condition(shape.condition);
      const u32 taken = jump_if(host);
      successor(op, 0, next_here, op.offset + op.length, links);
      if (target_here)
        missing_.push_back({taken, &op, 1, &links});
      else
        cross_page_.push_back({taken, target_offset(&op)});
      return;
    }
    case Inline::jump:
      if (!bits64_ && !target_here) break;
      successor(op, 1, target_here, target_offset(&op), links);
      return;
    case Inline::call:
      cold_.emplace_back().op = &op;
      cold_.back().branch = true;
      inline_call(op);
      successor(op, 1, target_here, target_offset(&op), links);
      return;
    case Inline::jump_to:
    case Inline::call_to:
    case Inline::ret:
    case Inline::ret_and_release:
      cold_.emplace_back().op = &op;
      cold_.back().branch = true;
      inline_indirect(op, shape);
      follow_jump();
      return;
    default: break;
  }
  // By its handler, which says where to go on.
  call_handler(op);
  test(rax, rax);
  jump_if(4, to_run_loop);
  jmp(qword[rax - sizeof(BlockHead)]);
}

void Emitter::Impl::cold_paths() {
  for (const CrossPage& cross : cross_page_) {
    patch(cross.site, here());
    mov(r8, qword[rbx + reg::rip_base]);
    add(r8, static_cast<u32>(cross.offset));
    follow_jump();
  }
  for (const Missing& m : missing_) {
    patch(m.site, here());
    m.links->site[m.slot] = m.site;
    m.links->unlinked[m.slot] = here();
    mov(rsi, reinterpret_cast<u64>(m.op));
    jump(missing[m.slot]);
  }
  for (const Unmasked& u : unmasked_) {
    patch(u.site, here());
    mov(rsi, reinterpret_cast<u64>(u.op));
    jump(rest);
  }
  for (unsigned which = 0; which < cold_.size(); ++which) {
    zero_aside(which);
    if (cold_[which].by_host) again_by_host(which);
    const Cold cold = cold_[which];
    for (unsigned n = 0; n < cold.count; ++n) patch(cold.sites[n], here());
    if (cold.numbers) store_mxcsr();
    call_handler(*cold.op);
    test(rax, rax);
    jump_if(4, to_run_loop);
    if (cold.numbers) load_mxcsr();
    if (cold.branch) {
      jmp(qword[rax - sizeof(BlockHead)]);
      continue;
    }
    if (cold.with_flags) {
      mov(rdi, rbx);
      call_host(address_of(flags_image));
      push(rax);
      popfq();
    }
    jump(cold.resume);
  }
}

std::unique_ptr<Emitter> Emitter::create(UnstableBlocks& blocks) {
  auto memory = CodeMemory::create(code_bytes, address_of(end_undone));
  if (!memory) return nullptr;
  return std::unique_ptr<Emitter>(new Emitter(std::make_unique<Impl>(std::move(*memory), blocks)));
}
Emitter::Emitter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Emitter::~Emitter() = default;

bool Emitter::room() const { return impl_->here() + most_block_bytes <= code_bytes; }
void Emitter::clear() { impl_->setSize(impl_->stubs_end); }
void Emitter::emit(Block& block, const Cpu::Mode& mode) { impl_->emit(block, mode); }

void Emitter::connect(LinkSlots& links, unsigned number, const Block& target) {
  if (links.site[number])
    impl_->patch(links.site[number],
                 static_cast<u32>(static_cast<const u8*>(target.code) - impl_->executable(0)));
}
void Emitter::disconnect(LinkSlots& links, unsigned number) {
  if (links.site[number]) impl_->patch(links.site[number], links.unlinked[number]);
}
void Emitter::drop(Block& block) {
  if (!block.code) return;
  // The first instruction becomes a jump: nobody is inside the block's entry while a block is dropped.
  const u32 start = static_cast<u32>(static_cast<const u8*>(block.code) - impl_->executable(0));
  impl_->memory_.writable()[start] = 0xe9;
  impl_->patch(start + 1, block.dropped_code);
  reinterpret_cast<BlockHead*>(block.ops)[-1].charged_code = impl_->executable(impl_->charged_dropped);
}

void Emitter::run(Cpu& cpu, const Block& block) const {
  const void* code = reinterpret_cast<const BlockHead*>(block.ops)[-1].charged_code;
  impl_->run_code(&cpu, code, cpu.data, cpu.engine->jumps.get(), cpu.engine->tag);
}
const void* Emitter::exit_code() const { return impl_->executable(impl_->to_run_loop); }

}  // namespace ringside
#else
namespace ringside {
struct Emitter::Impl {};
std::unique_ptr<Emitter> Emitter::create(UnstableBlocks&) { return nullptr; }
Emitter::Emitter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Emitter::~Emitter() = default;
bool Emitter::room() const { return true; }
void Emitter::clear() {}
void Emitter::emit(Block&, const Cpu::Mode&) {}
void Emitter::connect(LinkSlots&, unsigned, const Block&) {}
void Emitter::disconnect(LinkSlots&, unsigned) {}
void Emitter::drop(Block&) {}
void Emitter::run(Cpu&, const Block&) const {}
const void* Emitter::exit_code() const { return nullptr; }
}  // namespace ringside
#endif
