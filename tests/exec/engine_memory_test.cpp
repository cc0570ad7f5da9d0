// Owns the tests of the slow side of memory: page crossings, devices, alignment, wrapping, watched addresses.
#include <doctest/doctest.h>

#include "cpu/exec/core/memory.h"
#include "tests/exec/engine_machine.h"

using namespace ringside;

namespace {

struct Box : EngineMachine {
  Box() { small_pages(); }
  void forget() { cpu.mmu.flush_all(); }
};
constexpr u64 edge = at::data + 0x1000;

}  // namespace

TEST_CASE("an access across two pages of which the second faults changes nothing") {
  for (const bool present : {false, true}) {
    Box m;
    m.map(edge, edge, present ? 5 : 0);  // read-only or absent
    m.forget();
    m.cpu.cr0 |= Cr0::WP;
    m.cpu.update_translation();
    m.put(edge - 4, 0x1111111122222222);
    m.code(at::code, {0x48, 0x89, 0x04, 0x25});  // mov [edge-3], rax
    m.put(at::code + 4, edge - 3, 4);
    m.cpu.gpr[RAX] = ~u64{0};
    CHECK(run(m.cpu, 1) == 1);
    CHECK(m.vector() == 14);
    CHECK(m.cpu.cr2 == edge);
    CHECK(m.get(m.cpu.gpr[RSP]) == (present ? 3u : 2u));
    CHECK(m.get(edge - 4) == 0x1111111122222222);

    // The same with a read-modify-write, a push and a store of 16 bytes.
    m.code(at::code, {0x48, 0x01, 0x04, 0x25});
    m.cpu.rip = at::code;
    run(m.cpu, 1);
    CHECK(m.vector() == 14);
    CHECK(m.cpu.cr2 == edge);
    m.code(at::code, {0x50});
    m.cpu.rip = at::code;
    m.cpu.gpr[RSP] = edge + 4;
    m.cpu.mmu.flush_all();
    m.put(at::idt + 16 * 14 + 4, 1, 1);  // handler on IST1
    run(m.cpu, 1);
    CHECK(m.vector() == 14);
    CHECK(m.get(m.cpu.gpr[RSP] + 32) == edge + 4);  // RSP as it was
    m.code(at::code, {0x0f, 0x11, 0x04, 0x25});     // movups [edge-3], xmm0
    m.cpu.vector.xmm[0].q[0] = m.cpu.vector.xmm[0].q[1] = ~u64{0};
    m.cpu.cr4 |= Cr4::OSFXSR;
    m.cpu.rip = at::code;
    run(m.cpu, 1);
    CHECK(m.vector() == 14);
    CHECK(m.get(edge - 4) == 0x1111111122222222);
  }
}

TEST_CASE("of two bad pages the first one is told") {
  Box m;
  m.unmap(edge), m.unmap(edge - 0x1000), m.forget();
  m.code(at::code, {0x8b, 0x04, 0x25});
  m.put(at::code + 3, edge - 2, 4);
  run(m.cpu, 1);
  CHECK(m.vector() == 14);
  CHECK(m.cpu.cr2 == edge - 2);
}

TEST_CASE("loads and stores across pages that lie apart") {
  Box m;
  m.map(edge, 0x150000), m.forget();
  for (unsigned size : {2u, 4u, 8u}) {
    for (unsigned before = 1; before < size; ++before) {
      const u64 value = 0x8877665544332211;
      m.put(edge - 8, 0), m.put(0x150000, 0);
      m.cpu.alone = false;
      REQUIRE(store_slow(m.cpu, edge - before, size, value, DS));
      const Loaded loaded = load_slow(m.cpu, edge - before, size, DS);
      CHECK(loaded.ok);
      CHECK(loaded.value == (value & bit_range(0, 8 * size - 1)));
      CHECK(m.get(edge - before, before) == (value & bit_range(0, 8 * before - 1)));
      CHECK(m.get(0x150000, size - before) ==
            (value >> (8 * before) & bit_range(0, 8 * (size - before) - 1)));
      CHECK(m.get(edge, 8) == 0);
    }
  }
}

TEST_CASE("an access half in RAM and half in a device is done once, in two parts") {
  EngineMachine m;
  m.long_mode();
  m.put(EngineMachine::mmio - 4, 0x11223344, 4);
  m.code(at::code, {0x90, 0x48, 0x8b, 0x04, 0x25, 0xfc, 0xff, 0x9f, 0x00, 0x90});  // mov rax, [mmio-4]
  run(m.cpu, 3);
  CHECK(m.device.reads == 1);
  CHECK(m.cpu.gpr[RAX] == 0x0101010111223344);
  m.code(at::code, {0x90, 0x48, 0xff, 0x04, 0x25, 0x10, 0x00, 0xa0, 0x00, 0x90});  // inc qword [mmio+10h]
  m.cpu.rip = at::code;
  run(m.cpu, 3);
  CHECK(m.device.reads == 2);
  LoggingDevice expected;
  expected.mmio_read(0, 4);
  expected.mmio_write(0x10, 8, expected.mmio_read(0x10, 8) + 1);
  CHECK(m.device.log == expected.log);
}

