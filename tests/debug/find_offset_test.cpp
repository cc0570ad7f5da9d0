// Owns the tests of the guess at a kernel's load offset.
#include "frontend/inspect/find_offset.h"
#include "tests/debug/files.h"
#include "tests/debug/visor_machine.h"

using namespace ringside;

namespace {

const std::string kernel =
    "ffffffff81000000 T _text\n"
    "ffffffff81000800 T asm_exc_int3\n"
    "ffffffff81000a00 T asm_exc_page_fault\n"
    "ffffffff81001000 T entry_SYSCALL_64\n";

struct Kernel : VisorMachine {
  static constexpr u64 moved = 0x1e000000, idt = 0x6000;
  TemporaryFile file{kernel};
  std::string why;

  Kernel() {
    std::string error;
    REQUIRE(symbols.load(file.path, {.name = "linux"}, error));
    REQUIRE(into_guest());
    for (unsigned n = 0; n < 32; ++n) set_gate(n, 0);
    cpu().idtr = {idt, 0xfff};
  }
  void set_gate(unsigned vector, u64 to) {
    PhysicalMemory& memory = machine->memory();
    memory.write(HostPhys(idt + 16 * vector), 8,
                 to ? (to & 0xffff) | u64{0x10} << 16 | u64{0x8e00} << 32 | (to >> 16 & 0xffff) << 48 : 0);
    memory.write(HostPhys(idt + 16 * vector + 8), 8, to >> 32);
  }
  std::optional<u64> find(World world = World::any) {
    why.clear();
    return find_offset(cpu(), symbols, "linux", world, why);
  }
};

}  // namespace

TEST_CASE("the offset follows from what the CPU's tables point at") {
  Kernel k;
  CHECK_FALSE(k.find().has_value());
  CHECK(k.why == "the CPU's tables do not lead into a kernel yet");
  k.set_gate(14, 0xffffffff81000a00 + k.moved);
  CHECK(k.find() == k.moved);
  CHECK(k.why == "gate 14 is asm_exc_page_fault at 0xffffffff9f000a00");
  k.cpu().msr.lstar = 0xffffffff81001000 + k.moved;
  CHECK(k.find() == k.moved);
  CHECK(has(k.why, "IA32_LSTAR is entry_SYSCALL_64"));
  // What the guest's kernel left there says nothing of the hypervisor's, and the other way round.
  k.cpu().msr.lstar += page_bytes;
  CHECK(k.find() == k.moved);
  CHECK_FALSE(has(k.why, "IA32_LSTAR"));
  k.cpu().msr.lstar -= page_bytes;
  k.set_gate(3, 0xffffffff81000801 + k.moved);
  CHECK_FALSE(k.find().has_value());
  CHECK(has(k.why, "the CPU's tables disagree"));
  k.set_gate(3, 0);
  k.set_gate(14, 0);
  k.cpu().msr.lstar += 8;
  CHECK_FALSE(k.find().has_value());
  CHECK(has(k.why, "not the same kernel, or too early"));
  CHECK_FALSE(find_offset(k.cpu(), k.symbols, "visor", World::any, k.why).has_value());
  CHECK(has(k.why, "has none of the symbols"));
  CHECK_FALSE(find_offset(k.cpu(), k.symbols, "other", World::any, k.why).has_value());
  CHECK(k.why == "no image other is loaded");
}

TEST_CASE("a guest's offset is found while its hypervisor runs") {
  Kernel k;
  k.set_gate(14, 0xffffffff81000a00 + k.moved);
  REQUIRE(k.to_exit(ExitReason::cpuid));
  Vmcs& vmcs = *k.cpu().vmx->current;
  vmcs.set(Field::GUEST_IDTR_BASE, k.idt);
  vmcs.set(Field::GUEST_IDTR_LIMIT, 0xfff);
  CHECK(k.find(World::non_root) == k.moved);
  vmcs.set(Field::GUEST_IDTR_BASE, u64{1} << 40);
  CHECK_FALSE(k.find(World::non_root).has_value());
}
