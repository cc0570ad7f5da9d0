// Owns the repeated string instructions: runs of elements, cut so that interrupts come in between and that a
// fault finds the registers at the element that faults.
#pragma once

#include <algorithm>

#include "cpu/exec/string/strings.h"

namespace ringside {

namespace strings {

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

// One step of a repeated instruction. Its length depends on addresses and the count alone, never on what the
// TLB or the block cache hold: so the instructions retired, which is time here, are the same in every run. A
// step cut short by an access that faults or wants to run alone is not charged; its rest will be. `bulk(n)`:
// does up to n elements at once and moves the index registers, or returns 0. `element()`: does one. `ends()`:
// asked after each element.
template <class T, Uses uses, class Bulk, class Element, class Ends>
inline bool repeat(Cpu& cpu, const Op& op, Bulk bulk, Element element, Ends ends) {
  const u64 mask = address_mask(op);
  const u64 count = cpu.gpr[RCX] & mask;
  if (count == 0) return true;
  u64 step = cpu.flag(Eflags::TF) ? 1 : count;
  if constexpr (uses != Uses::destination)
    step = std::min(step, elements_in_reach<T>(cpu, op, source_segment(op), RSI));
  if constexpr (uses != Uses::source) step = std::min(step, elements_in_reach<T>(cpu, op, ES, RDI));
  const u32 attention = cpu.attention;
  u64 done = 0;
  bool ended = false;
  while (done < step && !ended) {
    if (const u64 run = bulk(step - done)) {
      done += run;
      continue;
    }
    if (!element()) break;
    ++done;
    ended = ends();
    // A device that was touched, or a data breakpoint, asks for the boundary.
    if ((cpu.attention & ~attention) || cpu.pending_debug) break;
  }
  if (done == 0) return false;
  set_by_address_size(cpu, RCX, mask, count - done);
  if (!ended && done < count) {
    cpu.next_rip = cpu.instruction_rip(op);
    if (done < step) ++cpu.budget;
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
  return strings::repeat<T, strings::Uses::both>(
      cpu, op, [&](u64 n) { return strings::bulk_movs<T>(cpu, op, n); }, [&] { return movs<T>(cpu, op); },
      strings::never_ends);
}
template <class T>
inline bool rep_stos(Cpu& cpu, const Op& op) {
  return strings::repeat<T, strings::Uses::destination>(
      cpu, op, [&](u64 n) { return strings::bulk_stos<T>(cpu, op, n); }, [&] { return stos<T>(cpu, op); },
      strings::never_ends);
}
template <class T>
inline bool rep_lods(Cpu& cpu, const Op& op) {
  return strings::repeat<T, strings::Uses::source>(
      cpu, op, strings::no_bulk, [&] { return lods<T>(cpu, op); }, strings::never_ends);
}
// REPE goes on while ZF is set, REPNE while it is clear.
template <class T>
inline bool rep_cmps(Cpu& cpu, const Op& op) {
  const bool while_zero = op.attrs & OpAttr::rep;
  return strings::repeat<T, strings::Uses::both>(
      cpu, op, strings::no_bulk, [&] { return cmps<T>(cpu, op); },
      [&] { return cpu.flags.zf() != while_zero; });
}
template <class T>
inline bool rep_scas(Cpu& cpu, const Op& op) {
  const bool while_zero = op.attrs & OpAttr::rep;
  return strings::repeat<T, strings::Uses::destination>(
      cpu, op, strings::no_bulk, [&] { return scas<T>(cpu, op); },
      [&] { return cpu.flags.zf() != while_zero; });
}
}  // namespace ringside
