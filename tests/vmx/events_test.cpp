// Owns the tests of events in VMX non-root operation: exceptions, interrupts, NMIs, windows, timers, the
// monitor trap flag, INIT and SIPI, and their order.
#include "tests/vmx/fixture.h"

using namespace ringside;

namespace {
constexpr u8 nop = 0x90;
void signal_nmi(VmxMachine& m) { m.cpu.attention |= Attention::nmi; }
void interrupt(VmxMachine& m, int vector) {
  m.interrupts.waiting = vector;
  m.cpu.attention |= Attention::interrupt;
}
}  // namespace

TEST_CASE("exceptions exit by the bitmap, page faults by mask and match; CR2 stays") {
  VmxMachine m;
  m.guest({0x48, 0xa1, 0, 0, 0, 0, 1, 0, 0, 0});  // mov rax, [0x100000000]: not mapped
  m.set(Field::EXCEPTION_BITMAP, 1 << 14);
  CHECK(m.exit_of() == m.number(ExitReason::exception_or_nmi));
  CHECK(m[Field::VM_EXIT_INTERRUPTION_INFORMATION] == 0x80000b0e);
  CHECK(m[Field::VM_EXIT_INTERRUPTION_ERROR_CODE] == 0);
  CHECK(m[Field::EXIT_QUALIFICATION] == 0x100000000);
  CHECK(m[Field::GUEST_RFLAGS] == (Eflags::reserved_one | Eflags::RF));
  CHECK(m.cpu.cr2 == 0);
  m.set(Field::PAGE_FAULT_ERROR_CODE_MASK, 1);
  m.set(Field::PAGE_FAULT_ERROR_CODE_MATCH, 1);
  m.code(vmx_at::guest_handler(14), {0x0f, 0xa2});
  CHECK(m.exit_of() == m.number(ExitReason::cpuid));
  CHECK(m.cpu.cr2 == 0x100000000);
}

TEST_CASE("INT3, INT1 and INTO exit as software exceptions, with their lengths") {
  for (const auto& [opcode, type, vector] : {std::tuple{0xcc, 6u, 3u}, std::tuple{0xf1, 5u, 1u}}) {
    VmxMachine m;
    m.guest({static_cast<u8>(opcode)});
    m.set(Field::EXCEPTION_BITMAP, 1u << vector);
    CHECK(m.exit_of() == m.number(ExitReason::exception_or_nmi));
    CHECK(m[Field::VM_EXIT_INTERRUPTION_INFORMATION] == (Interruption::valid | type << 8 | vector));
    CHECK(m[Field::VM_EXIT_INSTRUCTION_LENGTH] == 1);
    CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code);
  }
}

TEST_CASE("a fault during INT n tells of the interrupt and the instruction's length") {
  VmxMachine m;
  m.guest({0xcd, 0x55});
  m.put(vmx_at::guest_idt + 16 * 0x55, 0);
  m.set(Field::EXCEPTION_BITMAP, 1 << 13);
  CHECK(m.exit_of() == m.number(ExitReason::exception_or_nmi));
  CHECK(m[Field::IDT_VECTORING_INFORMATION] == 0x80000455);
  CHECK(m[Field::VM_EXIT_INSTRUCTION_LENGTH] == 2);
  CHECK(m[Field::VM_EXIT_INTERRUPTION_ERROR_CODE] == 0x55 * 8 + 2);
}

TEST_CASE("a triple fault exits") {
  VmxMachine m;
  m.guest({0x0f, 0x0b});
  m.set(Field::GUEST_IDTR_LIMIT, 0);
  CHECK(m.exit_of() == m.number(ExitReason::triple_fault));
  CHECK(m[Field::IDT_VECTORING_INFORMATION] == 0);
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code);
  CHECK(m[Field::GUEST_ACTIVITY_STATE] == 0);
}

TEST_CASE("external interrupts exit whatever IF is, acknowledged if asked") {
  VmxMachine m;
  m.guest({0xeb, 0xfe});
  m.on(VmxControl::external_interrupt_exiting);
  interrupt(m, 0x44);
  CHECK(m.exit_of() == m.number(ExitReason::external_interrupt));
  CHECK(m[Field::VM_EXIT_INTERRUPTION_INFORMATION] == 0);
  CHECK(m.interrupts.taken == 0);
  m.on(VmxControl::acknowledge_interrupt);
  CHECK(m.exit_of() == m.number(ExitReason::external_interrupt));
  CHECK(m[Field::VM_EXIT_INTERRUPTION_INFORMATION] == 0x80000044);
  CHECK(m.interrupts.taken == 1);
}

TEST_CASE("external interrupts without exiting go through the guest's IDT") {
  VmxMachine m;
  m.guest({0xfb, nop, 0xeb, 0xfe});
  m.code(vmx_at::guest_handler(0x44), {0x0f, 0xa2});
  interrupt(m, 0x44);
  CHECK(m.exit_of() == m.number(ExitReason::cpuid));
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_handler(0x44));
  CHECK(m.get(m[Field::GUEST_RSP]) == vmx_at::guest_code + 2);
}