TEST_CASE("a fault after the first device access repeats nothing") {
  // push [device] with a stack that faults: the read may come first, but only once for each attempt.
  EngineMachine m;
  m.small_pages();
  m.unmap(edge);
  m.cpu.mmu.flush_all();
  m.put(at::idt + 16 * 14 + 4, 1, 1);
  m.code(at::code, {0xff, 0x34, 0x25, 0x20, 0x00, 0xa0, 0x00});
  m.cpu.gpr[RSP] = edge + 8;
  run(m.cpu, 1);
  CHECK(m.vector() == 14);
  CHECK(m.cpu.cr2 == edge);
  CHECK(m.device.reads <= 1);
}

TEST_CASE("alignment is checked in user mode with CR0.AM and EFLAGS.AC only") {
  for (unsigned mask = 0; mask < 8; ++mask) {
    Box m;
    if (mask & 1) m.cpu.cr0 |= Cr0::AM;
    if (mask & 2) m.cpu.set_eflags(Eflags::AC, Eflags::AC);
    if (mask & 4) m.start_at(sel::user64, sel::data3, at::code, at::stack3);
    m.cpu.update_privilege();
    CAPTURE(mask);
    m.code(at::code, {0x8b, 0x04, 0x25, 0x01, 0x00, 0x07, 0x00,    // mov eax, [data+1]
                      0x8a, 0x04, 0x25, 0x01, 0x00, 0x07, 0x00});  // mov al, [data+1]
    m.code(at::code + 14, {0x8b, 0x04, 0x25, 0x04, 0x00, 0x07, 0x00});
    m.cpu.rip = at::code + 7;
    run(m.cpu, 2);
    CHECK(m.cpu.rip == at::code + 21);
    m.cpu.rip = at::code;
    run(m.cpu, 1);
    CHECK((m.vector() == 17) == (mask == 7));
    if (mask == 7) CHECK(m.get(m.cpu.gpr[RSP]) == 0);
  }
}

TEST_CASE("linear addresses wrap at 4 GiB outside 64-bit mode") {
  EngineMachine m;
  m.protected_mode();
  m.memory.add_ram(HostPhys(0xfffff000), 0x1000, "top");
  m.put(0xfffffffe, 0x2211, 2);
  m.put(0, 0x4433, 2);
  // A flat segment's limit forbids the wrap; an expand-up one with a base does not.
  m.set_descriptor(sel::free0, descriptor(0xfffff000, 0xfffff, present_data | Rights::DB | Rights::G));
  m.load(DS, sel::free0);
  m.code(at::code, {0xa1, 0xfe, 0x0f, 0x00, 0x00});  // mov eax, [0ffeh]
  run(m.cpu, 1);
  CHECK(m.cpu.gpr[RAX] == 0x44332211);
  m.code(at::code, {0xc7, 0x05, 0xfe, 0x0f, 0x00, 0x00, 0xaa, 0xbb, 0xcc, 0xdd});
  m.cpu.rip = at::code;
  run(m.cpu, 1);
  CHECK(m.get(0xfffffffe, 2) == 0xbbaa);
  CHECK(m.get(0, 2) == 0xddcc);
}

TEST_CASE("compatibility mode wraps at 4 GiB as well, with all of 64 bits mapped behind") {
  EngineMachine m;
  m.long_mode();
  // 4 GiB - 2 MiB shows 0x400000, 4 GiB shows 0x600000, 0 shows 0.
  m.put(0x2000 + 8 * 3, 0x180007);
  m.put(0x180000 + 8 * 511, 0x400087);
  m.put(0x2000 + 8 * 4, 0x181007);
  m.put(0x181000, 0x600087);
  m.cpu.mmu.flush_all();
  m.put(0x5ffffe, 0x2211, 2), m.put(0x600000, 0xffff, 2), m.put(0, 0x4433, 2);
  m.set_descriptor(sel::free0, descriptor(0xfffff000, 0xfffff, present_data | Rights::DB | Rights::G));
  m.start_at(sel::code0, sel::data0, at::code, at::stack0);
  m.load(DS, sel::free0);
  m.code(at::code, {0xa1, 0xfe, 0x0f, 0x00, 0x00});
  run(m.cpu, 1);
  CHECK(m.cpu.gpr[RAX] == 0x44332211);
}

