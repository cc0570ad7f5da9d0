// Owns the two kinds of bitmaps by which a hypervisor says which ports and which MSRs are its own.
#include "roms/course/common/ground.h"
#include "roms/kit/pages.h"
#include "roms/kit/print.h"

using namespace course;

namespace {

constexpr u16 own_port = 0xe9, high_port = 0x8004, free_port = 0x80;
constexpr u32 own_msr = IA32_SYSENTER_EIP, own_high_msr = IA32_LSTAR, free_msr = IA32_SYSENTER_ESP;

u64 port_exits, read_exits, write_exits, other_exits;
u64 io_bitmap_a, io_bitmap_b, msr_bitmap;

// ---- The guest -----------------------------------------------------------------------------------------------------

u64 read_value, free_value;

void guest() {
  out8(free_port, 1);    // no exit
  out8(own_port, 1);     // an exit
  out8(high_port, 1);    // an exit
  out32(own_port - 3, 1);  // ports E6H to E9H: an exit, because one of them is the hypervisor's
  wrmsr(free_msr, 0x1234);         // no exit
  free_value = rdmsr(free_msr);    // no exit
  wrmsr(own_msr, 0x5678);          // no exit: only reading is the hypervisor's
  read_value = rdmsr(own_msr);     // an exit
  wrmsr(own_high_msr, 0x9abc);     // an exit: only writing is the hypervisor's
  (void)rdmsr(own_high_msr);       // no exit
  asm volatile("hlt");
}

// ---- The bitmaps ---------------------------------------------------------------------------------------------------

void set_bit(u64 bitmap, u64 number) { at<u8>(bitmap)[number / 8] |= static_cast<u8>(1 << number % 8); }

// Bitmap A has the ports 0 to 7FFFH, bitmap B those from 8000H on, a bit for each.
void catch_port(u16 port) {
  //[ set the port's bit in the bitmap that has it
  set_bit(port < 0x8000 ? io_bitmap_a : io_bitmap_b, port & 0x7fff);
  //| (void)port;
  //]
}

// One page: reads of the MSRs 0 to 1FFFH, reads of C0000000H to C0001FFFH, writes of the low ones, writes of the high ones, 1 KByte
// each.
void catch_msr(u32 msr, bool write) {
  //[ set the MSR's bit in its part of the page; its number in there is the MSR's lowest 13 bits
  const u64 part = (write ? 2 : 0) + (msr >= 0xc0000000 ? 1 : 0);
  set_bit(msr_bitmap + part * 1024, msr & 0x1fff);
  //| (void)msr, (void)write;
  //]
}

void write_bitmaps() {
  io_bitmap_a = allocate_page();
  io_bitmap_b = allocate_page();
  msr_bitmap = allocate_page();
  catch_port(own_port);
  catch_port(high_port);
  catch_msr(own_msr, false);
  catch_msr(own_high_msr, true);
  vmwrite(IO_BITMAP_A, io_bitmap_a);
  vmwrite(IO_BITMAP_B, io_bitmap_b);
  vmwrite(MSR_BITMAP, msr_bitmap);
}

u32 bitmap_controls() {
  u32 controls = 0;
  //[ the two processor-based controls that make the processor look at the bitmaps
  controls = primary_control::io_bitmaps | primary_control::msr_bitmaps;
  //]
  return controls;
}

// ---- The exits -----------------------------------------------------------------------------------------------------

void handle_rdmsr(Registers& guest) {
  if (static_cast<u32>(guest.rcx) != own_msr) {
    ++other_exits;
    return;
  }
  ++read_exits;
  constexpr u64 value = 0x1122334455667788;
  //[ the guest reads `value`: its lower half is in EAX, the upper one in EDX, and the upper halves of RAX and RDX are 0
  guest.rax = value & 0xffffffff;
  guest.rdx = value >> 32;
  //| (void)value;
  //]
}

// False: the guest has ended.
bool handle_exit(Registers& guest) {
  const u32 reason = static_cast<u32>(vmread(EXIT_REASON));
  switch (reason) {
    case exit_reason::io_instruction: ++port_exits; break;
    case exit_reason::rdmsr: handle_rdmsr(guest); break;
    case exit_reason::wrmsr: ++(static_cast<u32>(guest.rcx) == own_high_msr ? write_exits : other_exits); break;
    case exit_reason::hlt: return false;
    default:
      if (reason & bit(31)) stop("the entry failed: exit reason ", reason & 0xffff, ", because of the guest's state");
      stop("exit ", reason, " ", exit_reason_name(reason), " has no handler");
  }
  skip_instruction();
  return true;
}

}  // namespace

void kit_main(const BootInformation&) {
  begin(9);
  enter_vmx_operation();
  make_current_vmcs();
  write_controls({.primary = primary_control::hlt_exiting | bitmap_controls(), .entry = entry_control::ia32e_mode_guest});
  write_bitmaps();
  write_64_bit_guest(guest, make_stack());
  Registers registers = {};
  bool launched = false;
  do {
    if (Failure failure = enter_guest(registers, launched)) stop("the entry failed: ", failure);
    launched = true;
  } while (handle_exit(registers));

  check("three OUTs were the hypervisor's", port_exits, 3);
  check("one RDMSR was", read_exits, 1);
  check("the guest read the hypervisor's value", read_value, 0x1122334455667788);
  check("one WRMSR was", write_exits, 1);
  check("the other MSRs caused no exit", other_exits, 0);
  check("and have kept their value", free_value, 0x1234);
  end();
}
