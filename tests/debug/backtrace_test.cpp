// Owns the tests of back traces: call-frame information as a compiler writes it, of this very program; frame
// pointers in a guest's memory.
#include <ucontext.h>

#include <cstring>

#include "frontend/inspect/backtrace.h"
#include "frontend/symbols/unwind.h"
#include "frontend/render/sheet_text.h"
#include "tests/debug/visor_machine.h"

using namespace ringside;

#if defined(__x86_64__)
namespace {

struct Trace {
  Symbols symbols;
  std::vector<u64> found, expected;
};

}  // namespace

extern "C" __attribute__((noinline, no_sanitize("address"))) void ringside_unwind_inner(Trace& trace) {
  ucontext_t context;
  getcontext(&context);
  const auto& g = context.uc_mcontext.gregs;
  UnwindRegisters now;
  constexpr int order[17] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
                             REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
  for (unsigned n = 0; n < 17; ++n) now.value[n] = static_cast<u64>(g[order[n]]);
  const ReadStack read = [](u64 address, unsigned size) -> std::optional<u64> {
    u64 word = 0;
    std::memcpy(&word, reinterpret_cast<const void*>(address), size);
    return word;
  };
  trace.expected.insert(trace.expected.begin(), reinterpret_cast<u64>(__builtin_return_address(0)));
  for (unsigned n = 0; n < 2; ++n) {
    const u64 rip = *now.value[UnwindRegisters::return_address];
    bool signal_frame = false;
    const auto outer =
        unwind_by_information(trace.symbols.frames(rip - 1), now, rip, false, read, signal_frame);
    REQUIRE(outer.has_value());
    now = *outer;
    trace.found.push_back(*now.value[UnwindRegisters::return_address]);
  }
}

extern "C" __attribute__((noinline, no_sanitize("address"))) void ringside_unwind_middle(Trace& trace) {
  volatile char room[100] = {};
  trace.expected.push_back(reinterpret_cast<u64>(__builtin_return_address(0)));
  ringside_unwind_inner(trace);
  room[0] = room[1];
}

TEST_CASE("call-frame information leads from callee to caller") {
  Trace trace;
  std::string error;
  REQUIRE_MESSAGE(trace.symbols.load("/proc/self/exe", {.name = "self"}, error), error);
  const auto offset = trace.symbols.offset_for("self", "ringside_unwind_inner",
                                               reinterpret_cast<u64>(&ringside_unwind_inner));
  REQUIRE(offset.has_value());
  REQUIRE(trace.symbols.set_offset("self", *offset));
  CHECK(trace.symbols.images()[0].has_frames);
  ringside_unwind_middle(trace);
  CHECK(trace.found == trace.expected);
  CHECK(trace.symbols.find(trace.found[0])->symbol == "ringside_unwind_middle");
  const auto line = trace.symbols.line(reinterpret_cast<u64>(&ringside_unwind_inner));
  REQUIRE(line.has_value());
  CHECK(has(line->text(), "debug/backtrace_test.cpp:"));
}
#endif

TEST_CASE("frame pointers lead up the stack, as far as they make sense") {
  VisorMachine m;
  REQUIRE(m.to_symbol("main"));
  Cpu& cpu = m.cpu();
  PhysicalMemory& memory = m.machine->memory();
  const u64 callers[3] = {*m.symbols.address("make_vmcs") + 5, *m.symbols.address("make_ept") + 5,
                          *m.symbols.address("enable_vmx") + 5};
  cpu.gpr[RSP] = 0x6000;
  cpu.gpr[RBP] = 0x6100;
  for (u64 n = 0; n < 3; ++n) {
    memory.write(HostPhys(0x6100 + 0x100 * n), 8, 0x6200 + 0x100 * n);
    memory.write(HostPhys(0x6108 + 0x100 * n), 8, callers[n]);
  }
  memory.write(HostPhys(0x6400), 8, 0);
  memory.write(HostPhys(0x6408), 8, 0);
  const auto frames = backtrace(cpu, unwind_start(cpu), m.symbols);
  REQUIRE(frames.size() == 4);
  for (unsigned n = 0; n < 3; ++n) {
    CHECK(frames[n + 1].rip == callers[n]);
    CHECK(frames[n + 1].found == StackFrame::Found::frame_pointer);
  }
  const std::string text = ringside::text(backtrace_sheet(cpu, m.symbols));
  CHECK(text.starts_with("#0  0x"));
  CHECK(has(text, "make_vmcs+0x5  visor/vmcs.inc:"));
  CHECK(backtrace(cpu, unwind_start(cpu), m.symbols, 2).size() == 2);
  // A loop, a pointer below the stack, memory that is not there.
  memory.write(HostPhys(0x6300), 8, 0x6100);
  CHECK(backtrace(cpu, unwind_start(cpu), m.symbols).size() <= 5);
  cpu.gpr[RBP] = 0x5000;
  CHECK(backtrace(cpu, unwind_start(cpu), m.symbols).size() == 1);
  cpu.gpr[RBP] = u64{1} << 40;
  CHECK(backtrace(cpu, unwind_start(cpu), m.symbols).size() == 1);
  cpu.gpr[RBP] = ~u64{7};
  CHECK(backtrace(cpu, unwind_start(cpu), m.symbols).size() == 1);
}

TEST_CASE("after an exit there are two stacks") {
  VisorMachine m;
  REQUIRE(m.into_guest());
  CHECK_FALSE(guest_unwind_start(m.cpu()).has_value());
  REQUIRE(m.to_exit(ExitReason::cpuid));
  const auto guest = guest_unwind_start(m.cpu());
  REQUIRE(guest.has_value());
  CHECK(guest->rip == m.vmcs()[Field::GUEST_RIP]);
  CHECK(guest->bits == 64);
  const std::string text = ringside::text(backtrace_sheet(m.cpu(), m.symbols));
  CHECK(has(text, "vm_exit"));
  CHECK(has(text, "the guest, as the last VM exit left it:\n#0  0x"));
  CHECK(has(text, "guest_start"));
}
