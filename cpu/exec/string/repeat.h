// Owns the repeated string instructions: runs of elements, cut so that interrupts come in between and that a
// fault finds the registers at the element that faults.
#pragma once

#include <algorithm>

#include "cpu/exec/string/strings.h"
#include "cpu/state/observer.h"
#include "vmx/vmx.h"

namespace ringside {

namespace strings {

// What rounds take beside the instruction's own tick: a tick for each element, a tick for each 16 bytes of
// memory that move, or the bus cycles of the port, which are spent where the port is accessed.
enum class Pace : u8 { element, block, port };

// Adds up to the same however a step is cut: blocks are counted where their ends are passed.
template <class T, Pace pace>
inline void spend_rounds(Cpu& cpu, u64 done, u64 index, bool down) {
  if constexpr (pace == Pace::port) return;
  constexpr unsigned block_shift = 4;
  const u64 bytes = done * sizeof(T), first = down ? index - bytes : index;
  const Ticks ticks =
      pace == Pace::element ? done : ((first + bytes) >> block_shift) - (first >> block_shift);
  if (ticks != 0 && cpu.clock) cpu.clock->spend(ticks);
}

enum class Uses : u8 { source = 1, destination = 2, both = 3 };

// Elements before a page or the address size ends, counted from one index register; at least 1.
template <class T>
inline u64 elements_in_reach(const Cpu& cpu, const Op& op, SegReg seg, GprNumber index) {
  const u64 mask = address_mask(op);
  const u64 offset = cpu.gpr[index] & mask;
  const u64 in_page = (offset + (unsegmented(cpu, seg) ? 0 : cpu.segment[seg].base)) % page_bytes;
  if (cpu.flag(Eflags::DF)) return std::min(in_page, offset) / sizeof(T) + 1;
  return std::max<u64>(std::min(page_bytes - in_page - 1, mask - offset) + 1, sizeof(T)) / sizeof(T);
}

// A repeated instruction goes by steps, each of which counts as one instruction. A step's length depends on
// addresses and the count alone, never on what the TLB or the block cache hold: so the instructions retired,
// which is time here, are the same in every run. A step cut short by an access that faults or wants to run
// alone is not charged; its rest will be.
enum class Step : u8 {
  nothing,   // it did not begin: a fault, or the way out that was asked for
  over,      // the instruction boundary follows
  unbroken,  // it moved memory and nothing else, and there is more to do
};

// Whether anything might want to know of the boundary between two steps.
inline bool boundary_matters(const Cpu& cpu) {
  return cpu.attention || cpu.pending_debug || cpu.alone || cpu.observers || cpu.budget <= 0;
}

// `bulk(n)`: does up to n elements at once and moves the index registers, or returns 0. `element()`: does
// one. `ends()`: asked after each element.
template <class T, Uses uses, Pace pace, class Bulk, class Element, class Ends>
inline Step repeat_step(Cpu& cpu, const Op& op, u64 count, bool by_rounds, Bulk bulk, Element element,
                        Ends ends) {
  const u64 mask = address_mask(op);
  const bool singly = cpu.flag(Eflags::TF) || (cpu.non_root && cpu.vmx->mtf_pending);
  u64 step = singly ? 1 : count;
  if constexpr (uses != Uses::destination)
    step = std::min(step, elements_in_reach<T>(cpu, op, source_segment(op), RSI));
  if constexpr (uses != Uses::source) step = std::min(step, elements_in_reach<T>(cpu, op, ES, RDI));
  const u32 attention = cpu.attention;
  const u64 index = cpu.gpr[RDI] & mask;
  u64 done = 0;
  bool ended = false, unbroken = !singly;
  while (done < step && !ended) {
    if (const u64 run = by_rounds ? 0 : bulk(step - done)) {
      done += run;
      continue;
    }
    unbroken = false;
    if (!element()) break;
    ++done;
    ended = ends();
    // A device that was touched, or a data breakpoint, asks for the boundary.
    if ((cpu.attention & ~attention) || cpu.pending_debug || by_rounds) break;
  }
  if (done == 0) return Step::nothing;
  spend_rounds<T, pace>(cpu, done, index, cpu.flag(Eflags::DF));
  set_by_address_size(cpu, RCX, mask, count - done);
  const bool unfinished = !ended && done < count;
  // Between the rounds RF is 1, for whoever interrupts them and so that a breakpoint on the instruction is
  // met once.
  cpu.system_flags = (cpu.system_flags & ~Eflags::RF) | (unfinished ? Eflags::RF : 0);
  if (!unfinished) return Step::over;
  cpu.next_rip = cpu.instruction_rip(op);
  if (done < step) ++cpu.budget;
  if (done < step && by_rounds) cpu.observers.tell([&](CpuObserver& o) { o.round_over(cpu); });
  return unbroken ? Step::unbroken : Step::over;
}

// Steps until something asks for the boundary between them; without that, going round by the dispatcher
// would take longer than moving a page does.
template <class T, Uses uses, Pace pace, class Bulk, class Element, class Ends>
inline bool repeat(Cpu& cpu, const Op& op, Bulk bulk, Element element, Ends ends) {
  const u64 mask = address_mask(op);
  const bool by_rounds =
      cpu.observers && cpu.observers.any([&](const CpuObserver& o) { return o.wants_rounds(cpu); });
  if (by_rounds && !cpu.alone && (cpu.gpr[RCX] & mask) != 0) [[unlikely]] {
    cpu.chain_end = ChainEnd::alone;
    return false;
  }
  while (const u64 count = cpu.gpr[RCX] & mask) {
    const Step step = repeat_step<T, uses, pace>(cpu, op, count, by_rounds, bulk, element, ends);
    if (step != Step::unbroken || boundary_matters(cpu)) return step != Step::nothing;
    --cpu.budget;  // the next step's
    cpu.next_rip = cpu.following_rip(op);
  }
  return true;
}

// Copies as the instruction does, element by element upwards: a destination inside the source repeats it.
template <class T>
inline void copy_upwards(u8* to, const u8* from, u64 bytes) {
  if (to <= from || to >= from + bytes) {
    std::memmove(to, from, bytes);
    return;
  }
  for (u64 i = 0; i < bytes; i += sizeof(T)) {
    T value;
    std::memcpy(&value, from + i, sizeof(T));
    std::memcpy(to + i, &value, sizeof(T));
  }
}
template <class T>
inline u64 bulk_movs(Cpu& cpu, const Op& op, u64 elements) {
  const u64 bytes = elements * sizeof(T);
  u64 from, to;
  if (cpu.flag(Eflags::DF) || !source(cpu, op, static_cast<unsigned>(bytes), from) ||
      !destination(cpu, op, static_cast<unsigned>(bytes), AccessKind::write, to))
    return 0;
  const u8* in = host_run(cpu.data->read[tlb_index(from)], from, bytes);
  u8* out = host_run(cpu.data->write[tlb_index(to)], to, bytes);
  if (!in || !out) return 0;
  copy_upwards<T>(out, in, bytes);
  advance<T>(cpu, op, RSI, elements);
  advance<T>(cpu, op, RDI, elements);
  return elements;
}
template <class T>
inline u64 bulk_stos(Cpu& cpu, const Op& op, u64 elements) {
  const u64 bytes = elements * sizeof(T);
  u64 to;
  if (cpu.flag(Eflags::DF) || !destination(cpu, op, static_cast<unsigned>(bytes), AccessKind::write, to))
    return 0;
  u8* out = host_run(cpu.data->write[tlb_index(to)], to, bytes);
  if (!out) return 0;
  const T value = accumulator<T>(cpu);
  if constexpr (sizeof(T) == 1)
    std::memset(out, value, bytes);
  else
    for (u64 i = 0; i < bytes; i += sizeof(T)) std::memcpy(out + i, &value, sizeof(T));
  advance<T>(cpu, op, RDI, elements);
  return elements;
}

constexpr auto no_bulk = [](u64) -> u64 { return 0; };
constexpr auto never_ends = [] { return false; };

}  // namespace strings

template <class T>
inline bool rep_movs(Cpu& cpu, const Op& op) {
  return strings::repeat<T, strings::Uses::both, strings::Pace::block>(
      cpu, op, [&](u64 n) { return strings::bulk_movs<T>(cpu, op, n); }, [&] { return movs<T>(cpu, op); },
      strings::never_ends);
}
template <class T>
inline bool rep_stos(Cpu& cpu, const Op& op) {
  return strings::repeat<T, strings::Uses::destination, strings::Pace::block>(
      cpu, op, [&](u64 n) { return strings::bulk_stos<T>(cpu, op, n); }, [&] { return stos<T>(cpu, op); },
      strings::never_ends);
}
template <class T>
inline bool rep_lods(Cpu& cpu, const Op& op) {
  return strings::repeat<T, strings::Uses::source, strings::Pace::element>(
      cpu, op, strings::no_bulk, [&] { return lods<T>(cpu, op); }, strings::never_ends);
}
// REPE goes on while ZF is set, REPNE while it is clear.
template <class T>
inline bool rep_cmps(Cpu& cpu, const Op& op) {
  const bool while_zero = op.attrs & OpAttr::rep;
  return strings::repeat<T, strings::Uses::both, strings::Pace::element>(
      cpu, op, strings::no_bulk, [&] { return cmps<T>(cpu, op); },
      [&] { return cpu.flags.zf() != while_zero; });
}
template <class T>
inline bool rep_scas(Cpu& cpu, const Op& op) {
  const bool while_zero = op.attrs & OpAttr::rep;
  return strings::repeat<T, strings::Uses::destination, strings::Pace::element>(
      cpu, op, strings::no_bulk, [&] { return scas<T>(cpu, op); },
      [&] { return cpu.flags.zf() != while_zero; });
}
}  // namespace ringside
