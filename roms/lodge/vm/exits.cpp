// Owns the table of exit reasons: what each is answered with.
#include "roms/lodge/vm/exits.h"

#include "roms/kit/print.h"
#include "roms/lodge/vm/control_registers.h"
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

// Of all exceptions only those of the variants leave the guest, and NMIs, which are the host's.
bool handle_exception(VirtualCpu& cpu) {
  const u64 information = vmread(VM_EXIT_INTERRUPTION_INFORMATION);
  constexpr u64 type = 7 << 8, hardware_exception = 3 << 8;
  if ((information & type) != hardware_exception) return false;
  if ((information & 0xff) == page_fault) return handle_page_fault(cpu);
  if (!lend_fpu(cpu.fpu)) inject_exception(cpu, device_not_available, false);
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

// The guest changes a bit that is the host's. PG decides together with EFER.LME whether the guest is in
// IA-32e mode (the manual's "Initializing IA-32e Mode"); the CPU keeps LMA itself only where MOV to CR0
// causes no exit.
bool change(VirtualCpu& cpu, ControlRegisters r) {
  const bool long_mode = r.cr0 & CR0::PG && r.efer & EFER::LME;
  r.efer = long_mode ? r.efer | EFER::LMA : r.efer & ~EFER::LMA;
  if (!set_control_registers(cpu, r)) return back(cpu, RunExit::failed);
  skip_instruction();
  return false;
}

// The manual's "Exit Qualification for Control-Register Accesses".
bool handle_control_register(VirtualCpu& cpu) {
  const u64 qualification = vmread(EXIT_QUALIFICATION);
  const unsigned control_register = qualification & 15, access = qualification >> 4 & 3,
                 register_number = qualification >> 8 & 15;
  constexpr unsigned move_from = 1, clts = 2, lmsw = 3;
  ControlRegisters r = control_registers(cpu);
  if (access == clts) return clear_task_switched(cpu.fpu), skip_instruction(), false;
  if (access == move_from) {  // only CR3 and CR8 leave the guest
    write_register(cpu, register_number, control_register == 3 ? r.cr3 : 0);
    return skip_instruction(), false;
  }
  const u64 value = access == lmsw ? after_lmsw(qualification >> 16) : read_register(cpu, register_number);
  switch (control_register) {
    case 0: r.cr0 = value; return change(cpu, r);
    case 3: r.cr3 = value; return change(cpu, r);
    case 4:
      if (value & denied_cr4) return inject_exception(cpu, general_protection, true), false;
      r.cr4 = value;
      return change(cpu, r);
    default: return skip_instruction(), false;  // CR8
  }
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
    {exit_reason::exception_or_nmi, handle_exception},
    {exit_reason::interrupt_window, handle_window},
    {exit_reason::io_instruction, handle_port},
    {exit_reason::ept_violation, handle_ept_violation},
    {exit_reason::invlpg, handle_invlpg},
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

void inject_exception(VirtualCpu& cpu, u8 vector, bool has_error_code, u32 error_code) {
  constexpr u32 valid = 1u << 31, hardware_exception = 3 << 8, deliver_error_code = 1 << 11;
  cpu.event = {valid | hardware_exception | (has_error_code ? deliver_error_code : 0) | vector, error_code,
               0};
}

// The manual's "Conditions for Generating a Double Fault", for a second exception that is #PF.
bool inject_on_top(VirtualCpu& cpu, u8 vector, u32 error_code) {
  constexpr u32 valid = 1u << 31, type = 7 << 8, hardware_exception = 3 << 8;
  constexpr u64 contributory = bit(0) | bit(10) | bit(11) | bit(12) | bit(13) | bit(page_fault);
  const u32 before = cpu.event.information;
  const bool two = before & valid && (before & type) == hardware_exception;
  if (two && (before & 0xff) == double_fault) return back(cpu, RunExit::shutdown);
  const bool both = two && contributory >> (before & 31) & 1;
  inject_exception(cpu, both ? double_fault : vector, true, both ? 0 : error_code);
  return false;
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
