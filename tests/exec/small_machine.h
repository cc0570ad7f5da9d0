// Owns the small machine of the events' tests: 16 MiB of RAM, one CPU, and builders for the tables in memory.
#pragma once

#include <initializer_list>

#include "cpu/exec/core/segments.h"
#include "cpu/exec/events/events.h"
#include "cpu/exec/guest/instruction_boundary.h"
#include "cpu/state/model.h"

namespace ringside {

struct FakeInterrupts final : InterruptSource {
  int waiting = -1;  // a vector, or none
  unsigned taken = 0;
  bool pending() const override { return waiting >= 0; }
  u8 acknowledge() override {
    const u8 vector = static_cast<u8>(waiting < 0 ? 0xff : waiting);
    waiting = -1;
    ++taken;
    return vector;
  }
  void init() override {}
  u8 task_priority() const override { return 0; }
  void set_task_priority(u8) override {}
  bool read_msr(u32, u64&) override { return false; }
  bool write_msr(u32, u64) override { return false; }
};

// Where things lie.
namespace at {
constexpr u64 pml4 = 0x1000, gdt = 0x4000, idt = 0x5000, tss = 0x6000, ldt = 0x7000, tss2 = 0x8000,
              tss16 = 0x9000, code = 0x10000, user_code = 0x20000, handlers = 0x100000, stack0 = 0x30000,
              stack3 = 0x40000, ist1 = 0x50000, stack1 = 0x60000, data = 0x70000;
constexpr u64 handler(unsigned vector) { return handlers + 16 * vector; }
}  // namespace at

// Selectors of the GDT that the builders make.
namespace sel {
constexpr u16 code0 = 0x08, data0 = 0x10, code3 = 0x18 | 3, data3 = 0x20 | 3, code64 = 0x28,
              user64 = 0x30 | 3, tss = 0x38 /* 16 bytes in IA-32e mode */, conforming0 = 0x48,
              code1 = 0x50 | 1, data1 = 0x58 | 1, ldt = 0x60 /* 16 bytes */, tss2 = 0x70, tss16 = 0x78,
              free0 = 0x80, free1 = 0x88, free2 = 0x90, code16 = 0x98, data16 = 0xa0, not_present = 0xa8,
              conforming3 = 0xb0, execute_only = 0xb8, read_only = 0xc0, last = 0xff;
}

// Descriptors. `rights` as in Rights: type, S, DPL, P, then L, DB, G.
constexpr u64 descriptor(u32 base, u32 limit, u32 rights) {
  return (limit & 0xffff) | u64{base & 0xffffff} << 16 | u64{rights & 0xff} << 40 |
         u64{limit >> 16 & 15} << 48 | u64{rights >> 12 & 15} << 52 | u64{base >> 24} << 56;
}
constexpr u32 dpl(unsigned level) { return level << 5; }
constexpr u32 present_code = 0x9b, present_data = 0x93;
constexpr u64 gate(u16 selector, u32 offset, unsigned type, unsigned level, bool present = true,
                   unsigned low = 0) {
  return (offset & 0xffff) | u64{selector} << 16 | u64{low} << 32 | u64{type} << 40 | u64{level} << 45 |
         u64{present} << 47 | u64{offset >> 16} << 48;
}

struct SmallMachine {
  PhysicalMemory memory;
  CpuModel model = default_model();
  std::unique_ptr<Mmu> mmu;
  std::unique_ptr<Cpu> owner;
  FakeInterrupts interrupts;
  Cpu& cpu;

  static CpuModel default_model() {
    std::string error;
    return *parse_cpu_model(default_cpu_model, error);
  }

  SmallMachine()
      : mmu((memory.add_ram(HostPhys(0), 16 << 20, "ram"), std::make_unique<Mmu>(memory, 46))),
        owner(std::make_unique<Cpu>(*mmu)),
        cpu(*owner) {
    cpu.model = &model;
    cpu.interrupts = &interrupts;
    cpu.reset(false);
  }

  void put(u64 address, u64 value, unsigned size = 8) { memory.write(HostPhys(address), size, value); }
  u64 get(u64 address, unsigned size = 8) { return memory.read(HostPhys(address), size); }
  void code(u64 address, std::initializer_list<u8> bytes) {
    for (const u8 b : bytes) put(address++, b, 1);
  }
  void set_descriptor(u16 selector, u64 value) {
    put((selector & 4 ? at::ldt : at::gdt) + (selector & 0xfff8), value);
  }
  void load(SegReg reg, u16 selector) {
    Descriptor d;
    d.low = get((selector & 4 ? at::ldt : at::gdt) + (selector & 0xfff8));
    cpu.segment[reg] = is_null(selector) ? null_segment(selector) : segment_of(selector, d);
  }

