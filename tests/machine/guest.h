// Owns the tiny guests of the machine's tests: a machine in flat protected mode, and code put together byte
// by byte.
#pragma once

#include <doctest/doctest.h>

#include <initializer_list>
#include <memory>
#include <string>

#include "frontend/machine/machine.h"

namespace ringside {

struct Guest {
  static constexpr u64 gdt = 0x1000, idt = 0x2000, handlers = 0x4000, code = 0x10000, stack = 0x9000,
                       data = 0x20000, ap_code = 0x8000;
  static constexpr u64 apic = 0xfee00000;
  std::unique_ptr<Machine> machine;
  std::string error;
  u64 next = code;  // where the next byte goes

  static MachineConfig config(unsigned cpus = 1) {
    MachineConfig c;
    std::string why;
    c.model = *parse_cpu_model(default_cpu_model, why);
    c.ram_bytes = 16 << 20;
    c.cpus = cpus;
    return c;
  }

  explicit Guest(const MachineConfig& c = config()) : machine(Machine::create(c, error)) {
    REQUIRE(machine);
    put(gdt + 8, 0x00cf9b000000ffff);
    put(gdt + 16, 0x00cf93000000ffff);
    for (u64 v = 0; v < 256; ++v) {
      put(idt + 8 * v, (handler(v) & 0xffff) | 0x00080000 | u64{0x8e00} << 32);
      put(handler(v), 0xcf, 1);  // iretd
    }
    Cpu& cpu = machine->cpu(0);
    cpu.gdtr = {gdt, 23};
    cpu.idtr = {idt, 0x7ff};
    cpu.cr0 |= Cr0::PE;
    for (const SegReg reg : {ES, CS, SS, DS, FS, GS}) {
      Segment& s = cpu.segment[reg];
      s.selector = reg == CS ? 8 : 16;
      s.base = 0;
      s.limit = 0xffffffff;
      s.rights = (reg == CS ? 0x9b : 0x93) | Rights::DB | Rights::G;
      s.update();
    }
    cpu.rip = cpu.next_rip = code;
    cpu.gpr[RSP] = stack;
    cpu.update_mode();
    cpu.update_translation();
    cpu.update_privilege();
  }

  // Another CPU as if it had been started already: as the first one, at `rip` and with a stack of its own.
  void start(unsigned n, u64 rip) {
    Cpu &from = machine->cpu(0), &to = machine->cpu(n);
    to.gdtr = from.gdtr;
    to.idtr = from.idtr;
    to.cr0 = from.cr0;
    to.segment = from.segment;
    to.rip = to.next_rip = rip;
    to.gpr[RSP] = stack - 0x1000 * n;
    to.activity = Activity::active;
    to.update_mode();
    to.update_translation();
    to.update_privilege();
  }

  static u64 handler(u64 vector) { return handlers + 16 * vector; }
  Cpu& cpu(unsigned n = 0) { return machine->cpu(n); }
  void put(u64 address, u64 value, unsigned size = 8) {
    machine->memory().write(HostPhys(address), size, value);
  }
  u64 get(u64 address, unsigned size = 8) { return machine->memory().read(HostPhys(address), size); }
  // Steps until RIP is there; false: not within `most` instructions.
  bool step_to(u64 rip, u64 most = 200'000) {
    for (u64 n = 0; n < most; ++n) {
      if (cpu().rip == rip) return true;
      machine->run(1);
    }
    return cpu().rip == rip;
  }

  // The assembler.
  Guest& bytes(std::initializer_list<unsigned> list) {
    for (const unsigned byte : list) put(next++, byte, 1);
    return *this;
  }
  Guest& number(u64 value, unsigned size) {
    put(next, value, size);
    next += size;
    return *this;
  }
  Guest& out(u16 port, u8 value) { return bytes({0xb0, value, 0x66, 0xba}).number(port, 2).bytes({0xee}); }
  Guest& out16(u16 port, u16 value) {
    return bytes({0x66, 0xb8}).number(value, 2).bytes({0x66, 0xba}).number(port, 2).bytes({0x66, 0xef});
  }
  Guest& store(u64 address, u32 value) { return bytes({0xc7, 0x05}).number(address, 4).number(value, 4); }
  Guest& write_msr(u32 msr, u64 value) {
    return bytes({0xb9})
        .number(msr, 4)
        .bytes({0xb8})
        .number(value, 4)
        .bytes({0xba})
        .number(value >> 32, 4)
        .bytes({0x0f, 0x30});
  }
  Guest& sti() { return bytes({0xfb}); }
  Guest& cli() { return bytes({0xfa}); }
  Guest& hlt() { return bytes({0xf4}); }
  Guest& forever() { return bytes({0xeb, 0xfe}); }

  // The PIC pair at vectors 20h and 28h with only IRQ 0 open, through the local APIC's LINT0.
  Guest& open_pic() {
    store(apic + 0xf0, 0x1ff).store(apic + 0x350, 0x700);
    return out(0x20, 0x11).out(0x21, 0x20).out(0x21, 4).out(0x21, 1).out(0x21, 0xfe);
  }
  // Channel 0, mode 2.
  Guest& start_pit(u16 count) {
    return out(0x43, 0x34).out(0x40, static_cast<u8>(count)).out(0x40, static_cast<u8>(count >> 8));
  }
  // A handler that counts at `data` + 4 * vector and ends its interrupt at the PIC or the local APIC.
  Guest& count_interrupts(u64 vector, bool at_pic) {
    const u64 here = next;
    next = handlers + 0x1000 + 64 * (vector & 63);
    const u64 start = next;
    bytes({0x60, 0xff, 0x05}).number(data + 4 * vector, 4);  // pushad; inc dword [..]
    if (at_pic)
      out(0x20, 0x20);
    else
      store(apic + 0xb0, 0);
    bytes({0x61, 0xcf});  // popad; iretd
    put(handler(vector), 0xe9, 1);
    put(handler(vector) + 1, start - (handler(vector) + 5), 4);
    next = here;
    return *this;
  }
};

}  // namespace ringside