TEST_CASE("the interrupt window opens with IF and closes with the shadow of STI") {
  VmxMachine m;
  m.guest({nop, nop, 0xfb, nop, nop});
  m.on(VmxControl::interrupt_window_exiting);
  CHECK(m.exit_of() == m.number(ExitReason::interrupt_window));
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code + 4);
  m.enter();
  CHECK(m.reason() == m.number(ExitReason::interrupt_window));
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code + 4);
}

TEST_CASE("NMIs exit, block, and virtual NMIs have a window") {
  VmxMachine m;
  m.guest({0xeb, 0xfe});
  m.on(VmxControl::nmi_exiting);
  signal_nmi(m);
  m.cpu.nmi_blocked = true;  // as in a host's NMI handler: else the host takes it
  m.set(Field::GUEST_INTERRUPTIBILITY_STATE, 0);
  CHECK(m.exit_of() == m.number(ExitReason::exception_or_nmi));
  CHECK(m[Field::VM_EXIT_INTERRUPTION_INFORMATION] == 0x80000202);
  CHECK(m.cpu.nmi_blocked);
  m.on(VmxControl::virtual_nmis);
  m.on(VmxControl::nmi_window_exiting);
  m.set(Field::GUEST_INTERRUPTIBILITY_STATE, 8);
  // The guest's IRET opens the window.
  m.put(vmx_at::guest_stack - 40, vmx_at::guest_code);
  m.put(vmx_at::guest_stack - 32, sel::code64);
  m.put(vmx_at::guest_stack - 24, 2);
  m.put(vmx_at::guest_stack - 16, vmx_at::guest_stack);
  m.put(vmx_at::guest_stack - 8, sel::data0);
  m.set(Field::GUEST_RSP, vmx_at::guest_stack - 40);
  m.guest({nop, 0x48, 0xcf});
  CHECK(m.exit_of() == m.number(ExitReason::nmi_window));
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code);
  CHECK(m[Field::GUEST_INTERRUPTIBILITY_STATE] == 0);
}

TEST_CASE("an IRET that unblocks NMIs and faults says so") {
  VmxMachine m;
  m.on(VmxControl::nmi_exiting);
  m.on(VmxControl::virtual_nmis);
  m.set(Field::GUEST_INTERRUPTIBILITY_STATE, 8);
  m.put(vmx_at::guest_stack + 8, 0xfff8);  // a CS beyond the GDT
  m.guest({0x48, 0xcf});
  m.set(Field::EXCEPTION_BITMAP, 1 << 13);
  CHECK(m.exit_of() == m.number(ExitReason::exception_or_nmi));
  CHECK(m[Field::VM_EXIT_INTERRUPTION_INFORMATION] == 0x80001b0d);
  CHECK(m[Field::GUEST_INTERRUPTIBILITY_STATE] == 0);
}

TEST_CASE("the preemption timer: at once with 0, later with more; the rest is saved") {
  VmxMachine m;
  m.guest({0xeb, 0xfe});
  m.on(VmxControl::preemption_timer);
  CHECK(m.exit_of() == m.number(ExitReason::preemption_timer_expired));
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code);
  m.set(Field::VMX_PREEMPTION_TIMER_VALUE, 10);
  const Ticks before = m.clock.now();
  CHECK(m.exit_of(1000) == m.number(ExitReason::preemption_timer_expired));
  const Ticks period = bit(m.vmx->capability.preemption_timer_shift());
  CHECK(m.clock.now() - before > 9 * period);
  CHECK(m.clock.now() - before < 11 * period);
  m.on(VmxControl::save_preemption_timer);
  m.guest({nop, 0x0f, 0xa2});
  CHECK(m.exit_of() == m.number(ExitReason::cpuid));
  CHECK(m[Field::VMX_PREEMPTION_TIMER_VALUE] >= 9);
  CHECK(m[Field::VMX_PREEMPTION_TIMER_VALUE] <= 10);
  // It runs on while the guest is halted.
  m.guest({0xf4});
  m.set(Field::VMX_PREEMPTION_TIMER_VALUE, 10);
  m.set(Field::GUEST_RIP, vmx_at::guest_code);
  CHECK(m.exit_of() == m.number(ExitReason::preemption_timer_expired));
  CHECK(m[Field::GUEST_ACTIVITY_STATE] == 1);
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code + 1);
  CHECK(m[Field::VMX_PREEMPTION_TIMER_VALUE] == 0);
}

