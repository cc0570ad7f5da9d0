// Owns the tests of Linux's ORC, and of what is left when nothing is known of the code.
#include "frontend/symbols/orc.h"

#include <map>

#include "frontend/inspect/backtrace.h"
#include "frontend/symbols/unwind.h"
#include "frontend/render/sheet_text.h"
#include "tests/debug/visor_machine.h"

using namespace ringside;

namespace {

using Base = OrcEntry::Base;
using Frame = OrcEntry::Frame;

OrcEntry entry(std::array<u8, 6> bytes, bool header) { return orc_entry(bytes, header); }

struct Stack {
  std::map<u64, u64> words;
  UnwindRegisters inner;
  bool signal_frame = false;

  Stack() {
    inner.value[UnwindRegisters::rsp] = 0x1000;
    inner.value[UnwindRegisters::rbp] = 0x1100;
    for (u64 at = 0x1000; at < 0x1200; at += 8) words[at] = at << 16;
  }
  std::optional<UnwindRegisters> step(const OrcEntry& orc) {
    return unwind_by_orc(
        orc, inner,
        [this](u64 at, unsigned) {
          const auto found = words.find(at);
          return found == words.end() ? std::nullopt : std::optional(found->second);
        },
        signal_frame);
  }
};

}  // namespace

TEST_CASE("an entry's bytes, of both kinds of kernels") {
  const OrcEntry old = entry({16, 0, 0xf0, 0xff, 0x14, 0x00}, false);
  CHECK(old.sp_offset == 16);
  CHECK(old.bp_offset == -16);
  CHECK(old.sp == Base::bp);
  CHECK(old.bp == Base::previous_sp);
  CHECK(old.frame == Frame::call);
  CHECK(entry({0, 0, 0, 0, 0x05, 0x01}, false).frame == Frame::registers);
  CHECK(entry({0, 0, 0, 0, 0x05, 0x02}, false).frame == Frame::interrupt);
  CHECK(entry({0, 0, 0, 0, 0x00, 0x04}, false).frame == Frame::end);
  CHECK(entry({0, 0, 0, 0, 0x00, 0x00}, false).frame == Frame::none);
  CHECK(entry({8, 0, 0, 0, 0x05, 0x02}, true).frame == Frame::call);
  CHECK(entry({8, 0, 0, 0, 0x05, 0x03}, true).frame == Frame::registers);
  CHECK(entry({8, 0, 0, 0, 0x05, 0x04}, true).frame == Frame::interrupt);
  CHECK(entry({8, 0, 0, 0, 0x00, 0x01}, true).frame == Frame::end);
  CHECK(entry({8, 0, 0, 0, 0x00, 0x00}, true).frame == Frame::none);
  OrcTable table;
  CHECK_FALSE(table.find(0).has_value());
  table = {{0x1000, 0x1010}, {old, entry({0, 0, 0, 0, 0, 4}, false)}};
  CHECK_FALSE(table.find(0xfff).has_value());
  CHECK(table.find(0x100f)->frame == Frame::call);
  CHECK(table.find(~u64{0})->frame == Frame::end);
}

TEST_CASE("a step outward by ORC") {
  Stack stack;
  auto outer = stack.step(
      {.sp_offset = 0x20, .bp_offset = -16, .sp = Base::sp, .bp = Base::previous_sp, .frame = Frame::call});
  REQUIRE(outer.has_value());
  CHECK(outer->value[UnwindRegisters::rsp] == 0x1020);
  CHECK(outer->value[UnwindRegisters::return_address] == 0x10180000);
  CHECK(outer->value[UnwindRegisters::rbp] == 0x10100000);
  CHECK_FALSE(stack.signal_frame);
  outer = stack.step({.sp_offset = 16, .sp = Base::bp, .frame = Frame::call});
  CHECK(outer->value[UnwindRegisters::rsp] == 0x1110);
  CHECK(outer->value[UnwindRegisters::rbp] == 0x1100);
  stack.words[0x1000] = 0x1080;
  outer = stack.step({.sp_offset = 8, .sp = Base::at_sp, .frame = Frame::call});
  CHECK(outer->value[UnwindRegisters::rsp] == 0x1088);
  // All registers, as the entry code saves them; then those that the processor pushes.
  outer = stack.step({.sp = Base::sp, .frame = Frame::registers});
  CHECK(stack.signal_frame);
  CHECK(outer->value[UnwindRegisters::return_address] == 0x10800000);
  CHECK(outer->value[UnwindRegisters::rsp] == 0x10980000);
  CHECK(outer->value[UnwindRegisters::rbp] == 0x10200000);
  CHECK(outer->value[0] == 0x10500000);
  outer = stack.step({.sp_offset = 8, .sp = Base::sp, .frame = Frame::interrupt});
  CHECK(outer->value[UnwindRegisters::return_address] == 0x10080000);
  CHECK(outer->value[UnwindRegisters::rsp] == 0x10200000);
  // What is not there, and what ORC does not know.
  CHECK_FALSE(stack.step({.sp_offset = 0x7000, .sp = Base::sp, .frame = Frame::call}).has_value());
  CHECK_FALSE(stack.step({.sp = Base::r10, .frame = Frame::call}).has_value());
  CHECK_FALSE(stack.step({.sp = Base::undefined, .frame = Frame::call}).has_value());
  CHECK_FALSE(stack.step({.sp = Base::sp, .frame = Frame::end}).has_value());
  CHECK_FALSE(stack.step({.sp = static_cast<Base>(15), .frame = Frame::call}).has_value());
}

