// Owns the tests of the comparison with a foreign emulator: one that does the same, one with a bug, one that
// fails; and QEMU where it is installed.
#include <doctest/doctest.h>

#include <cstdlib>
#include <memory>
#include <utility>

#include "frontend/differ/alongside.h"
#include "frontend/differ/bochs_peer.h"
#include "frontend/differ/gdb_peer.h"
#include "frontend/differ/known_peers.h"
#include "frontend/inspect/disassembly.h"
#include "frontend/inspect/look_memory.h"
#include "frontend/render/sheet_text.h"
#include "tests/differ/fake_peer.h"
#include "tests/machine/guest.h"
#include "vmx/capabilities.h"
#include "vmx/vmcs.h"

namespace ringside {
namespace {

MachineConfig hello_config() {
  MachineConfig config = Guest::config(1);
  config.boot.bios = RINGSIDE_BINARY_DIR "/roms/hello.bin";
  return config;
}
std::unique_ptr<Machine> hello() {
  std::string error;
  auto machine = Machine::create(hello_config(), error);
  REQUIRE_MESSAGE(machine, error);
  return machine;
}

Comparison compare(OpenWire wire, u64 most = ~u64{0}) {
  const auto own = hello();
  const auto peer = gdb_peer("the peer", std::move(wire));
  return run_alongside(*own, *peer, most, nullptr, false);
}
Comparison with_harm(u64 at, std::function<void(Machine&)> harm) {
  return compare(fake_wire({hello, at, std::move(harm)}));
}

}  // namespace

TEST_CASE("a peer that does the same is found to do so, to the end") {
  const Comparison result = compare(fake_wire({hello, 0, {}}));
  CHECK(result.failure == "");
  CHECK_MESSAGE(!result.parting, text(comparison_sheet(result, "Ringside", "the peer")));
  CHECK(result.instructions > 5'000);
  CHECK(result.ending.find("powered the machine off") != std::string::npos);
}

TEST_CASE("a peer's bug of one bit in a register is found at its instruction") {
  for (const u64 at : {1u, 300u, 4'321u}) {
    const Comparison result = with_harm(at, [](Machine& m) { m.cpu(0).cr2 ^= 0x10; });
    REQUIRE(result.parting);
    CHECK(result.parting->alike == at - 1);
    REQUIRE(result.parting->values.size() == 1);
    CHECK(result.parting->values[0].what == "cr2");
    CHECK(result.parting->values[0].one == "0x0");
    CHECK(result.parting->values[0].other == "0x10");
    CHECK(!result.parting->mnemonic.empty());
    const std::string words = text(comparison_sheet(result, "Ringside", "the peer"));
    CHECK(words.find("part at instruction " + std::to_string(at) + " ") != std::string::npos);
  }
}

// Memory that the guest has written and never looks at again: no register tells of it.
TEST_CASE("a peer's bug of one bit in memory is found at its instruction") {
  const auto probe = hello();
  probe->run(3000);
  u64 written = 0;
  probe->memory().for_each_written_page([&](HostPhys page, const u8*) {
    if (written == 0 && page.value < 0x80000) written = page.value;
  });
  const u64 at = written + 0xff0;
  const Comparison result = with_harm(2'600, [at](Machine& m) {
    const u8 byte = 0x40;
    m.memory().write_block(HostPhys(at), &byte, 1);
  });
  REQUIRE(result.parting);
  CHECK(result.parting->alike == 2'599);
  REQUIRE(result.parting->values.size() == 1);
  CHECK(result.parting->values[0].what.find("physical") != std::string::npos);
  CHECK(result.parting->values[0].what.find("no operand of this instruction") != std::string::npos);
}

// As QEMU does it. The guest's page fault is in 64-bit mode, its stack where physical and linear addresses
// are the same.
TEST_CASE("a peer that pushes no RF for faults is not judged by that") {
  const auto clear_flag = [](Machine& m) {
    const u64 at = m.cpu(0).gpr[RSP] + 24 + 2;  // above error code, RIP and CS: the flags' third byte
    u8 byte = 0;
    m.memory().read_block(HostPhys(at), &byte, 1);
    const Cpu& cpu = m.cpu(0);
    if (!cpu.mode.bits64 || cpu.cr2 == 0 || byte != 1) return;
    byte = 0;
    m.memory().write_block(HostPhys(at), &byte, 1);
  };
  const Comparison result = with_harm(FakePeer::each_step, clear_flag);
  CHECK_MESSAGE(!result.parting, text(comparison_sheet(result, "Ringside", "the peer")));
  REQUIRE(!result.remarks.empty());
  CHECK(result.remarks[0].find("RF in the flags") != std::string::npos);
}

// The guest's loop comes to no place for the first time, so that the peer is stepped from stretch to stretch.
// In the second one memory that nobody looks at is found to differ, and the peer is brought back to make the
// steps of that stretch once more, and only those.
TEST_CASE("a peer that was stepped is brought back to where the last stretch began") {
  constexpr u64 harmed = Guest::data + 0x800;
  const auto loops = [] {
    Guest g;
    g.bytes({0xb9}).number(100'000, 4);            // mov ecx, 100000
    g.bytes({0xff, 0x05}).number(Guest::data, 4);  // inc dword ptr [data]
    g.bytes({0x49, 0x75, 0xf7}).hlt();             // dec ecx; jnz
    return std::move(g.machine);
  };
  const auto harm = [](Machine& m) {
    const u8 byte = 0x40;
    m.memory().write_block(HostPhys(harmed), &byte, 1);
  };
  for (const u64 at : {60u, 150u}) {
    CAPTURE(at);
    const auto own = loops();
    const auto peer = gdb_peer("the peer", fake_wire({loops, at, harm}));
    const Comparison result = run_alongside(*own, *peer, 2'000, nullptr, false);
    CHECK(result.failure == "");
    REQUIRE_MESSAGE(result.parting, text(comparison_sheet(result, "Ringside", "the peer")));
    CHECK(result.parting->alike == at - 1);
    REQUIRE(result.parting->values.size() == 1);
    CHECK(result.parting->values[0].what.find("physical") != std::string::npos);
  }
}

// As QEMU's time-stamp counter does. Memory that is found to differ has the peer run again.
TEST_CASE("a peer whose clock is another one when it runs again is not judged by that") {
  constexpr u64 harmed = Guest::data + 0x800, at = 600;
  const auto loops = [] {
    Guest g;
    g.bytes({0x0f, 0x31, 0x89, 0xc3});             // rdtsc; mov ebx, eax
    g.bytes({0xb9}).number(100'000, 4);            // mov ecx, 100000
    g.bytes({0xff, 0x05}).number(Guest::data, 4);  // inc dword ptr [data]
    g.bytes({0x49, 0x75, 0xf7}).hlt();             // dec ecx; jnz
    return std::move(g.machine);
  };
  const auto starts = std::make_shared<u64>(0), steps = std::make_shared<u64>(0);
  const auto anew = [=] {
    ++*starts;
    *steps = 0;
    return loops();
  };
  const auto harm = [=](Machine& m) {
    Cpu& cpu = m.cpu(0);
    constexpr u64 rdtsc = 0x310f;
    if (m.memory().read(HostPhys(cpu.rip - 2), 2) == rdtsc) cpu.gpr[RAX] += *starts * 1'000'000;
    if (++*steps == at) m.memory().write(HostPhys(harmed), 1, 0x40);
  };
  const auto own = loops();
  const auto peer = gdb_peer("the peer", fake_wire({anew, FakePeer::each_step, harm}));
  const Comparison result = run_alongside(*own, *peer, 2'000, nullptr, false);
  CHECK(result.failure == "");
  REQUIRE_MESSAGE(result.parting, text(comparison_sheet(result, "Ringside", "the peer")));
  CHECK(result.parting->alike == at - 1);
  CHECK(result.parting->values[0].what.find("physical") != std::string::npos);
}

// Its processor's own revision is another one: what the guest reads of it, and what it then takes for a VMCS.
TEST_CASE("a hypervisor is compared with a peer whose VMCSs have another revision") {
  constexpr u32 foreign = 0x11;
  const auto visor = [] {
    MachineConfig config = Guest::config(1);
    config.boot.bios = RINGSIDE_BINARY_DIR "/roms/visor.bin";
    std::string error;
    auto machine = Machine::create(config, error);
    REQUIRE_MESSAGE(machine, error);
    return machine;
  };
  const auto with_foreign_revision = [](Machine& m) {
    Cpu& cpu = m.cpu(0);
    constexpr u64 rdmsr = 0x320f;
    if (m.memory().read(HostPhys(linear_rip(cpu) - 2), 2) == rdmsr && cpu.gpr[RCX] == first_capability_msr)
      cpu.gpr[RAX] = foreign;
    const std::string next = next_instruction(cpu, nullptr).mnemonic;
    if (next != "vmxon" && next != "vmptrld" && next != "vmclear") return;
    const u64 region = m.memory().read(HostPhys(memory_operand(cpu).value()), 8);
    if (m.memory().read(HostPhys(region), 4) == foreign) m.memory().write(HostPhys(region), 4, vmcs_revision);
  };
  const auto own = visor();
  const auto peer = gdb_peer("the peer", fake_wire({visor, FakePeer::each_step, with_foreign_revision}));
  const Comparison result = run_alongside(*own, *peer, ~u64{0}, nullptr, false);
  CHECK(result.failure == "");
  CHECK_MESSAGE(!result.parting, text(comparison_sheet(result, "Ringside", "the peer")));
  CHECK(result.ending.find("powered the machine off") != std::string::npos);
}

TEST_CASE("the x87's registers are compared from the top of its stack on") {
  const auto pushes = [] {
    Guest g;
    g.bytes({0xdb, 0xe3, 0xd9, 0xe8, 0xd9, 0xeb, 0xd9, 0xee}).hlt();  // fninit; fld1; fldpi; fldz
    return std::move(g.machine);
  };
  const auto compared = [&](FakePeer with) {
    const auto own = pushes();
    const auto peer = gdb_peer("the peer", fake_wire(std::move(with)));
    return run_alongside(*own, *peer, 3, nullptr, false);
  };
  const Comparison same = compared({pushes, 0, {}});
  CHECK(same.failure == "");
  CHECK_MESSAGE(!same.parting, text(comparison_sheet(same, "Ringside", "the peer")));
  CHECK(same.instructions == 4);
  const Comparison other =
      compared({pushes, 3, [](Machine& m) { m.cpu(0).x87.physical[7].significand = 1; }});
  REQUIRE(other.parting);
  CHECK(other.parting->alike == 2);
  REQUIRE(other.parting->values.size() == 1);
  CHECK(other.parting->values[0].what == "st1");
}

TEST_CASE("a comparison with a peer ends at its limit") {
  const Comparison result = compare(fake_wire({hello, 0, {}}), 1000);
  CHECK(!result.parting);
  CHECK(result.ending == "");
  CHECK(result.instructions <= 1001);
}

TEST_CASE("a peer that fails is told in one line") {
  CHECK(compare(absent_wire(false)).failure == "the peer is gone: no such machine");
  CHECK(compare(absent_wire(true)).failure == "the peer has not answered for 60 seconds");
  for (const char* babble : {"$#00", "$E01#a6", "hello", "$T05#b9", "$OK#9a", "$l#6c"}) {
    const std::string failure = compare(babbling_wire(babble), 10).failure;
    CHECK_MESSAGE(failure.starts_with("the peer "), babble);
    CHECK(failure.find('\n') == std::string::npos);
  }
}

// As QEMU does whose guest has halted in a handler that the own side never enters.
TEST_CASE("a peer that never comes where it is sent ends the comparison when the time is over") {
  const auto own = hello();
  const auto peer = gdb_peer("the peer", fake_wire({hello, 0, {}, true}));
  int asked = 0;
  const auto goes_on = [&asked] { return ++asked < 1000; };
  const Comparison result = run_alongside(*own, *peer, ~u64{0}, nullptr, false, goes_on);
  CHECK(result.failure == "");
  CHECK(result.ending == "");
  CHECK_MESSAGE(!result.parting, text(comparison_sheet(result, "Ringside", "the peer")));
  CHECK(result.instructions == 0);
  CHECK(asked < 1100);
  REQUIRE(!result.remarks.empty());
  CHECK(result.remarks[0].starts_with("there was no time left: the peer was on its way to 0x"));
}

// Without such an end it is only late: what the steps say is found.
TEST_CASE("a peer that never comes where it is sent is followed step by step") {
  const FakePeer harmed{hello, 333, [](Machine& m) { m.cpu(0).cr2 ^= 0x10; }, true};
  const Comparison result = compare(fake_wire(harmed));
  CHECK(result.failure == "");
  REQUIRE_MESSAGE(result.parting, text(comparison_sheet(result, "Ringside", "the peer")));
  CHECK(result.parting->alike == 332);
}

TEST_CASE("peers by name are refused in one line") {
  std::string error;
  CHECK(!known_peer("simics", hello_config(), "", error));
  CHECK(error == "--with simics: nothing of this name is compared with; write qemu, bochs or reference");
}

TEST_CASE("what Bochs prints is read as registers") {
  const auto found = bochs_registers(
      "<bochs:7> CPU0:\nrax: ffffffff_80000001\nr8 : 00000000_00000002\n"
      "eflags 0x00000046: id vip\n<bochs:8> cs:0x0010, dh=0x00cf9b00, dl=0x0000ffff, valid=1\n"
      "\tCode segment, base=0x00001000, limit=0xffffffff, Execute/Read\n"
      "tr:0x0000, dh=0x00008b00, dl=0x0000ffff, valid=1\ngdtr:base=0x00000000000f07e0, limit=0x1f\n"
      "CR2=page fault laddr=0x0000000000000123\nCR8: 0x0\n"
      "  FP1 ST1(0):        raw 0x3fff:8000000000000000 (1.0) (NORMAL)\n"
      "XMM[11]: 00000001_00000002_00000003_00000004\n");
  const auto value = [&](std::string_view name) -> std::optional<u64> {
    for (const PeerRegister& one : found)
      if (one.name == name) return one.value;
    return std::nullopt;
  };
  CHECK(value("rax") == 0xffffffff80000001);
  CHECK(value("r8") == 2);
  CHECK(value("eflags") == 0x46);
  CHECK(value("cs") == 0x10);
  CHECK(value("cs.base") == 0x1000);
  CHECK(value("cs.limit") == 0xffffffff);
  CHECK(value("tr.base") == std::nullopt);
  CHECK(value("gdtr.base") == 0xf07e0);
  CHECK(value("cr2") == 0x123);
  CHECK(value("st1.e") == 0x3fff);
  CHECK(value("st1") == 0x8000000000000000);
  CHECK(value("xmm11.h") == 0x100000002);
  CHECK(value("xmm11") == 0x300000004);
}

TEST_CASE("QEMU's first instructions are compared, where it is installed") {
  std::string error;
  const auto peer = known_peer("qemu", hello_config(), "", error);
  if (!peer) {
    MESSAGE(error);
    return;
  }
  const auto own = hello();
  const Comparison result = run_alongside(*own, *peer, 300, nullptr, false);
  CHECK(result.failure == "");
  CHECK_MESSAGE(!result.parting, text(comparison_sheet(result, "Ringside", "QEMU")));
}

}  // namespace ringside