TEST_CASE("the preemption timer counts between an entry and the seventh instruction, whatever the phase") {
  VmxMachine m;
  m.on(VmxControl::preemption_timer);
  m.on(VmxControl::save_preemption_timer);
  m.guest({nop, nop, nop, nop, nop, nop, 0x0f, 0xa2});  // ...; cpuid
  const Ticks period = bit(m.vmx->capability.preemption_timer_shift());
  // KVM leaves a faster timer alone, and a slower one would stand still here.
  CHECK(CpuModel().tsc_hertz / period <= 0xffffffff / 10);
  CHECK(period == 8);
  for (Ticks phase = 0; phase < 2 * period; ++phase) {
    m.clock.jump_to((m.clock.now() / period + 1) * period + phase);
    m.set(Field::VMX_PREEMPTION_TIMER_VALUE, 1000);
    m.set(Field::GUEST_RIP, vmx_at::guest_code);
    CHECK(m.exit_of() == m.number(ExitReason::cpuid));
    CHECK(m[Field::VMX_PREEMPTION_TIMER_VALUE] < 1000);
    CHECK(m[Field::VMX_PREEMPTION_TIMER_VALUE] >= 998);
  }
}

TEST_CASE("the monitor trap flag lets one instruction through") {
  VmxMachine m;
  m.guest({nop, nop, 0x0f, 0x0b});
  m.on(VmxControl::monitor_trap_flag);
  for (unsigned n = 1; n <= 2; ++n) {
    CHECK(m.exit_of() == m.number(ExitReason::monitor_trap_flag));
    CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code + n);
  }
  // A fault is delivered first.
  CHECK(m.exit_of() == m.number(ExitReason::monitor_trap_flag));
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_handler(6));
}

TEST_CASE("the monitor trap flag and single steps: the trap stays pending") {
  VmxMachine m;
  m.guest({nop, nop});
  m.on(VmxControl::monitor_trap_flag);
  m.set(Field::GUEST_RFLAGS, Eflags::reserved_one | Eflags::TF);
  CHECK(m.exit_of() == m.number(ExitReason::monitor_trap_flag));
  CHECK(m[Field::GUEST_PENDING_DEBUG_EXCEPTIONS] == Dr6::BS);
  m.off(VmxControl::monitor_trap_flag);
  m.set(Field::EXCEPTION_BITMAP, 2);
  CHECK(m.exit_of() == m.number(ExitReason::exception_or_nmi));
  CHECK(m[Field::EXIT_QUALIFICATION] == Dr6::BS);
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code + 1);
  CHECK(m[Field::GUEST_PENDING_DEBUG_EXCEPTIONS] == 0);
  CHECK(m.cpu.dr6 == Dr6::fixed_one);
}

TEST_CASE("INIT is blocked in root operation and exits from the guest; SIPI ends its wait") {
  VmxMachine m;
  m.guest({0xeb, 0xfe});
  m.cpu.attention |= Attention::init;
  CHECK(m.exit_of() == m.number(ExitReason::init_signal));
  CHECK(m.cpu.vmx_operation);
  CHECK(m.exit_of(50) == ~0u);
  VmxMachine w;
  w.set(Field::GUEST_ACTIVITY_STATE, 3);
  w.enter();
  CHECK(w.cpu.non_root);
  CHECK(w.cpu.activity == Activity::wait_for_sipi);
  w.cpu.attention |= Attention::start_up;
  w.cpu.sipi_vector = 0x9a;
  w.run();
  CHECK(w.in_host());
  CHECK(w.reason() == w.number(ExitReason::start_up_ipi));
  CHECK(w[Field::EXIT_QUALIFICATION] == 0x9a);
  CHECK(w[Field::GUEST_ACTIVITY_STATE] == 3);
}

TEST_CASE("order: MTF before a debug trap, that before the timer, the timer before windows and interrupts") {
  VmxMachine m;
  m.guest({0xeb, 0xfe});
  m.set(Field::GUEST_RFLAGS, Eflags::reserved_one | Eflags::IF | Eflags::TF);
  m.set(Field::GUEST_PENDING_DEBUG_EXCEPTIONS, Dr6::BS);
  m.set(Field::EXCEPTION_BITMAP, 2);
  m.on(VmxControl::preemption_timer);
  m.on(VmxControl::interrupt_window_exiting);
  m.on(VmxControl::external_interrupt_exiting);
  interrupt(m, 0x50);
  m.inject(0, static_cast<EventType>(7));
  CHECK(m.exit_of() == m.number(ExitReason::monitor_trap_flag));
  CHECK(m.exit_of() == m.number(ExitReason::exception_or_nmi));
  m.set(Field::GUEST_RFLAGS, Eflags::reserved_one | Eflags::IF);
  CHECK(m.exit_of() == m.number(ExitReason::preemption_timer_expired));
  m.off(VmxControl::preemption_timer);
  CHECK(m.exit_of() == m.number(ExitReason::interrupt_window));
  m.off(VmxControl::interrupt_window_exiting);
  m.cpu.attention |= Attention::interrupt;
  CHECK(m.exit_of() == m.number(ExitReason::external_interrupt));
}