TEST_CASE("without any information: the next word on the stack that leads behind a call") {
  VisorMachine m;
  REQUIRE(m.to_symbol("main"));
  Cpu& cpu = m.cpu();
  PhysicalMemory& memory = m.machine->memory();
  // The code moves from the ROM into the RAM behind it, where it can be written to: PAM0, F0000H to FFFFFH.
  std::vector<u8> rom(0x10000);
  memory.read_block(HostPhys(0xf0000), rom.data(), rom.size());
  cpu.ports->port_write(0xcf8, 4, 0x80000058);
  cpu.ports->port_write(0xcfd, 1, 0x30);
  memory.write_block(HostPhys(0xf0000), rom.data(), rom.size());
  for (u64 at = 0x6000; at < 0x6500; at += 8) memory.write(HostPhys(at), 8, 0);
  cpu.gpr[RSP] = 0x6000;
  cpu.gpr[RBP] = 0;
  const u64 caller = *m.symbols.address("make_ept") + 16, other = *m.symbols.address("make_vmcs") + 16;
  memory.write(HostPhys(0x6040), 8, caller);
  memory.write(HostPhys(0x6080), 8, other);
  for (u64 n = 1; n < 8; ++n) {
    memory.write(HostPhys(caller - n), 1, 0x90);
    memory.write(HostPhys(other - n), 1, 0x90);
  }
  CHECK(backtrace(cpu, unwind_start(cpu), m.symbols).size() == 1);
  memory.write(HostPhys(other - 5), 1, 0xe8);
  auto frames = backtrace(cpu, unwind_start(cpu), m.symbols);
  REQUIRE(frames.size() == 2);
  CHECK(frames[1].rip == other);
  CHECK(frames[1].found == StackFrame::Found::on_stack);
  memory.write(HostPhys(caller - 2), 2, 0xd0ff);  // call rax
  frames = backtrace(cpu, unwind_start(cpu), m.symbols);
  REQUIRE(frames.size() == 3);
  CHECK(frames[1].rip == caller);
  CHECK(frames[1].rsp == 0x6048);
  CHECK(has(ringside::text(backtrace_sheet(cpu, m.symbols)), "(found on the stack)"));
  memory.write(HostPhys(caller - 2), 2, 0xe0ff);  // jmp rax
  CHECK(backtrace(cpu, unwind_start(cpu), m.symbols).size() == 2);
  cpu.gpr[RSP] = 0x6001;
  CHECK(backtrace(cpu, unwind_start(cpu), m.symbols).size() == 1);
  cpu.gpr[RSP] = ~u64{7};
  CHECK(backtrace(cpu, unwind_start(cpu), m.symbols).size() == 1);
}

TEST_CASE("the first instruction after a VM exit has the guest's registers, which lead nowhere") {
  VisorMachine m;
  CHECK_FALSE(unwind_start(m.cpu()).only_rsp);
  REQUIRE(m.into_guest());
  CHECK_FALSE(unwind_start(m.cpu()).only_rsp);
  REQUIRE(m.to_exit(ExitReason::cpuid));
  CHECK(unwind_start(m.cpu()).only_rsp);
  // A frame of the guest's that a frame pointer would follow.
  PhysicalMemory& memory = m.machine->memory();
  m.cpu().gpr[RBP] = (m.cpu().gpr[RSP] + 0x100) & ~u64{7};
  memory.write(HostPhys(m.cpu().gpr[RBP]), 8, 0);
  memory.write(HostPhys(m.cpu().gpr[RBP] + 8), 8, *m.symbols.address("main"));
  CHECK(backtrace(m.cpu(), unwind_start(m.cpu()), m.symbols).size() == 1);
  m.machine->run(1);
  CHECK_FALSE(unwind_start(m.cpu()).only_rsp);
}
