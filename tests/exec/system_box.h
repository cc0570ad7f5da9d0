// Owns the small machine that the tests of system instructions run single instructions on.
#pragma once

#include <doctest/doctest.h>

#include <initializer_list>
#include <vector>

#include "cpu/decode/lower.h"
#include "cpu/exec/core/block.h"
#include "cpu/exec/engine/handler_table.h"
#include "cpu/state/msrs.h"

namespace ringside {

struct SystemClock : Clock {
  Ticks time = 5000;
  Ticks now() const { return time; }
  u64 frequency() const { return 2'000'000'000; }
  void add(Timer&) {}
  void remove(Timer&) {}
  void changed(Timer&) {}
};

struct SystemApic : InterruptSource {
  u8 priority = 0;
  bool waiting = false;
  u64 base = 0xfee00900;
  void init() {}
  bool pending() const { return waiting; }
  u8 acknowledge() { return 0; }
  std::vector<std::pair<u8, u32>> notified;
  void notify(u8 vector, u32 destination) { notified.emplace_back(vector, destination); }
  u8 task_priority() const { return priority; }
  void set_task_priority(u8 value) { priority = value; }
  bool read_msr(u32 msr, u64& value) {
    value = base;
    return msr == msr_number::IA32_APIC_BASE;
  }
  bool write_msr(u32, u64) { return false; }
};

// What came of one instruction: nothing special, or the vector it raised, or no such instruction.
constexpr int done = -1, undecoded = -2;

struct SystemBox {
  PhysicalMemory memory;
  Mmu mmu{memory, 46};
  SystemClock clock;
  SystemApic apic;
  CpuModel model;
  Decoder decoder;
  Engine engine;
  Cpu cpu{mmu};

  static CpuModel parse(std::string_view name) {
    std::string error;
    return *parse_cpu_model(name, error);
  }
  explicit SystemBox(std::string_view name = "max") : model(parse(name)), decoder(model.features) {
    memory.add_ram(HostPhys(0), 1 << 20, "ram");
    cpu.model = &model;
    cpu.clock = &clock;
    cpu.interrupts = &apic;
    cpu.engine = &engine;
    cpu.reset(false);
    real_mode();
  }

  void flat(u32 code_rights, u32 stack_rights) {
    for (unsigned s = ES; s <= GS; ++s) {
      Segment& segment = cpu.segment[s];
      segment.base = 0;
      segment.limit = 0xffffffff;
      segment.rights = s == CS ? code_rights : stack_rights;
      segment.update();
    }
    cpu.update_mode();
    cpu.update_translation();
    cpu.update_privilege();
    cpu.update_debug();
  }
  void real_mode() { flat(0x93, 0x93); }
  void protected_mode(u8 cpl = 0) {
    cpu.cr0 = Cr0::PE | Cr0::ET;
    cpu.cpl = cpl;
    flat(0x9b | u32{cpl} << 5 | Rights::DB | Rights::G, 0x93 | u32{cpl} << 5 | Rights::DB | Rights::G);
  }
  void virtual_8086() {
    protected_mode(3);
    cpu.set_eflags(Eflags::VM, Eflags::VM);
    flat(0xf3, 0xf3);
  }
  // Identity-mapped by one page of 1 GiB, for user and supervisor.
  void long_mode(u8 cpl = 0) {
    memory.write(HostPhys(0x1000), 8, 0x2007);
    memory.write(HostPhys(0x2000), 8, 0x87);
    cpu.cr0 = Cr0::PE | Cr0::PG | Cr0::ET;
    cpu.cr3 = 0x1000;
    cpu.cr4 = Cr4::PAE;
    cpu.efer = Efer::LME | Efer::LMA;
    cpu.cpl = cpl;
    flat(0x9b | u32{cpl} << 5 | Rights::L, 0x93 | u32{cpl} << 5);
  }

  // Decodes one instruction at RIP 0x500, the last of its block. nullptr: there is no such instruction.
  Handler lower(const Decoder& by, std::initializer_list<u8> bytes, Lowered& lowered) const {
    std::vector<u8> code(bytes);
    code.resize(16);
    if (by.lower(code.data(), 16, cpu.mode.code_bits, cpu.mode.limited, 0x500, lowered) != DecodeStatus::ok)
      return nullptr;
    lowered.op.left = 1;
    const Handler handler = all_handlers()[lowered.op.row].fast[lowered.op.variant];
    REQUIRE((handler != nullptr));
    return handler;
  }
  // Runs one instruction of kind boundary at RIP 0x500.
  int run(std::initializer_list<u8> bytes) {
    Lowered lowered;
    const Handler handler = lower(decoder, bytes, lowered);
    if (handler == nullptr) return undecoded;
    Op& op = lowered.op;
    REQUIRE(lowered.kind == Kind::boundary);
    cpu.rip_base = 0;
    cpu.alone = true;
    cpu.chain_end = ChainEnd::boundary;
    CHECK(handler(cpu, &op) == nullptr);
    if (cpu.chain_end == ChainEnd::boundary) {
      CHECK(cpu.rip == 0x500u + op.length);
      return done;
    }
    CHECK(cpu.chain_end == ChainEnd::fault);
    if (has_error_code(cpu.fault.vector)) CHECK(cpu.fault.error == 0);
    return static_cast<int>(cpu.fault.vector);
  }
};

constexpr int UD = static_cast<int>(Vector::UD), GP = static_cast<int>(Vector::GP),
              DB = static_cast<int>(Vector::DB);

}  // namespace ringside
