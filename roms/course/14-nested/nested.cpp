// Owns a hypervisor whose guest is a hypervisor: L0 plays VMX for L1, so that L1 can run L2.
#include "roms/course/common/ground.h"
#include "roms/kit/hypercalls.h"
#include "roms/kit/instructions.h"
#include "roms/kit/pages.h"
#include "roms/kit/print.h"

using namespace course;

namespace {

// ---- L2: a guest ----------------------------------------------------------------------------------------------------

constexpr u32 answer = 0x4c316865;
u32 l2_saw;
extern "C" const char l2_cpuid[];

void l2() {
  out8(port_device, 2);  // L0's device: L1 does not know of it
  asm volatile("l2_cpuid: cpuid" : "=a"(l2_saw) : "0"(hypervisor_leaf), "c"(0) : "rbx", "rdx");
  asm volatile("hlt");
}

// VMCS02 as it is made leads here.
void nowhere() { stop("L2 begins where nobody sent it"); }

// ---- L1: a hypervisor as in lesson 4, which does not know that it is a guest ----------------------------------------

struct Seen {
  Failure too_early;
  u64 read, exits, cpuid_rip, cpuid_length, leaf;
} seen;

void l1() {
  out8(port_device, 1);
  enter_vmx_operation();
  make_current_vmcs();
  write_controls({.primary = primary_control::hlt_exiting, .entry = entry_control::ia32e_mode_guest});
  write_64_bit_guest(l2, make_stack());
  vmwrite(CR3_TARGET_VALUE_0, 0x123456789000);
  seen.read = vmread(CR3_TARGET_VALUE_0);
  Registers registers = {};
  seen.too_early = enter_guest(registers, true);  // VMRESUME of what was never launched
  for (bool launched = false;; launched = true) {
    if (++seen.exits > 10) stop("L1 is called again and again, exit reason ", vmread(EXIT_REASON));
    if (Failure failure = enter_guest(registers, launched)) stop("L1's entry failed: ", failure);
    const u64 reason = vmread(EXIT_REASON);
    if (reason == exit_reason::hlt) break;
    if (reason != exit_reason::cpuid) stop("L1 got exit ", reason, " ", exit_reason_name(reason), " and does not know why");
    seen.cpuid_rip = vmread(GUEST_RIP);
    seen.cpuid_length = vmread(VM_EXIT_INSTRUCTION_LENGTH);
    seen.leaf = registers.rax;
    registers.rax = answer;
    skip_instruction();
  }
  asm volatile("hlt");
}

// ---- What L0 has for each of them -----------------------------------------------------------------------------------

// VMCS01 is L0's for L1. VMCS02 is L0's for L2, which no one else ever sees.
struct Vmcs {
  u64 region;
  bool launched;
} vmcs01, vmcs02;

// VMCS12: what L1 believes to be its VMCS. The processor never sees it; it is a table.
struct Vmcs12 {
  u64 region;  // the guest-physical address by which L1 knows it; ~0: it has none that is current
  bool launched;
  u64 fields[16][40];
} vmcs12;

// The manual's "VMCS Component Encoding": bits 14:13 the width, 11:10 the type, 9:1 the number.
u64& field12(u64 field) {
  const u64 number = field >> 1 & 511;
  if (number >= 40) stop("VMCS12 has no field ", hex(field));
  return vmcs12.fields[(field >> 13 & 3) << 2 | (field >> 10 & 3)][number];
}

template <class Visit>
void each_guest_field(Visit visit) {
  for (u64 f = GUEST_ES_SELECTOR; f <= GUEST_TR_SELECTOR; f += 2) visit(f);
  for (u64 f = GUEST_ES_LIMIT; f <= GUEST_ACTIVITY_STATE; f += 2) visit(f);
  for (u64 f = GUEST_CR0; f <= GUEST_IA32_SYSENTER_EIP; f += 2) visit(f);
  visit(GUEST_IA32_DEBUGCTL);
  visit(GUEST_IA32_SYSENTER_CS);
}

constexpr u64 exit_information[] = {EXIT_REASON,
                                    EXIT_QUALIFICATION,
                                    VM_EXIT_INSTRUCTION_LENGTH,
                                    VM_EXIT_INSTRUCTION_INFORMATION,
                                    VM_EXIT_INTERRUPTION_INFORMATION,
                                    VM_EXIT_INTERRUPTION_ERROR_CODE};
constexpr u64 other_controls[] = {PIN_BASED_CONTROLS,  VM_ENTRY_CONTROLS, VM_ENTRY_INTERRUPTION_INFORMATION,
                                  EXCEPTION_BITMAP,    CR0_READ_SHADOW,   CR0_GUEST_HOST_MASK,
                                  CR4_GUEST_HOST_MASK, CR4_READ_SHADOW};

bool in_l2;
u64 exits_of_l1, exits_of_l2, device_writes;

void make_current(const Vmcs& vmcs) {
  if (Failure failure = vmptrld(vmcs.region)) stop("VMPTRLD failed: ", failure);
}

// ---- VMX's instructions in L1, each of which is an exit -------------------------------------------------------------

// A register by its number in the instruction. RSP is in the VMCS.
u64 register_value(const Registers& r, u64 number) {
  return number == 4 ? vmread(GUEST_RSP) : (&r.rax)[number < 4 ? number : number - 1];
}

// The manual's "Format of the VM-Exit Instruction-Information Field": where a memory operand lies.
u64 operand_address(const Registers& r) {
  const u64 information = vmread(VM_EXIT_INSTRUCTION_INFORMATION);
  u64 address = vmread(EXIT_QUALIFICATION);  // the displacement
  if (!(information & bit(27))) address += register_value(r, information >> 23 & 15);
  if (!(information & bit(22))) address += register_value(r, information >> 18 & 15) << (information & 3);
  return address;
}

// The manual's "Conventions": CF, PF, AF, ZF, SF and OF are 0 if all went well.
constexpr u64 arithmetic_flags = RFLAGS::CF | RFLAGS::PF | RFLAGS::AF | RFLAGS::ZF | RFLAGS::SF | RFLAGS::OF;

void succeed() { vmwrite(GUEST_RFLAGS, vmread(GUEST_RFLAGS) & ~arithmetic_flags); }

// With the number of an error, the manual's "VM Instruction Error Numbers".
void fail_valid(u64 error) {
  (void)error;
  //[ of these flags ZF alone is 1, and L1 finds the number in its field VM_INSTRUCTION_ERROR
  vmwrite(GUEST_RFLAGS, (vmread(GUEST_RFLAGS) & ~arithmetic_flags) | RFLAGS::ZF);
  field12(VM_INSTRUCTION_ERROR) = error;
  //]
}

// Both operands are registers here: bits 31:28 of the information are the field's, bits 6:3 the value's.
void handle_vmread_or_vmwrite(Registers& r, bool write) {
  const u64 information = vmread(VM_EXIT_INSTRUCTION_INFORMATION);
  if (!(information & bit(10))) stop("L1's VMREAD or VMWRITE has a memory operand");
  u64& field = field12(register_value(r, information >> 28 & 15));
  const u64 number = information >> 3 & 15;
  if (write)
    field = register_value(r, number);
  else
    (&r.rax)[number < 4 ? number : number - 1] = field;
  succeed();
}

// ---- L2 goes in -----------------------------------------------------------------------------------------------------

// VMCS02 is what L1 wants and what L0 wants, together. It is current.
void merge() {
  for (u64 field : other_controls) vmwrite(field, field12(field));
  u64 primary = field12(PRIMARY_CONTROLS);
  //[ L0 watches its device's port in L2 as well: primary_control::io_bitmaps. And the guest state is L1's: each_guest_field
  //: calls a function with each field
  primary |= primary_control::io_bitmaps;
  each_guest_field([](u64 field) { vmwrite(field, field12(field)); });
  //]
  vmwrite(PRIMARY_CONTROLS, primary);
}

void handle_entry(bool resume) {
  if (resume != vmcs12.launched) {
    fail_valid(resume ? instruction_error::vmresume_not_launched : instruction_error::vmlaunch_not_clear);
    skip_instruction();
    return;
  }
  vmcs12.launched = true;
  in_l2 = true;
  make_current(vmcs02);
  merge();
}

// ---- L2 comes out ---------------------------------------------------------------------------------------------------

// Whose exit is it? L1 gets what it asked for in its controls, and what always exits.
bool is_for_l1(u32 reason) {
  const u64 primary = field12(PRIMARY_CONTROLS);
  (void)primary;
  switch (reason) {
    //[ CPUID and VMCALL always exit; HLT and I/O instructions if L1's primary controls say so: hlt_exiting; io_bitmaps or
    //: unconditional_io_exiting
    case exit_reason::cpuid:
    case exit_reason::vmcall: return true;
    case exit_reason::hlt: return primary & primary_control::hlt_exiting;
    case exit_reason::io_instruction:
      return primary & (primary_control::io_bitmaps | primary_control::unconditional_io_exiting);
    //]
    default: return false;
  }
}

// L1 sees an exit: what the processor would have done with one VMX only, L0 does by hand.
void reflect() {
  //[ VMCS02 is current. Into VMCS12 go L2's state (each_guest_field), and each field of exit_information
  each_guest_field([](u64 field) { field12(field) = vmread(field); });
  for (u64 field : exit_information) field12(field) = vmread(field);
  //]
  in_l2 = false;
  make_current(vmcs01);
  // Its segments and control registers are in VMCS01 as they were at its VMLAUNCH; a whole L0 loads all of its host state.
  //[ L1 goes on at its HOST_RIP, with its HOST_RSP, and RFLAGS is 2
  vmwrite(GUEST_RIP, field12(HOST_RIP));
  vmwrite(GUEST_RSP, field12(HOST_RSP));
  vmwrite(GUEST_RFLAGS, 2);
  //]
}

// ---- The exits ------------------------------------------------------------------------------------------------------

void handle_device() {
  ++device_writes;
  skip_instruction();
}

// False: L1 has ended.
bool handle_exit_of_l1(Registers& r) {
  const u32 reason = static_cast<u32>(vmread(EXIT_REASON));
  ++exits_of_l1;
  switch (reason) {
    case exit_reason::hlt: return false;
    case exit_reason::io_instruction: handle_device(); return true;
    case exit_reason::cpuid: {
      const CpuidResult c = cpuid(static_cast<u32>(r.rax), static_cast<u32>(r.rcx));
      r.rax = c.eax, r.rbx = c.ebx, r.rcx = c.ecx, r.rdx = c.edx;
      break;
    }
    case exit_reason::vmxon: succeed(); break;
    case exit_reason::vmclear:
      vmcs12.launched = false;
      succeed();
      break;
    case exit_reason::vmptrld:
      vmcs12.region = *at<u64>(operand_address(r));
      succeed();
      break;
    case exit_reason::vmread: handle_vmread_or_vmwrite(r, false); break;
    case exit_reason::vmwrite: handle_vmread_or_vmwrite(r, true); break;
    case exit_reason::vmlaunch: handle_entry(false); return true;
    case exit_reason::vmresume: handle_entry(true); return true;
    default: stop("L1: exit ", reason & 0xffff, " ", exit_reason_name(reason & 0xffff), ", RIP ", hex(vmread(GUEST_RIP)));
  }
  skip_instruction();
  return true;
}

void handle_exit_of_l2() {
  const u32 reason = static_cast<u32>(vmread(EXIT_REASON));
  if (++exits_of_l2 > 100) stop("L2 is left again and again, exit ", reason, " ", exit_reason_name(reason));
  if (is_for_l1(reason)) return reflect();
  if (reason == exit_reason::io_instruction) return handle_device();
  stop("L0 does not know what to do with exit ", reason & 0xffff, " ", exit_reason_name(reason & 0xffff), " of L2, RIP ",
       hex(vmread(GUEST_RIP)));
}

void make_vmcs(Vmcs& vmcs, void (*entry)()) {
  static const u64 bitmap_a = allocate_page(), bitmap_b = allocate_page(), msr_bitmap = allocate_page();
  at<u8>(bitmap_a)[port_device / 8] |= 1 << port_device % 8;
  vmcs.region = make_current_vmcs();
  write_controls({.primary = primary_control::hlt_exiting | primary_control::io_bitmaps | primary_control::msr_bitmaps,
                  .entry = entry_control::ia32e_mode_guest});
  vmwrite(IO_BITMAP_A, bitmap_a);
  vmwrite(IO_BITMAP_B, bitmap_b);
  vmwrite(MSR_BITMAP, msr_bitmap);
  write_64_bit_guest(entry, make_stack());
}

}  // namespace

