// Owns the table of exits, from reasons to what is done.
#include "roms/loft/exits.h"

#include "roms/kit/print.h"
#include "roms/kit/processor.h"
#include "roms/loft/events.h"
#include "roms/loft/vcpu.h"

namespace loft {
namespace {

// The exit has acknowledged the interrupt: the local APIC holds it in service until the handler ends it.
void on_external_interrupt(Vcpu&) { call_handler(static_cast<u8>(vmread(VM_EXIT_INTERRUPTION_INFORMATION))); }

// Only with lazy-fpu: the guest wants its registers, or it has set CR0.TS itself.
void on_exception(Vcpu& v) {
  if (!lend_fpu(v.fpu)) inject_exception(device_not_available);
}

// The window is open: the next entry delivers what waits.
void on_interrupt_window(Vcpu&) {}

void on_triple_fault(Vcpu& v) { give_up(v, "a triple fault"); }

void on_cpuid(Vcpu& v) {
  answer_cpuid(v);
  skip_instruction();
}

void on_hlt(Vcpu& v) {
  skip_instruction();
  if (!(vmread(GUEST_RFLAGS) & RFLAGS::IF))
    return give_up(v, "HLT with interrupts disabled: it would sleep for ever");
  if (!has_something_to_do(v)) v.state = VcpuState::blocked;
}

void on_rdmsr(Vcpu& v) {
  u64 value = 0;
  if (!read_msr(v, static_cast<u32>(v.registers.rcx), value)) return inject_exception(13, 0);
  v.registers.rax = static_cast<u32>(value);
  v.registers.rdx = value >> 32;
  skip_instruction();
}

void on_wrmsr(Vcpu& v) {
  const u64 value = v.registers.rdx << 32 | static_cast<u32>(v.registers.rax);
  if (!write_msr(v, static_cast<u32>(v.registers.rcx), value)) return inject_exception(13, 0);
  skip_instruction();
}

u64 general_register(const Vcpu& v, u64 number) {
  const Registers& r = v.registers;
  const u64 values[16] = {
      r.rax, r.rcx, r.rdx, r.rbx, vmread(GUEST_RSP), r.rbp, r.rsi, r.rdi, r.r8, r.r9, r.r10, r.r11,
      r.r12, r.r13, r.r14, r.r15};
  return values[number & 15];
}

// What the CPU does by itself when a MOV sets CR0.PG without an exit: with EFER.LME the guest is in IA-32e
// mode from then on (the manual's "Initializing IA-32e Mode"), and the VM-entry control has to say the same.
void follow_paging(u64 cr0) {
  const u64 efer = vmread(GUEST_IA32_EFER), controls = vmread(VM_ENTRY_CONTROLS);
  const bool long_mode = cr0 & CR0::PG && efer & EFER::LME;
  vmwrite(GUEST_IA32_EFER, long_mode ? efer | EFER::LMA : efer & ~EFER::LMA);
  vmwrite(VM_ENTRY_CONTROLS, long_mode ? controls | entry_control::ia32e_mode_guest
                                       : controls & ~static_cast<u64>(entry_control::ia32e_mode_guest));
}

// Only a MOV that would change a bit of the guest/host masks comes here (the manual's "Exit Qualification for
// Control-Register Accesses").
void on_control_register(Vcpu& v) {
  const u64 q = vmread(EXIT_QUALIFICATION), number = q & 15, access = q >> 4 & 3;
  const bool is_mov_to = access == 0, is_clts = access == 2, is_lmsw = access == 3;
  if (is_clts) return clear_task_switched(v.fpu), skip_instruction();
  if (!(is_mov_to || is_lmsw) || (number != 0 && number != 4))
    return give_up(v, "an access to a control register that nobody expected");
  const u64 value = is_lmsw ? after_lmsw(q >> 16) : general_register(v, q >> 8 & 15);
  if (number == 0) {
    set_guest_cr0(value);
    follow_paging(value);
    skip_instruction();
    return;
  }
  // What CPUID does not show cannot be set.
  if (value & (CR4::VMXE | CR4::OSXSAVE | CR4::SMXE | CR4::LA57 | CR4::PKE)) return inject_exception(13, 0);
  vmwrite(CR4_READ_SHADOW, value);
  vmwrite(GUEST_CR4, value | CR4::VMXE);
  skip_instruction();
}

// Instructions of a CPU with features that CPUID does not show here.
void on_not_there(Vcpu&) { inject_exception(6); }

void on_nothing_to_do(Vcpu&) { skip_instruction(); }

struct Row {
  u32 reason;
  void (*handle)(Vcpu&);
};
constexpr Row rows[] = {
    {exit_reason::external_interrupt, on_external_interrupt},
    {exit_reason::exception_or_nmi, on_exception},
    {exit_reason::triple_fault, on_triple_fault},
    {exit_reason::interrupt_window, on_interrupt_window},
    {exit_reason::cpuid, on_cpuid},
    {exit_reason::hlt, on_hlt},
    {exit_reason::vmcall, handle_hypercall},
    {exit_reason::control_register_access, on_control_register},
    {exit_reason::io_instruction, handle_port},
    {exit_reason::rdmsr, on_rdmsr},
    {exit_reason::wrmsr, on_wrmsr},
    {exit_reason::ept_violation, handle_ept_violation},
    {exit_reason::invd, on_nothing_to_do},
    {exit_reason::wbinvd, on_nothing_to_do},
    // These leave the guest whether one wants it or not.
    {exit_reason::getsec, on_not_there},
    {exit_reason::xsetbv, on_not_there},
    {exit_reason::vmclear, on_not_there},
    {exit_reason::vmlaunch, on_not_there},
    {exit_reason::vmptrld, on_not_there},
    {exit_reason::vmptrst, on_not_there},
    {exit_reason::vmread, on_not_there},
    {exit_reason::vmresume, on_not_there},
    {exit_reason::vmwrite, on_not_there},
    {exit_reason::vmxoff, on_not_there},
    {exit_reason::vmxon, on_not_there},
    {exit_reason::invept, on_not_there},
    {exit_reason::invvpid, on_not_there},
};

}  // namespace

void skip_instruction() {
  vmwrite(GUEST_RIP, vmread(GUEST_RIP) + vmread(VM_EXIT_INSTRUCTION_LENGTH));
  // The instruction is over, and with it the shadow of an STI or MOV SS before it.
  vmwrite(GUEST_INTERRUPTIBILITY_STATE, vmread(GUEST_INTERRUPTIBILITY_STATE) & ~3ul);
}

void give_up(Vcpu& v, const char* why) {
  const u64 reason = vmread(EXIT_REASON);
  print("loft: d", v.domain->number, " ends: ", why, " (exit ", reason & 0xffff, ", ",
        exit_reason_name(reason & 0xffff), ", RIP ", hex(vmread(GUEST_RIP)), ", qualification ",
        hex(vmread(EXIT_QUALIFICATION)), ")\n");
  end_domain(*v.domain, 255);
}

void handle_exit(Vcpu& v) {
  const u64 reason = vmread(EXIT_REASON);
  constexpr u64 entry_failed = 1ul << 31;
  if (reason & entry_failed) return give_up(v, "the CPU refuses its state");
  if (reason < 80) ++v.domain->exits[reason];
  for (const Row& row : rows)
    if (row.reason == reason) return row.handle(v);
  give_up(v, "an exit that nobody expected");
}

}  // namespace loft