  void build_gdt() {
    const u32 g32 = Rights::G | Rights::DB, g64 = Rights::G | Rights::L;
    set_descriptor(sel::code0, descriptor(0, 0xfffff, present_code | g32));
    set_descriptor(sel::data0, descriptor(0, 0xfffff, present_data | g32));
    set_descriptor(sel::code3, descriptor(0, 0xfffff, present_code | dpl(3) | g32));
    set_descriptor(sel::data3, descriptor(0, 0xfffff, present_data | dpl(3) | g32));
    set_descriptor(sel::code64, descriptor(0, 0xfffff, present_code | g64));
    set_descriptor(sel::user64, descriptor(0, 0xfffff, present_code | dpl(3) | g64));
    set_descriptor(sel::tss, descriptor(at::tss, 0xfff, 0x8b));
    set_descriptor(sel::conforming0, descriptor(0, 0xfffff, present_code | 4 | g32));
    set_descriptor(sel::code1, descriptor(0, 0xfffff, present_code | dpl(1) | g32));
    set_descriptor(sel::data1, descriptor(0, 0xfffff, present_data | dpl(1) | g32));
    set_descriptor(sel::ldt, descriptor(at::ldt, 0xff, 0x82));
    set_descriptor(sel::tss2, descriptor(at::tss2, 0x67, 0x89));
    set_descriptor(sel::tss16, descriptor(at::tss16, 0x2b, 0x81));
    set_descriptor(sel::code16, descriptor(0, 0xffff, present_code));
    set_descriptor(sel::data16, descriptor(0, 0xffff, present_data));
    set_descriptor(sel::not_present, descriptor(0, 0xfffff, (present_data & ~0x80u) | g32));
    set_descriptor(sel::conforming3, descriptor(0, 0xfffff, present_code | 4 | dpl(3) | g32));
    set_descriptor(sel::execute_only, descriptor(0, 0xfffff, 0x99 | g32));
    set_descriptor(sel::read_only, descriptor(0, 0xfffff, 0x91 | g32));
    cpu.gdtr = {at::gdt, sel::last};
  }

  // Protected mode without paging, CPL 0, flat 32-bit segments.
  void protected_mode() {
    build_gdt();
    for (unsigned v = 0; v < 256; ++v) put(at::idt + 8 * v, gate(sel::code0, at::handler(v), 14, 0));
    cpu.idtr = {at::idt, 256 * 8 - 1};
    put(at::tss + 4, at::stack0, 4);
    put(at::tss + 8, sel::data0, 4);
    put(at::tss + 12, at::stack1, 4);
    put(at::tss + 16, sel::data1, 4);
    cpu.cr0 |= Cr0::PE;
    cpu.system_flags = 0;
    start_at(sel::code0, sel::data0, at::code, at::stack0);
    load(TR, sel::tss);
    cpu.segment[LDTR] = null_segment(0);
    cpu.update_translation();
  }

  // 64-bit mode, 16 MiB identity-mapped for user and supervisor, CPL 0.
  void long_mode() {
    build_gdt();
    put(at::pml4, 0x2007);
    put(0x2000, 0x3007);
    for (unsigned i = 0; i < 8; ++i) put(0x3000 + 8 * i, (u64{i} << 21) | 0x87);
    for (unsigned v = 0; v < 256; ++v) {
      put(at::idt + 16 * v, gate(sel::code64, at::handler(v), 14, 0));
      put(at::idt + 16 * v + 8, 0);
    }
    cpu.idtr = {at::idt, 256 * 16 - 1};
    put(at::tss + 4, at::stack0);
    put(at::tss + 12, at::stack1);
    put(at::tss + 36, at::ist1);
    cpu.cr0 |= Cr0::PE | Cr0::PG;
    cpu.cr4 |= Cr4::PAE;
    cpu.efer |= Efer::LME | Efer::LMA | Efer::SCE;
    cpu.cr3 = at::pml4;
    cpu.update_translation();
    start_at(sel::code64, sel::data0, at::code, at::stack0);
    load(TR, sel::tss);
    cpu.segment[LDTR] = null_segment(0);
  }

  void start_at(u16 cs, u16 ss, u64 rip, u64 rsp) {
    load(CS, cs);
    load(SS, ss);
    for (const SegReg reg : {ES, DS, FS, GS}) load(reg, (cs & 3) == 3 ? sel::data3 : sel::data0);
    cpu.set_cpl(cs & 3);
    cpu.rip = cpu.next_rip = rip;
    cpu.gpr[RSP] = rsp;
  }

  // Real-address mode with an interrupt vector table at 0 whose handlers lie at 1000h:vector*16.
  void real_mode() {
    for (unsigned v = 0; v < 256; ++v) put(4 * v, 0x10000000u | (v * 16), 4);
    cpu.idtr = {0, 0x3ff};
    for (const SegReg reg : {ES, CS, SS, DS, FS, GS}) {
      cpu.segment[reg].selector = 0;
      cpu.segment[reg].base = 0;
    }
    cpu.rip = cpu.next_rip = 0x7c00;
    cpu.gpr[RSP] = 0x7000;
    cpu.update_mode();
  }
};

// deliver_event() as a yes or no.
inline bool delivered(Cpu& cpu, const Event& event, u64 return_rip) {
  return deliver_event(cpu, event, return_rip) == Outcome::delivered;
}

}  // namespace ringside
