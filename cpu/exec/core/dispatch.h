// Owns the reference dispatcher's wrappers: how a body is called and what runs after it.
#pragma once

#include "cpu/exec/core/block.h"

// The one configuration switch of the engine. On x86-64 handlers return to a loop, or to emitted code, which
// is the fast dispatcher there. Elsewhere: tail calls where the compiler guarantees them, a loop where not.
#if defined(__x86_64__)
#define RINGSIDE_EMITTED_DISPATCH 1
#else
#define RINGSIDE_EMITTED_DISPATCH 0
#endif
#if defined(__clang__) && !RINGSIDE_EMITTED_DISPATCH
#define RINGSIDE_TAIL_CALLS 1
#define TAIL(next)                                             \
  do {                                                         \
    const Op* const next_op = (next);                          \
    [[clang::musttail]] return next_op->handler(cpu, next_op); \
  } while (0)
#else
#define RINGSIDE_TAIL_CALLS 0
#define TAIL(next) return (next)
#endif

namespace ringside {

// A body returned false: nothing of the instruction was done. Gives back what the block was charged for it
// and for the instructions behind it.
[[gnu::cold, gnu::noinline]] const Op* end_undone(Cpu& cpu, const Op* op);
// Ends the chain because the next block, at `rip`, does not fit into the budget or is not known. Returns the
// record whose handler goes back to the run loop.
[[gnu::noinline]] const Op* end_chain(Cpu& cpu, u64 rip, ChainEnd why);

// These find the record that runs next; the wrapper continues there, with one indirect jump for each way out.
inline const Op* start_block(Cpu& cpu, const Block* block) {
  const s64 left = cpu.budget - block->count;
  if (left < 0) [[unlikely]]
    return end_chain(cpu, cpu.instruction_rip(block->ops[0]), ChainEnd::budget);
  cpu.budget = left;
  return block->ops;
}

// Successor inside the same page: rip_base stays.
template <unsigned slot>
inline const Op* follow_link(Cpu& cpu, const Op* op, u64 target_offset) {
  LinkSlots* links = const_cast<LinkSlots*>(reinterpret_cast<const LinkSlots*>(op + 1));
  const Block* block = links->target[slot];
  if (!block) [[unlikely]] {
    cpu.engine->link = links;
    cpu.engine->link_number = slot;
    return end_chain(cpu, (cpu.rip_base + target_offset) & cpu.mode.rip_mask, ChainEnd::miss);
  }
  return start_block(cpu, block);
}

// Successor anywhere, by the jump cache.
inline const Op* follow_jump(Cpu& cpu, u64 rip) {
  Engine& engine = *cpu.engine;
  const u64 linear = (engine.code_base + rip) & engine.code_mask;
  const JumpEntry& entry = engine.jumps[jump_index(linear)];
  if (entry.linear == linear && entry.tag == engine.tag) [[likely]] {
    const s64 left = cpu.budget - entry.block->count;
    if (left >= 0) [[likely]] {
      cpu.budget = left;
      cpu.rip_base = rip - (linear & 0xfff);
      return entry.block->ops;
    }
  }
  return end_chain(cpu, rip, ChainEnd::miss);
}

// Wrappers. `Body` is a captureless lambda or function object type.
template <class Body>
const Op* run_plain(Cpu& cpu, const Op* op) {
  if (!Body{}(cpu, *op)) [[unlikely]]
    return end_undone(cpu, op);
  TAIL(op + 1);
}

inline bool same_page(const Op* op) { return static_cast<u32>(op->imm) < page_bytes; }
inline u64 target_offset(const Op* op) { return static_cast<u64>(static_cast<s64>(op->imm)); }

template <class Body>
const Op* run_conditional(Cpu& cpu, const Op* op) {
  if (Body{}(cpu, *op)) {
    if (same_page(op)) [[likely]]
      TAIL(follow_link<1>(cpu, op, target_offset(op)));
    cpu.engine->solo_jumped = true;
    TAIL(follow_jump(cpu, (cpu.rip_base + target_offset(op)) & cpu.mode.rip_mask));
  }
  if (op->offset + op->length < static_cast<int>(page_bytes)) [[likely]]
    TAIL(follow_link<0>(cpu, op, op->offset + op->length));
  TAIL(follow_jump(cpu, cpu.following_rip(*op)));
}

template <class Body>
const Op* run_direct(Cpu& cpu, const Op* op) {
  if (!Body{}(cpu, *op)) [[unlikely]]
    return end_undone(cpu, op);
  if (same_page(op)) [[likely]]
    TAIL(follow_link<1>(cpu, op, target_offset(op)));
  TAIL(follow_jump(cpu, (cpu.rip_base + target_offset(op)) & cpu.mode.rip_mask));
}

template <class Body>
const Op* run_indirect(Cpu& cpu, const Op* op) {
  if (!Body{}(cpu, *op)) [[unlikely]]
    return end_undone(cpu, op);
  TAIL(follow_jump(cpu, cpu.next_rip));
}

template <class Body>
const Op* run_boundary(Cpu& cpu, const Op* op) {
  cpu.next_rip = cpu.following_rip(*op);
  if (!Body{}(cpu, *op)) [[unlikely]]
    return end_undone(cpu, op);
  cpu.rip = cpu.next_rip;
  cpu.chain_end = ChainEnd::boundary;
  return nullptr;
}

// Branches where the code segment has a limit to check or the operand size cuts the target (raises #GP(0) at
// the branch).
[[gnu::noinline]] bool check_branch_target(Cpu& cpu, const Op& op, u64& target);

template <class Body, Kind kind>
const Op* run_checked_branch(Cpu& cpu, const Op* op) {
  cpu.next_rip = cpu.following_rip(*op);
  u64 target = cpu.rip_base + target_offset(op);
  if constexpr (kind == Kind::conditional) {
    if (Body{}(cpu, *op)) {
      if (!check_branch_target(cpu, *op, target)) return end_undone(cpu, op);
      cpu.next_rip = target;
      cpu.engine->solo_jumped = true;
    }
  } else if constexpr (kind == Kind::direct) {
    if (!check_branch_target(cpu, *op, target) || !Body{}(cpu, *op)) return end_undone(cpu, op);
    cpu.next_rip = target;
  } else {
    // Bodies of kind indirect check the limit themselves before they change anything (branch_target_ok).
    if (!Body{}(cpu, *op)) return end_undone(cpu, op);
  }
  cpu.rip = cpu.next_rip;
  cpu.chain_end = ChainEnd::boundary;
  return nullptr;
}

template <class Body, Kind kind>
constexpr Handler wrapper() {
  if constexpr (kind == Kind::plain)
    return run_plain<Body>;
  else if constexpr (kind == Kind::conditional)
    return run_conditional<Body>;
  else if constexpr (kind == Kind::direct)
    return run_direct<Body>;
  else if constexpr (kind == Kind::indirect)
    return run_indirect<Body>;
  else
    return run_boundary<Body>;
}
template <class Body, Kind kind>
constexpr Handler checked_wrapper() {
  if constexpr (kind == Kind::conditional || kind == Kind::direct || kind == Kind::indirect)
    return run_checked_branch<Body, kind>;
  else
    return wrapper<Body, kind>();
}

}  // namespace ringside
