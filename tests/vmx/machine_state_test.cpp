// Owns the tests of what goes on around a guest: saved states, INIT in root operation, VMX aborts.
#include "tests/fuzz/vmx_world.h"
#include "tests/vmx/fixture.h"

using namespace ringside;

namespace {

std::unique_ptr<Machine> machine() {
  MachineConfig config;
  std::string error;
  config.model = *parse_cpu_model("max", error);
  config.ram_bytes = 4 << 20;
  std::unique_ptr<Machine> m = Machine::create(config, error);
  REQUIRE(m);
  return m;
}

// A guest that counts in RAX and RDI, with everything that keeps state of its own; the host skips what exits.
std::unique_ptr<Machine> busy(unsigned kind) {
  std::unique_ptr<Machine> m = machine();
  fuzz::World world(*m);
  world.build(kind);
  for (const unsigned group : {0, 1, 2, 4, 9, 11, 15, 17, 20, 21, 22, 23}) world.use(group);
  world.set(Field::VMX_PREEMPTION_TIMER_VALUE, 40);
  const auto write = [&](u64 at, std::initializer_list<u8> bytes) {
    for (const u8 byte : bytes) world.put(at++, byte, 1);
  };
  // inc eax; add edi, eax; rdtsc; cpuid; jmp back
  write(fuzz::place::guest_code, {0xff, 0xc0, 0x01, 0xc7, 0x0f, 0x31, 0x0f, 0xa2, 0xeb, 0xf6});
  // mov eax, VM-exit instruction length; vmread rcx; mov eax, GUEST_RIP; vmread rdx; add; vmwrite; vmresume;
  // vmlaunch
  write(fuzz::place::host,
        {0xb8, 0x0c, 0x44, 0,    0,    0x0f, 0x78, 0xc1, 0xb8, 0x1e, 0x68, 0,    0,    0x0f, 0x78,
         0xc2, 0x48, 0x01, 0xca, 0x0f, 0x79, 0xc2, 0x0f, 0x01, 0xc3, 0x0f, 0x01, 0xc2, 0xf4});
  return m;
}

}  // namespace

TEST_CASE("a state that is saved while a guest runs goes on to the same end") {
  for (unsigned kind = 0; kind < fuzz::World::kinds; ++kind) {
    CAPTURE(kind);
    unsigned inside = 0;
    for (u64 at = 100; at < 112; ++at) {
      const auto one = busy(kind);
      one->run(at);
      inside += one->cpu(0).non_root;
      CHECK(one->cpu(0).vmx->current->exits > 2);
      const std::vector<u8> saved = one->save();
      const auto other = machine();
      std::string error;
      REQUIRE(other->restore(saved, error));
      CHECK(one->state_hash() == other->state_hash());
      one->run(500);
      other->run(123), other->run(377);
      CHECK(one->retired() == other->retired());
      CHECK(one->state_hash() == other->state_hash());
    }
    CHECK(inside > 2);
    CHECK(inside < 12);
  }
}

TEST_CASE("an INIT that root operation blocks costs nothing, and comes with VM entry or VMXOFF") {
  VmxMachine m;
  m.guest({0xeb, 0xfe});
  m.code(vmx_at::host, {0x90, 0x90, 0xf4});
  const auto pend = [&] {
    m.cpu.attention |= Attention::init;
    m.cpu.rip = m.cpu.next_rip = vmx_at::host;
    m.cpu.activity = Activity::active;
    m.run(10);
    CHECK(m.cpu.rip == vmx_at::host + 3);
    CHECK(m.vmx->init_pending);
    CHECK(!(m.cpu.attention & Attention::init));
  };
  pend();
  m.enter();
  CHECK(m.reason() == m.number(ExitReason::init_signal));
  CHECK(!m.vmx->init_pending);
  pend();
  // An entry that fails keeps it.
  m.set(Field::GUEST_RFLAGS, 0);
  m.enter();
  CHECK(m.reason() == (m.number(ExitReason::entry_failure_guest_state) | entry_failure_bit));
  CHECK(m.vmx->init_pending);
  m.code(vmx_at::host, {0x0f, 0x01, 0xc4, 0x90, 0xf4});
  m.cpu.rip = m.cpu.next_rip = vmx_at::host;
  m.cpu.activity = Activity::active;
  m.cpu.attention &= ~Attention::activity;
  m.run(1);
  CHECK(!m.cpu.vmx_operation);
  m.run(1);
  CHECK(!(m.cpu.cr0 & Cr0::PE));
  CHECK(!m.vmx->init_pending);
}

TEST_CASE("VMX aborts leave their indicator and a CPU that is shut down") {
  const auto aborted = [](VmxMachine& m, u32 why) {
    m.enter();
    CHECK(m.cpu.activity == Activity::shutdown);
    CHECK(!m.cpu.non_root);
    CHECK(m.get(vmx_at::vmcs + 4, 4) == why);
    CHECK(m.vmx->abort == why);
    CHECK(shutdown_reason(m.cpu).find("VMX abort") == 0);
  };
  {
    VmxMachine m;  // an MSR that no list may store
    m.guest({0x0f, 0xa2});
    m.msr_entry(vmx_at::msr_store, 0, 0x9e, 0);
    m.set(Field::VM_EXIT_MSR_STORE_ADDRESS, vmx_at::msr_store);
    m.set(Field::VM_EXIT_MSR_STORE_COUNT, 1);
    aborted(m, 1);
  }
  {
    VmxMachine m;  // the host of an entry that fails
    m.set(Field::GUEST_RFLAGS, 0);
    m.msr_entry(vmx_at::msr_load, 0, 0x9e, 0);
    m.set(Field::VM_EXIT_MSR_LOAD_ADDRESS, vmx_at::msr_load);
    m.set(Field::VM_EXIT_MSR_LOAD_COUNT, 1);
    aborted(m, 4);
  }
  {
    // A 32-bit host with PAE paging, whose next PDPTEs have a reserved bit.
    VmxMachine m;
    constexpr u64 pdpt = 0x400000, bad_pdpt = 0x401000;
    m.put(pdpt, 0x3001);
    m.put(bad_pdpt, 0x3003);
    m.cpu.efer = 0;
    m.cpu.cr3 = pdpt;
    m.cpu.update_translation();
    REQUIRE(m.mmu->load_pdptes(m.cpu.cr3, m.cpu.cr0, m.cpu.cr4, m.cpu.efer));
    m.SmallMachine::start_at(sel::code0, sel::data0, vmx_at::launch, at::stack0);
    m.cpu.update_mode();
    m.off(VmxControl::host_address_space_size);
    m.off(VmxControl::ia32e_mode_guest);
    m.set(Field::HOST_IA32_EFER, 0);
    m.set(Field::HOST_CS_SELECTOR, sel::code0);
    m.set(Field::HOST_CR3, pdpt);
    m.set(Field::GUEST_IA32_EFER, 0);
    m.set(Field::GUEST_CS_SELECTOR, sel::code0);
    m.set(Field::GUEST_CS_ACCESS_RIGHTS, 0xc09b);
    m.set(Field::GUEST_CR3, pdpt);
    m.guest({0x0f, 0xa2});
    CHECK(m.broken_rules() == "");
    CHECK(m.exit_of() == m.number(ExitReason::cpuid));
    m.set(Field::HOST_CR3, bad_pdpt);
    aborted(m, 2);
  }
}
