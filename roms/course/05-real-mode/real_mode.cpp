// Owns a hypervisor whose guest begins as a PC of 1981 did: in real mode, at 7C00H, with a BIOS to call.
#include "roms/course/common/ground.h"
#include "roms/kit/ept.h"
#include "roms/kit/pages.h"
#include "roms/kit/print.h"

using namespace course;

extern "C" const char guest_16[], guest_16_end[];  // guest_16.asm

namespace {

constexpr u64 boot_address = 0x7c00, boot_segment = 0x7c0, bios_segment = 0xf000;
constexpr u16 kbytes_above = 15360;

u64 memory;  // the host's 2 MBytes behind the guest-physical addresses from 0 on
Ept ept;
char screen[32];
u64 letters;
bool protected_mode_seen;

// ---- The guest's memory --------------------------------------------------------------------------------------------

// INT n in real mode takes CS:IP from 4 bytes at n * 4: the offset, then the segment. Nothing leaves the guest by it.
void set_vector(u8 vector, u16 segment, u16 offset) {
  //[ write the entry of this vector into the guest's memory, which begins at at<u16>(memory)
  at<u16>(memory)[vector * 2] = offset;
  at<u16>(memory)[vector * 2 + 1] = segment;
  //| (void)vector, (void)segment, (void)offset;
  //]
}

// A BIOS of two instructions: VMCALL, which leaves the guest, and IRET.
void put_bios() {
  constexpr u8 code[] = {0x0f, 0x01, 0xc1, 0xcf};
  memcpy(at<void>(memory + (bios_segment << 4)), code, sizeof code);
  set_vector(0x10, bios_segment, 0);
  set_vector(0x15, bios_segment, 0);
}

// ---- The guest's state ---------------------------------------------------------------------------------------------

// `number`: ES, CS, SS, DS, FS, GS from 0 on. In real mode the base is the selector times 16, and the limit FFFFH.
void write_real_segment(u32 number, u64 selector) {
  u64 base = 0, limit = 0xffffffff;
  const u64 rights = number == 1 ? 0x9b : 0x93;  // code or data: present, accessed, 16-bit
  //[ the base and the limit of real mode
  base = selector << 4;
  limit = 0xffff;
  //]
  vmwrite(GUEST_ES_SELECTOR + 2 * number, selector);
  vmwrite(GUEST_ES_BASE + 2 * number, base);
  vmwrite(GUEST_ES_LIMIT + 2 * number, limit);
  vmwrite(GUEST_ES_ACCESS_RIGHTS + 2 * number, rights);
}

u32 secondary_controls() {
  u32 controls = secondary_control::ept;
  //[ the control that lets a guest run without paging, and without protected mode
  controls |= secondary_control::unrestricted_guest;
  //]
  return controls;
}

// What VMX operation demands of CR0 holds for guests as well; unrestricted ones are let off two bits.
u64 real_mode_cr0() {
  u64 cr0 = rdmsr(IA32_VMX_CR0_FIXED0) | CR0::ET;
  //[ real mode: without PE and without PG
  cr0 &= ~(CR0::PE | CR0::PG);
  //]
  return cr0;
}

void write_guest() {
  write_64_bit_guest(nullptr, 0);  // what is not of real mode is as in other lessons
  for (u32 n = 0; n < 6; ++n) write_real_segment(n, n == 2 ? 0 : boot_segment);
  vmwrite(GUEST_CR0, real_mode_cr0());
  vmwrite(GUEST_CR3, 0);
  vmwrite(GUEST_CR4, rdmsr(IA32_VMX_CR4_FIXED0));
  vmwrite(GUEST_IDTR_BASE, 0);
  vmwrite(GUEST_IDTR_LIMIT, 0x3ff);
  vmwrite(GUEST_RIP, 0);
  vmwrite(GUEST_RSP, 0x7000);
}

// ---- The exits -----------------------------------------------------------------------------------------------------

// The guest called the BIOS: INT has pushed FLAGS, CS and IP, 2 bytes each, and the IRET behind the VMCALL takes them back.
void handle_bios_call(Registers& guest) {
  u16* frame = at<u16>(memory + vmread(GUEST_SS_BASE) + (vmread(GUEST_RSP) & 0xffff));  // IP, CS, FLAGS
  switch (guest.rax >> 8 & 0xff) {
    case 0x0e:
      if (letters < sizeof screen - 1) screen[letters++] = static_cast<char>(guest.rax);
      break;
    case 0x88:
      //[ AX becomes kbytes_above, and the rest of RAX stays. CF is 0 when the guest goes on, which tells success
      guest.rax = (guest.rax & ~0xfffful) | kbytes_above;
      frame[2] &= static_cast<u16>(~RFLAGS::CF);
      //| (void)frame;
      //]
      break;
    default: stop("the BIOS has no function ", hex(guest.rax >> 8 & 0xff));
  }
}

// False: the guest has ended.
bool handle_exit(Registers& guest) {
  const u32 reason = static_cast<u32>(vmread(EXIT_REASON));
  if (reason & bit(31)) stop("the entry failed: exit reason ", reason & 0xffff, ", because of the guest's state");
  if (reason == exit_reason::hlt) return false;
  if (reason != exit_reason::vmcall)
    stop("exit ", reason, " ", exit_reason_name(reason), ", guest CS base ", hex(vmread(GUEST_CS_BASE)), ", RIP ",
         hex(vmread(GUEST_RIP)));
  if (vmread(GUEST_CR0) & CR0::PE)
    protected_mode_seen = guest.rax == 0x99;
  else
    handle_bios_call(guest);
  skip_instruction();
  return true;
}

}  // namespace

void kit_main(const BootInformation&) {
  begin(5);
  memory = allocate_large_page();
  memcpy(at<void>(memory + boot_address), guest_16, static_cast<u64>(guest_16_end - guest_16));
  put_bios();
  ept.create();
  ept.map_large_page(0, memory, EptRights::all);
  enter_vmx_operation();
  make_current_vmcs();
  // A triple fault of the guest's is an exit; so is HLT.
  write_controls({.primary = primary_control::hlt_exiting, .secondary = secondary_controls()});
  vmwrite(EPT_POINTER, ept.pointer());
  write_guest();
  Registers registers = {};
  bool launched = false;
  do {
    if (Failure failure = enter_guest(registers, launched)) stop("the entry failed: ", failure);
    launched = true;
  } while (handle_exit(registers));

  check("the guest printed by INT 10H", same(screen, "hello from 1981"), true);
  check("INT 15H told it the memory's size in AX, and left the rest", *at<u32>(memory + 0x500), 0xabcd0000 + kbytes_above);
  check("it went to protected mode by itself", protected_mode_seen, true);
  end();
}
