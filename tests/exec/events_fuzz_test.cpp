// Owns the fuzz loop over segments and events: hostile tables and registers must neither crash nor hang, a
// refusal must change nothing, and what is derived must stay in step.
#include <doctest/doctest.h>

#include "cpu/exec/descriptors/descriptor_instructions.h"
#include "cpu/exec/far/far_transfers.h"
#include "tests/exec/small_machine.h"
#include "tests/random.h"

using namespace ringside;

namespace {

// Half of the tables stay good, so that the later checks are reached as well as the earlier ones.
void spoil_tables(SmallMachine& m, Random& r) {
  for (unsigned i = 0; i < 12; ++i) {
    const u64 where = r.one_in(2) ? at::gdt : r.one_in(2) ? at::idt : r.one_in(2) ? at::tss : at::tss2;
    const u64 address = where + 8 * r.below(where == at::idt ? 512 : 32);
    if (r.one_in(3))
      m.put(address, r.next() ^ r.next() << 32);
    else if (r.one_in(2))
      m.put(address + r.below(8), r.next(), 1);
    else
      m.put(address + 5, m.get(address + 5, 1) ^ 1u << r.below(8), 1);
  }
}

// An inner gate, task gate or call gate somewhere it will be met.
void place_gates(SmallMachine& m, Random& r) {
  static constexpr u16 targets[] = {sel::code0, sel::code1,  sel::code64,      sel::conforming0, sel::tss2,
                                    sel::tss16, sel::code16, sel::conforming3, sel::ldt};
  const auto any_gate = [&] {
    return gate(targets[r.below(9)], static_cast<u32>(r.next()) & 0x1fffff, r.one_in(3) ? 5 : 4 + r.below(12),
                static_cast<unsigned>(r.below(4)), !r.one_in(8), static_cast<unsigned>(r.below(32)));
  };
  for (unsigned i = 0; i < 4; ++i) {
    m.put(at::idt + 8 * r.below(64), any_gate());
    m.set_descriptor(static_cast<u16>(sel::free0 + 8 * r.below(3)), any_gate());
  }
}

u16 any_selector(Random& r) {
  return static_cast<u16>(r.one_in(8) ? r.next() : r.below(0x1a) * 8 + (r.one_in(2) ? 0 : r.below(8)));
}

void choose_mode(SmallMachine& m, Random& r) {
  m.cpu.reset(false);
  switch (r.below(5)) {
    case 0: m.real_mode(); break;
    case 1: m.long_mode(); break;
    case 2:
      m.long_mode();
      m.start_at(sel::user64, sel::data3, at::user_code, at::stack3);
      break;
    default:
      m.protected_mode();
      if (r.one_in(2)) m.start_at(sel::code3, sel::data3, at::user_code, at::stack3);
      if (r.one_in(3)) {
        m.cpu.set_eflags(Eflags::VM, Eflags::VM);
        for (const SegReg reg : {ES, CS, SS, DS, FS, GS})
          m.cpu.segment[reg] = real_mode_segment(m.cpu, reg, static_cast<u16>(0x2000 + r.below(0x3000)));
        m.cpu.set_cpl(3);
      }
  }
  if (r.one_in(3))
    m.cpu.set_eflags(r.next(), Eflags::IOPL | Eflags::IF | Eflags::TF | Eflags::AC | Eflags::NT);
  if (r.one_in(3)) m.cpu.cr4 |= Cr4::VME | (r.next() & Cr4::UMIP);
  if (r.one_in(4)) m.cpu.cr0 |= Cr0::AM;
  if (r.one_in(4)) m.cpu.gpr[RSP] = r.one_in(2) ? r.next() : r.below(0x20);
  if (r.one_in(6)) m.cpu.segment[TR].limit = static_cast<u32>(r.below(0x80));
  if (r.one_in(8)) m.cpu.idtr.limit = static_cast<u32>(r.below(0x200));
  if (r.one_in(8)) m.cpu.gdtr.base = r.next();
  if (r.one_in(16)) m.cpu.idtr.base = r.next();
  m.cpu.msr.sysenter_cs = any_selector(r);
  m.cpu.msr.star = r.next() << 16;
  m.cpu.update_mode();
  m.cpu.update_translation();
  m.cpu.update_privilege();
  m.cpu.update_debug();
}

// The stack holds selectors, small addresses and noise.
void fill_stack(SmallMachine& m, Random& r) {
  const u64 base = m.cpu.mode.bits64 ? 0 : m.cpu.segment[SS].base;
  const u64 step = u64{2} << r.below(3);
  for (unsigned i = 0; i < 10; ++i)
    m.put((base + m.cpu.gpr[RSP] + i * step) & 0xffffff, r.one_in(2) ? any_selector(r) : r.next() & 0x2ffff,
          static_cast<unsigned>(step));
}

bool act(SmallMachine& m, Random& r) {
  Cpu& c = m.cpu;
  const unsigned size = 2u << r.below(3);
  Segment segment;
  Looked looked;
  const u16 selector = any_selector(r);
  switch (r.below(16)) {
    case 0: return delivered(c, {EventType::external_interrupt, static_cast<u8>(r.below(64))}, c.rip);
    case 1:
      return delivered(c, {EventType::hardware_exception, static_cast<u8>(r.below(32)), r.one_in(2), 0x1234},
                       c.rip);
    case 2: return software_interrupt(c, EventType::software_interrupt, static_cast<u8>(r.below(64)), c.rip);
    case 3: return software_interrupt(c, EventType::software_exception, 3, c.rip);
    case 4: return far_jump(c, selector, r.below(0x30000), size);
    case 5: return far_call(c, selector, r.below(0x30000), size);
    case 6: return far_return(c, size, static_cast<u16>(r.below(64)));
    case 7: return interrupt_return(c, size);
    case 8: return interrupt_return(c, size);
    case 9: return r.one_in(2) ? syscall(c) : sysret(c, r.one_in(2));
    case 10: return r.one_in(2) ? sysenter(c) : sysexit(c, r.one_in(2));
    case 11: {
      static constexpr SegReg registers[] = {ES, SS, DS, FS, GS};
      const SegReg reg = registers[r.below(5)];
      if (!prepare_segment(c, reg, selector, segment)) return false;
      commit_segment(c, reg, segment);
      return true;
    }
    case 12: return in_segmented_mode(c) && load_local_descriptor_table(c, selector);
    case 13: return in_segmented_mode(c) && load_task_register(c, selector);
    case 14: return look_up_access_rights(c, selector, looked) && look_up_limit(c, selector, looked);
    default:
      c.raise(static_cast<Vector>(r.below(22)), static_cast<u32>(r.below(64)) * 4, r.next());
      deliver_fault(c);
      return true;
  }
}

void check_derived(Cpu& c) {
  const Cpu::Mode mode = c.mode;
  c.update_mode();
  CHECK(mode.key == c.mode.key);
  CHECK(mode.v86 == c.mode.v86);
  CHECK(mode.bits64 == c.mode.bits64);
  if (c.mode.v86) CHECK(c.cpl == 3);
  if (c.mode.protected_mode && c.activity != Activity::shutdown && c.segment[CS].usable())
    CHECK((c.segment[CS].selector & 3) == c.cpl);
}

void fuzz(u64 seed, unsigned rounds) {
  Random r{seed};
  SmallMachine m;
  for (unsigned i = 0; i < rounds; ++i) {
    choose_mode(m, r);
    spoil_tables(m, r);
    place_gates(m, r);
    fill_stack(m, r);
    for (unsigned n = 0; n < 4; ++n) {
      const u16 cs = m.cpu.segment[CS].selector, ss = m.cpu.segment[SS].selector,
                tr = m.cpu.segment[TR].selector;
      const u64 rsp = m.cpu.gpr[RSP], flags = m.cpu.eflags();
      const u8 cpl = m.cpu.cpl;
      m.cpu.chain_end = ChainEnd::boundary;
      const bool done = act(m, r);
      if (!done) {
        CHECK(m.cpu.chain_end != ChainEnd::boundary);
        // A task switch may end in the new task.
        if (m.cpu.segment[TR].selector == tr) {
          CHECK(m.cpu.segment[CS].selector == cs);
          CHECK(m.cpu.segment[SS].selector == ss);
          CHECK(m.cpu.gpr[RSP] == rsp);
          CHECK(m.cpu.eflags() == flags);
          CHECK(m.cpu.cpl == cpl);
        }
      }
      check_derived(m.cpu);
      m.cpu.attention |=
          static_cast<u32>(r.next()) & (Attention::nmi | Attention::interrupt | Attention::init);
      m.interrupts.waiting = static_cast<int>(r.below(80)) - 16;
      m.cpu.budget = 4;
      m.cpu.rip = m.cpu.next_rip;
      service_boundary(m.cpu);
      check_derived(m.cpu);
      if (m.cpu.activity == Activity::shutdown) {
        CHECK(shutdown_reason(m.cpu).size() > 12);
        break;
      }
    }
  }
}

}  // namespace

TEST_CASE("hostile tables and registers") {
  for (u64 seed = 1; seed <= 4; ++seed) fuzz(seed * 0x9e3779b97f4a7c15, 2500);
}