TEST_CASE("non-canonical data is #GP(0), or #SS(0) by way of the stack") {
  Box m;
  m.code(at::code, {0x8b, 0x03, 0x8b, 0x45, 0x00});  // mov eax, [rbx]; mov eax, [rbp]
  m.cpu.gpr[RBX] = m.cpu.gpr[RBP] = (u64{1} << 47) - 2;
  run(m.cpu, 1);
  CHECK(m.vector() == 13);
  m.cpu.rip = at::code + 2;
  run(m.cpu, 1);
  CHECK(m.vector() == 12);
}

TEST_CASE("data breakpoints: kinds, lengths, and what lies beside them") {
  struct {
    u64 address;
    unsigned kind, length;  // as in DR7
    bool write;
    u64 access;
    bool hit;
  } const cases[] = {
      {0x70100, 1, 0, true, 0x70100, true},   {0x70100, 1, 0, true, 0x700fd, true},
      {0x70100, 1, 0, true, 0x700fc, false},  {0x70100, 1, 0, true, 0x70101, false},
      {0x70100, 1, 0, false, 0x70100, false}, {0x70100, 3, 0, false, 0x70100, true},
      {0x70104, 3, 3, false, 0x70107, true},  {0x70106, 3, 3, false, 0x70104, true},
      {0x70108, 3, 2, false, 0x7010f, true},  {0x70108, 3, 2, false, 0x70110, false},
      {0x71000, 1, 3, true, 0x70ffe, true},   {0x70ffc, 1, 3, true, 0x71000, false},
  };
  for (const auto& c : cases) {
    Box m;
    m.code(at::code, {0x90, static_cast<u8>(c.write ? 0x89 : 0x8b), 0x04, 0x25});
    m.put(at::code + 4, c.access, 4);
    m.code(at::code + 8, {0x90, 0x90});
    run(m.cpu, 3);  // warm: the page has fast tags
    m.cpu.rip = at::code;
    m.cpu.dr[2] = c.address;
    m.cpu.dr7 |= 1u << 4 | c.kind << 24 | c.length << 26;
    m.cpu.update_debug();
    m.cpu.gpr[RAX] = 0x5a5a5a5a;
    run(m.cpu, 3);
    CAPTURE(c.address);
    CAPTURE(c.access);
    CHECK((m.vector() == 1) == c.hit);
    if (!c.hit) continue;
    CHECK((m.cpu.dr6 & 15) == 4);
    CHECK(m.get(m.cpu.gpr[RSP]) == at::code + 8);  // a trap: after the access
    if (c.write) CHECK(m.get(c.access, 4) == 0x5a5a5a5a);
  }
}

TEST_CASE("a data breakpoint at the very end of the address space") {
  EngineMachine m;
  m.small_pages();
  m.put(at::pml4 + 8 * 511, 0x180007);
  m.put(0x180000 + 8 * 511, 0x181007);
  m.put(0x181000 + 8 * 511, 0x87 | 0x400000);
  m.cpu.mmu.flush_all();
  m.code(at::code, {0x89, 0x03, 0x90});  // mov [rbx], eax
  m.cpu.gpr[RBX] = ~u64{3};
  m.cpu.dr[0] = ~u64{7};
  m.cpu.dr7 |= 1 | 1u << 16 | 2u << 18;
  m.cpu.update_debug();
  run(m.cpu, 2);
  CHECK(m.vector() == 1);
}

TEST_CASE("an instruction that touches a watched address and then faults takes no trap with it") {
  Box m;
  m.unmap(edge), m.forget();
  m.put(at::idt + 16 * 14 + 4, 1, 1);
  m.code(at::code, {0xff, 0x34, 0x25, 0x00, 0x01, 0x07, 0x00});  // push qword [70100h]
  m.code(at::handler(14), {0x90, 0x90});
  m.cpu.gpr[RSP] = edge + 8;
  m.cpu.dr[0] = 0x70100;
  m.cpu.dr7 |= 1 | 3u << 16;
  m.cpu.update_debug();
  run(m.cpu, 1);
  CHECK(m.vector() == 14);
  CHECK(m.cpu.pending_debug == 0);
  run(m.cpu, 1);
  CHECK(m.cpu.rip == at::handler(14) + 1);
}

TEST_CASE("REP STOS over a watched address stops after the iteration that met it") {
  Box m;
  m.code(at::code, {0xf3, 0xaa, 0x90});
  m.cpu.gpr[RDI] = 0x70100;
  m.cpu.gpr[RCX] = 32;
  m.cpu.dr[0] = 0x70108;
  m.cpu.dr7 |= 1 | 1u << 16;
  m.cpu.update_debug();
  m.code(at::handler(1), {0x48, 0xcf});
  for (unsigned n = 0; n < 60 && m.vector() != 1; ++n) run(m.cpu, 1);
  CHECK(m.vector() == 1);
  CHECK(m.cpu.gpr[RCX] == 32 - 9);
  CHECK(m.get(m.cpu.gpr[RSP]) == at::code);  // it resumes
  run(m.cpu, 100);
  CHECK(m.cpu.gpr[RCX] == 0);
}