void kit_main(const BootInformation&) {
  begin(14);
  enter_vmx_operation();
  make_vmcs(vmcs02, nowhere);
  make_vmcs(vmcs01, l1);
  Registers registers = {};
  for (bool running = true; running;) {
    Vmcs& vmcs = in_l2 ? vmcs02 : vmcs01;
    if (Failure failure = enter_guest(registers, vmcs.launched))
      stop("L0's entry of ", in_l2 ? "L2" : "L1", " failed: ", failure);
    vmcs.launched = true;
    if (in_l2)
      handle_exit_of_l2();
    else
      running = handle_exit_of_l1(registers);
  }

  print("exits of L1: ", exits_of_l1, ", of L2: ", exits_of_l2, "; L1 handled ", seen.exits, "\n");
  check("L1 reads what it wrote", seen.read, 0x123456789000);
  check("L1's first VMRESUME failed", seen.too_early != nullptr, true);
  if (seen.too_early) print("because: ", seen.too_early, "\n");
  check("with the right error", seen.too_early && same(seen.too_early, "VMRESUME with non-launched VMCS"), true);
  check("L1 saw L2 at its CPUID", seen.cpuid_rip, address_of(l2_cpuid));
  check("which is two bytes long", seen.cpuid_length, 2);
  check("L1 saw L2's RAX", seen.leaf, hypervisor_leaf);
  check("L2 saw L1's answer", l2_saw, answer);
  check("L1 handled two exits", seen.exits, 2);
  check("L0's device heard L1 and L2", device_writes, 2);
  end();
}
