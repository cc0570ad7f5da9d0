// Owns the tests of translation across transitions: PAE paging's registers, what VM entries and exits drop,
// and the order of INVEPT's and INVVPID's checks.
#include "tests/vmx/fixture.h"

using namespace ringside;

namespace {

constexpr u64 pdpt = 0x400000, directory = 0x401000, other_directory = 0x402000, data = 0x600000,
              other_data = 0x800000;
constexpr u8 in_eax = 0xa1;  // MOV EAX, [moffs]

// A 32-bit guest with PAE paging. Two page directories differ in what the page at `data` is.
void pae_guest(VmxMachine& m) {
  m.off(VmxControl::ia32e_mode_guest);
  m.set(Field::GUEST_IA32_EFER, 0);
  m.set(Field::GUEST_CR4, Cr4::VMXE | Cr4::PAE);
  m.set(Field::GUEST_CR3, pdpt);
  m.set(Field::GUEST_CS_SELECTOR, sel::code0);
  m.set(Field::GUEST_CS_ACCESS_RIGHTS, 0xc09b);
  m.put(pdpt, other_directory | 1);
  for (unsigned n = 0; n < 8; ++n) {
    m.put(directory + 8 * n, (u64{n} << 21) | 0x87);
    m.put(other_directory + 8 * n, n == data >> 21 ? other_data | 0x87 : (u64{n} << 21) | 0x87);
  }
  m.put(data, 1);
  m.put(other_data, 2);
}

// mov eax, [data]; cpuid; mov eax, pdpt; mov cr3, eax; mov eax, [data]; cpuid
void pae_program(VmxMachine& m) {
  m.guest({in_eax, 0,    0,    0x60, 0,      0x0f, 0xa2, 0xb8, 0, 0,    0x40,
           0,      0x0f, 0x22, 0xd8, in_eax, 0,    0,    0x60, 0, 0x0f, 0xa2});
}

void past_cpuid(VmxMachine& m) { m.set(Field::GUEST_RIP, m[Field::GUEST_RIP] + 2); }

}  // namespace

TEST_CASE("PAE paging without EPT: an entry reads the PDPTEs from memory") {
  VmxMachine m;
  pae_guest(m);
  pae_program(m);
  m.set(Field::GUEST_PDPTE0, directory | 1);  // not looked at
  CHECK(m.broken_rules() == "");
  CHECK(m.exit_of() == m.number(ExitReason::cpuid));
  CHECK(m.cpu.gpr[RAX] == 2);
  CHECK(m[Field::GUEST_PDPTE0] == (directory | 1));
  // A reserved bit.
  m.put(pdpt + 8, 1 << 1 | 1);
  m.enter();
  CHECK(m.in_host());
  CHECK(m.reason() == (m.number(ExitReason::entry_failure_guest_state) | entry_failure_bit));
  CHECK(m[Field::EXIT_QUALIFICATION] == 2);
  // In one that is not present it is none.
  m.put(pdpt + 8, 1 << 1);
  CHECK(m.exit_of() == m.number(ExitReason::cpuid));
}

TEST_CASE("PAE paging with EPT: the PDPTEs come from the VMCS, and go back there") {
  VmxMachine m;
  m.use_ept();
  pae_guest(m);
  pae_program(m);
  m.set(Field::GUEST_PDPTE0, directory | 1);
  CHECK(m.broken_rules() == "");
  CHECK(m.exit_of() == m.number(ExitReason::cpuid));
  CHECK(m.cpu.gpr[RAX] == 1);
  CHECK(m[Field::GUEST_PDPTE0] == (directory | 1));
  past_cpuid(m);
  CHECK(m.exit_of() == m.number(ExitReason::cpuid));
  CHECK(m.cpu.gpr[RAX] == 2);
  CHECK(m[Field::GUEST_PDPTE0] == (other_directory | 1));
}

TEST_CASE("without VPIDs transitions drop the guest's and the host's translations; with them they stay") {
  for (const bool tagged : {false, true}) {
    CAPTURE(tagged);
    VmxMachine m;
    constexpr u64 table = 0x230000;
    m.put(0x3000 + 8 * (data >> 21), table | 7);
    m.put(table, data | 7);
    m.put(data, 1);
    m.put(other_data, 2);
    // mov rax, [data]; cpuid, in the guest; mov rbx, [data]; hlt, in the host
    m.guest({0x48, 0xa1, 0, 0, 0x60, 0, 0, 0, 0, 0, 0x0f, 0xa2});
    m.code(vmx_at::host, {0x48, 0x8b, 0x1c, 0x25, 0, 0, 0x60, 0, 0xf4});
    if (tagged) {
      m.on(VmxControl::vpid);
      m.set(Field::VIRTUAL_PROCESSOR_ID, 3);
    }
    m.enter();
    CHECK(m.reason() == m.number(ExitReason::cpuid));
    CHECK(m.cpu.gpr[RAX] == 1);
    CHECK(m.cpu.gpr[RBX] == 1);
    m.put(table, other_data | 7);
    m.set(Field::GUEST_RIP, vmx_at::guest_code);
    m.enter();
    CHECK(m.cpu.gpr[RAX] == (tagged ? 1 : 2));
    CHECK(m.cpu.gpr[RBX] == (tagged ? 1 : 2));
  }
}

TEST_CASE("INVEPT and INVVPID look at the type before the descriptor") {
  constexpr u64 unmapped = 0x100000000;
  for (const u8 opcode : {0x80, 0x81}) {
    for (const u64 type : {u64{1}, u64{9}}) {
      VmxMachine m;
      m.code(vmx_at::host, {0x66, 0x0f, 0x38, opcode, 0x19, 0xf4});  // INVEPT or INVVPID rbx, [rcx]; hlt
      m.cpu.gpr[RBX] = type;
      m.cpu.gpr[RCX] = unmapped;
      m.cpu.cr2 = 0;
      m.cpu.rip = m.cpu.next_rip = vmx_at::host;
      m.code(at::handler(14), {0xf4});
      m.run(20);
      if (type == 1) {
        CHECK(m.cpu.cr2 == unmapped);
      } else {
        CHECK(m.cpu.cr2 == 0);
        CHECK(m.cpu.eflags() == (Eflags::reserved_one | Eflags::ZF));
        CHECK(m[Field::VM_INSTRUCTION_ERROR] == 28);
      }
    }
  }
}
