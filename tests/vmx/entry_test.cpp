// Owns the tests of VM entry: what it loads, what it refuses late, and the event that it injects.
#include "tests/vmx/fixture.h"

using namespace ringside;

TEST_CASE("a guest's CPUID exits, and VMRESUME goes on behind it") {
  VmxMachine m;
  m.guest({0x0f, 0xa2, 0x90, 0x0f, 0xa2});  // cpuid; nop; cpuid
  CHECK(m.broken_rules() == "");
  CHECK(m.exit_of() == m.number(ExitReason::cpuid));
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code);
  CHECK(m[Field::VM_EXIT_INSTRUCTION_LENGTH] == 2);
  CHECK(m.v->launched);
  m.set(Field::GUEST_RIP, vmx_at::guest_code + 2);
  CHECK(m.exit_of() == m.number(ExitReason::cpuid));
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code + 3);
  CHECK(m.v->entries == 2);
  CHECK(m.v->exits == 2);
}
