// Owns the table of exit reasons: what each is answered with.
#include "roms/lodge/vm/exits.h"

#include "roms/kit/print.h"
#include "roms/lodge/vm/vmcs.h"

namespace lodge {
namespace {

bool back(VirtualCpu& cpu, RunExit why) {
  cpu.page->why = why;
  return true;
}

bool handle_interrupt(VirtualCpu&) {
  call_handler(vmread(VM_EXIT_INTERRUPTION_INFORMATION) & 0xff);
  return false;
}

// Nobody injects it: the run loop looks at the interrupt controller before each entry.
bool handle_window(VirtualCpu&) { return false; }

bool handle_hlt(VirtualCpu& cpu) {
  skip_instruction();
  // STI's shadow ends with the HLT, else no interrupt could be injected behind it.
  vmwrite(GUEST_INTERRUPTIBILITY_STATE, 0);
  if (!(vmread(GUEST_RFLAGS) & RFLAGS::IF)) return back(cpu, RunExit::shutdown);  // nothing will ever wake it
  cpu.halted = true;
  return false;
}

bool handle_vmcall(VirtualCpu& cpu) {
  skip_instruction();
  RunPage& page = *cpu.page;
  const Registers& r = cpu.registers;
  page.call = r.rax;
  page.arguments[0] = r.rdi;
  page.arguments[1] = r.rsi;
  page.arguments[2] = r.rdx;
  page.arguments[3] = r.rcx;
  cpu.unfinished = Unfinished::hypercall;
  return back(cpu, RunExit::hypercall);
}

// The guest changes a bit of CR0 that is the host's. PG decides together with EFER.LME whether the guest is
// in IA-32e mode (the manual's "Initializing IA-32e Mode"); the CPU keeps LMA itself only where MOV to CR0
// causes no exit.
bool move_to_cr0(u64 value) {
  const u64 before = vmread(GUEST_IA32_EFER);
  const bool long_mode = value & CR0::PG && before & EFER::LME;
  set_guest_cr0(value);
  set_guest_efer(long_mode ? before | EFER::LMA : before & ~EFER::LMA);
  skip_instruction();
  return false;
}

// The manual's "Exit Qualification for Control-Register Accesses".
bool handle_control_register(VirtualCpu& cpu) {
  const u64 qualification = vmread(EXIT_QUALIFICATION);
  const unsigned control_register = qualification & 15, access = qualification >> 4 & 3,
                 register_number = qualification >> 8 & 15;
  constexpr unsigned move_to = 0, move_from = 1;
  if (control_register == 0 && access == move_to) return move_to_cr0(read_register(cpu, register_number));
  if (control_register == 8 && access == move_from) write_register(cpu, register_number, 0);
  if (control_register == 8) return skip_instruction(), false;
  // CR4: a feature that CPUID denies.
  inject_exception(cpu, general_protection, true);
  return false;
}

bool refuse(VirtualCpu& cpu) {
  inject_exception(cpu, invalid_opcode, false);
  return false;
}

bool handle_triple_fault(VirtualCpu& cpu) { return back(cpu, RunExit::shutdown); }

// The caches are the host's.
bool handle_cache(VirtualCpu&) {
  skip_instruction();
  return false;
}

struct Answer {
  unsigned reason;
  bool (*handle)(VirtualCpu& cpu);
};
constexpr Answer answers[] = {
    {exit_reason::external_interrupt, handle_interrupt},
    {exit_reason::exception_or_nmi, handle_window},  // an NMI of the host's, which has no use for it
    {exit_reason::interrupt_window, handle_window},
    {exit_reason::io_instruction, handle_port},
    {exit_reason::ept_violation, handle_ept_violation},
    {exit_reason::hlt, handle_hlt},
    {exit_reason::cpuid, handle_cpuid},
    {exit_reason::rdmsr, handle_rdmsr},
    {exit_reason::wrmsr, handle_wrmsr},
    {exit_reason::vmcall, handle_vmcall},
    {exit_reason::control_register_access, handle_control_register},
    {exit_reason::triple_fault, handle_triple_fault},
    {exit_reason::invd, handle_cache},
    {exit_reason::wbinvd, handle_cache},
    // What CPUID denies the guest is an invalid opcode.
    {exit_reason::monitor, refuse},
    {exit_reason::mwait, refuse},
    {exit_reason::rdpmc, refuse},
    {exit_reason::xsetbv, refuse},
    {exit_reason::getsec, refuse},
    {exit_reason::vmclear, refuse},
    {exit_reason::vmlaunch, refuse},
    {exit_reason::vmptrld, refuse},
    {exit_reason::vmptrst, refuse},
    {exit_reason::vmread, refuse},
    {exit_reason::vmresume, refuse},
    {exit_reason::vmwrite, refuse},
    {exit_reason::vmxoff, refuse},
    {exit_reason::vmxon, refuse},
    {exit_reason::invept, refuse},
    {exit_reason::invvpid, refuse},
};

// The exit came while the CPU delivered an event to the guest: it is delivered again (the manual's
// "Information for VM Exits That Occur During Event Delivery").
void keep_event(VirtualCpu& cpu) {
  const u32 information = static_cast<u32>(vmread(IDT_VECTORING_INFORMATION));
  constexpr u32 valid = 1u << 31, has_error_code = 1 << 11, undefined = 1 << 12;
  cpu.event = {};
  if (!(information & valid)) return;
  cpu.event.information = information & ~undefined;
  if (information & has_error_code) cpu.event.error_code = static_cast<u32>(vmread(IDT_VECTORING_ERROR_CODE));
  cpu.event.length = vmread(VM_EXIT_INSTRUCTION_LENGTH);
}

}  // namespace

void skip_instruction(u64 length) {
  vmwrite(GUEST_RIP, vmread(GUEST_RIP) + length);
  // Blocking by STI and by MOV SS lasts for one instruction, and that is over.
  vmwrite(GUEST_INTERRUPTIBILITY_STATE, vmread(GUEST_INTERRUPTIBILITY_STATE) & ~3ul);
}
void skip_instruction() { skip_instruction(vmread(VM_EXIT_INSTRUCTION_LENGTH)); }

void inject_exception(VirtualCpu& cpu, u8 vector, bool error_code) {
  constexpr u32 valid = 1u << 31, hardware_exception = 3 << 8, deliver_error_code = 1 << 11;
  cpu.event = {valid | hardware_exception | (error_code ? deliver_error_code : 0) | vector, 0, 0};
}

bool handle_exit(VirtualCpu& cpu) {
  const u64 whole = vmread(EXIT_REASON);
  const unsigned reason = whole & 0xffff;
  constexpr u64 entry_failure = 1ul << 31;
  RunPage& page = *cpu.page;
  page.reason = reason;
  page.rip = vmread(GUEST_RIP);
  if (reason < sizeof page.exits / sizeof *page.exits) ++page.exits[reason];
  if (whole & entry_failure) return back(cpu, RunExit::failed);
  keep_event(cpu);
  for (const Answer& answer : answers)
    if (answer.reason == reason) return answer.handle(cpu);
  return back(cpu, RunExit::failed);
}

}  // namespace lodge
