// Owns the run loop: blocks through the dispatcher, single instructions where exactness asks for them, and
// the ways out of both.
#include "cpu/exec/engine/run.h"

#include "cpu/exec/core/alone.h"
#include "cpu/exec/core/dispatch.h"
#include "cpu/exec/core/last_branches.h"
#include "cpu/exec/engine/block_cache.h"
#include "cpu/exec/events/events.h"
#include "cpu/exec/guest/instruction_boundary.h"
#include "cpu/exec/guest/vm_exit.h"
#include "cpu/state/observer.h"
#include "vmx/vmx.h"

namespace ringside {

namespace {

// A tag that no entry of the jump cache has, not even an empty one: no jump leads into a block.
constexpr u64 no_tag = ~u64{0};

const Op* run_exit(Cpu&, const Op*) { return nullptr; }
const Op* run_stop(Cpu& cpu, const Op* op) {
  cpu.rip = (cpu.rip_base + op->offset) & cpu.mode.rip_mask;
  cpu.chain_end = ChainEnd::boundary;
  return nullptr;
}

void dispatch(Cpu& cpu, const Op* op) {
#if RINGSIDE_TAIL_CALLS
  op->handler(cpu, op);
#else
  while (op) op = op->handler(cpu, op);
#endif
}

// Runs a block, which has been charged, and those after it.
void run_chain(Cpu& cpu, const Block& block) {
  const Emitter* emitter = cpu.engine->cache->emitter();
  if (!emitter) return dispatch(cpu, block.ops);
  if (block.code) return emitter->run(cpu, block);
  // A block without emitted code (its code segment has a limit, it is observed, or it has not run before)
  // runs by its handlers. No jump finds another block then, so that the run loop is asked again after it.
  cpu.engine->tag = no_tag;
  dispatch(cpu, block.ops);
}

// The instruction did not happen: it faulted, or a VM exit comes in its place.
bool undone(const Cpu& cpu) { return cpu.chain_end == ChainEnd::fault || cpu.chain_end == ChainEnd::exit; }

// Runs a copy of one record with cpu.alone set, so that it may touch devices and running code. The
// instruction is charged. cpu.chain_end says how it ended.
void run_alone(Cpu& cpu, const Op* op) {
  Engine& engine = *cpu.engine;
  engine.solo[0] = *op;
  engine.solo[0].left = 1;
  const bool plain = op->row == Decoder::no_row || rows()[op->row].kind == Kind::plain;
  if (plain) {
    engine.solo[1] = Op();
    engine.solo[1].handler = run_stop;
    engine.solo[1].offset = static_cast<u16>(op->offset + op->length);
  } else {
    new (&engine.solo[1]) LinkSlots();
  }
  engine.tag = no_tag;
  engine.link = nullptr;
  engine.solo_jumped = false;
  const u64 pending_debug = cpu.pending_debug;
  cpu.budget -= 1;
  {
    const Alone alone(cpu);
    dispatch(cpu, &engine.solo[0]);
  }
  engine.solo_jumped |= engine.link != nullptr && engine.link_number == 1;
  engine.link = nullptr;
  if (cpu.chain_end == ChainEnd::miss) cpu.chain_end = ChainEnd::boundary;
  // Data breakpoints of an instruction that did not happen were not met.
  if (undone(cpu)) cpu.pending_debug = pending_debug;
}

// As run_alone, with all that surrounds an instruction when somebody watches: breakpoints, single step,
// shadows, branch records.
void run_observed(Cpu& cpu, const Op* op) {
  const bool trap_flag = cpu.flag(Eflags::TF);
  const u8 shadow = cpu.interrupt_shadow;
  if (!check_instruction_breakpoint(cpu)) {
    cpu.chain_end = ChainEnd::fault;
    return;
  }
  // What surrounded a VMLAUNCH was the host's; the guest begins with what the VM entry gave it.
  const u64 transitions = cpu.vmx ? cpu.vmx->transitions : 0;
  run_alone(cpu, op);
  if (cpu.vmx && cpu.vmx->transitions != transitions) return;
  if (cpu.chain_end != ChainEnd::boundary) return;
  if (records_branches(cpu)) {
    if (const Branch taken = branch_taken(cpu); taken != Branch::no_branch)
      record_branch(cpu, taken, cpu.instruction_rip(cpu.engine->solo[0]), cpu.rip);
  }
  after_alone(cpu, trap_flag, shadow);
}

void conclude_undone(Cpu& cpu) {
  // A delivery counts as one instruction, so that a guest that only faults still sees time pass; so does an
  // exit.
  cpu.budget -= 1;
  if (cpu.chain_end == ChainEnd::exit)
    take_requested_exit(cpu);
  else
    take_exit_of(cpu, deliver_fault(cpu));
}

// One instruction at a time from the block's start until the budget ends, something happens, or the block
// does.
void run_singly(Cpu& cpu, Block* block, u64 linear) {
  cpu.rip_base = cpu.rip - (linear & 0xfff);
  for (unsigned i = 0; i < block->count && cpu.budget > 0; ++i) {
    run_observed(cpu, &block->ops[i]);
    if (undone(cpu)) return conclude_undone(cpu);
    if (cpu.chain_end == ChainEnd::alone || cpu.attention || block->dead || block->stale) return;
    // The next record is the next instruction only if this one did not stay or jump.
    if (cpu.rip != cpu.following_rip(block->ops[i])) return;
  }
}

Block* cached(Cpu& cpu, u64 linear) {
  const JumpEntry& entry = cpu.engine->jumps[jump_index(linear)];
  const bool hit =
      entry.linear == linear && entry.tag == cpu.engine->tag && !entry.block->dead && !cpu.mode.limited;
  return hit ? entry.block : nullptr;
}

// Finds the block at cpu.rip and puts it where it will be looked for.
Block* find_block(Cpu& cpu, u64 linear) {
  Engine& engine = *cpu.engine;
  if (Block* block = cached(cpu, linear); block && (!block->stale || engine.cache->renew(cpu, *block)))
    return block;
  Block* block = engine.cache->find(cpu);
  if (!block) return nullptr;
  if (!block->transient && !block->crosses && !cpu.mode.limited && !block->observed) {
    refresh(cpu);  // the fetch may have changed the epoch
    if (block->code || !engine.cache->emitter())
      engine.jumps[jump_index(linear)] = {linear, engine.tag, block, block->code};
  }
  return block;
}

void step(Cpu& cpu) {
  Engine& engine = *cpu.engine;
  refresh(cpu);
  const u64 linear = (engine.code_base + cpu.rip) & engine.code_mask;
  Block* block = find_block(cpu, linear);
  LinkSlots* const link = engine.link;  // not before: finding may flush the cache, and the slots with it
  engine.link = nullptr;
  if (!block) {
    engine.undone = nullptr;
    return conclude_undone(cpu);
  }

  if (block->observed && cpu.observers) [[unlikely]] {
    const HostPhys physical = block->start;
    if (cpu.observers.any([&](CpuObserver& o) { return o.stops_before(cpu, LinAddr(linear), physical); }))
      return end_run_at(cpu, 0);
  }
  if (cpu.attention || block->count > cpu.budget) return run_singly(cpu, block, linear);
  engine.cache->will_run(cpu, *block);
  if (link && cpu.chain_end == ChainEnd::miss) engine.cache->link(link, engine.link_number, block);
  cpu.rip_base = cpu.rip - (linear & 0xfff);
  cpu.budget -= block->count;
  run_chain(cpu, *block);
  switch (cpu.chain_end) {
    case ChainEnd::fault:
    case ChainEnd::exit: engine.link = nullptr; return conclude_undone(cpu);
    case ChainEnd::alone:
      engine.link = nullptr;
      if (cpu.budget > 0) {
        run_alone(cpu, engine.undone);
        if (undone(cpu))
          conclude_undone(cpu);
        else if (cpu.pending_debug)
          cpu.attention |= Attention::trap;
      }
      return;
    case ChainEnd::miss: return;
    case ChainEnd::boundary:
    case ChainEnd::budget: engine.link = nullptr; return;
  }
}

}  // namespace

u64 run(Cpu& cpu, u64 instructions) {
  Engine& engine = *cpu.engine;
  if (!engine.exit.op.handler) engine.exit.op.handler = run_exit;
  const s64 start = engine.horizon;
  engine.horizon = start + static_cast<s64>(instructions);
  cpu.budget = static_cast<s64>(instructions);
  cpu.chain_end = ChainEnd::boundary;
  engine.link = nullptr;
  while (cpu.budget > 0) {
    if (cpu.attention) {
      engine.link = nullptr;
      if (!service_boundary(cpu)) break;
      if (cpu.budget <= 0) break;
    }
    step(cpu);
  }
  engine.horizon -= cpu.budget;
  cpu.budget = 0;
  return static_cast<u64>(engine.horizon - start);
}

}  // namespace ringside
