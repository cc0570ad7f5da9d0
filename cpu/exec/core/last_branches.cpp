// Owns the stack of last branch records: what is written to it, and what its filters leave out.
#include "cpu/exec/core/last_branches.h"

#include <algorithm>

#include "cpu/exec/core/block.h"

namespace ringside {
namespace {

using Format = LastBranches::Format;

struct Select {
  static constexpr u64 cpl_eq_0 = bit(0), cpl_neq_0 = bit(1), call_stack = bit(9);
};

// The bit of MSR_LBR_SELECT that leaves out branches of this sort.
u64 filter_of(Branch what) {
  switch (what) {
    case Branch::conditional: return bit(2);
    case Branch::near_relative_call: return bit(3);
    case Branch::near_indirect_call: return bit(4);
    case Branch::near_return: return bit(5);
    case Branch::near_indirect_jump: return bit(6);
    case Branch::near_relative_jump: return bit(7);
    case Branch::far:
    case Branch::far_if_overflow: return bit(8);
    case Branch::no_branch: break;
  }
  return ~u64{0};
}

// The upper bits of MSR_LASTBRANCH_x_FROM_IP that are no part of the offset: mispredicted, in a transaction,
// transaction aborted. None of them ever happens here.
u64 flags_of(Format format) {
  switch (format) {
    case Format::flags: return bit(63);
    case Format::transaction_flags: return bit_range(61, 63);
    case Format::information: break;
  }
  return 0;
}

u64 elapsed(Cpu& cpu) {
  constexpr u64 most = 0xffff;
  const u64 now = cpu.clock ? cpu.clock->now() : 0;
  const u64 ticks = now - cpu.msr.last_branch_time;
  cpu.msr.last_branch_time = now;
  return std::min(ticks, most);
}

void push(Cpu& cpu, const LastBranches& stack, u64 from, u64 to) {
  Cpu::Msrs& m = cpu.msr;
  m.last_branch_top = (m.last_branch_top + 1) & (stack.depth - 1u);
  m.last_branch_from[m.last_branch_top] = from & ~flags_of(stack.format);
  m.last_branch_to[m.last_branch_top] = to;
  m.last_branch_info[m.last_branch_top] = elapsed(cpu);
}

// A return takes away the record of its call.
void pop(Cpu& cpu, const LastBranches& stack) {
  Cpu::Msrs& m = cpu.msr;
  m.last_branch_from[m.last_branch_top] = m.last_branch_to[m.last_branch_top] = 0;
  m.last_branch_info[m.last_branch_top] = 0;
  m.last_branch_top = (m.last_branch_top - 1) & (stack.depth - 1u);
}

}  // namespace

Branch branch_taken(const Cpu& cpu) {
  const Op& op = cpu.engine->solo[0];
  if (op.row >= rows().size()) return Branch::no_branch;
  const RowInfo& row = rows()[op.row];
  const bool went = cpu.rip != cpu.following_rip(op);
  if (row.kind == Kind::conditional)
    return went || cpu.engine->solo_jumped ? Branch::conditional : Branch::no_branch;
  return row.branch == Branch::far_if_overflow && !went ? Branch::no_branch : row.branch;
}

void record_branch(Cpu& cpu, Branch what, u64 from, u64 to) {
  if (!cpu.model || cpu.model->last_branches.depth == 0) return;
  const LastBranches& stack = cpu.model->last_branches;
  const u64 select = cpu.msr.last_branch_select;
  if (select & (filter_of(what) | (cpu.cpl == 0 ? Select::cpl_eq_0 : Select::cpl_neq_0))) return;
  if (select & Select::call_stack) {
    if (what == Branch::near_return) return pop(cpu, stack);
    const bool calls_nothing =
        what == Branch::near_relative_call && to == cpu.following_rip(cpu.engine->solo[0]);
    if (calls_nothing) return;
  }
  push(cpu, stack, from, to);
}

void record_last_exception(Cpu& cpu) {
  const Cpu::Msrs& m = cpu.msr;
  const u64 top = m.last_branch_top & (Cpu::Msrs::most_last_branches - 1);
  cpu.msr.last_exception_from = m.last_branch_from[top];
  cpu.msr.last_exception_to = m.last_branch_to[top];
}

}  // namespace ringside
