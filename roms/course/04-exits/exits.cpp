// Owns a hypervisor's answers to the exits of a guest that asks the CPU who it is, and talks to devices that are not there.
#include "roms/course/common/ground.h"
#include "roms/kit/print.h"

using namespace course;

namespace {

// ---- The guest -----------------------------------------------------------------------------------------------------

constexpr u16 screen_port = 0xe9, register_port = 0x510, status_port = 0x512;

struct Seen {
  CpuidResult features, vendor;
  u64 status, word;
} seen;

void guest() {
  seen.features = cpuid(1);
  seen.vendor = cpuid(0x40000000);
  for (const char* c = "hello\n"; *c; ++c) out8(screen_port, static_cast<u8>(*c));
  out32(register_port, 0xcafe0123);
  // IN changes AL only: the other bits of RAX are as they were.
  asm volatile("in %%dx, %%al" : "=a"(seen.status) : "a"(0x1122334455667788), "d"(status_port));
  // IN of 4 bytes clears the upper half of RAX, as every 32-bit result does.
  asm volatile("in %%dx, %%eax" : "=a"(seen.word) : "a"(~0ul), "d"(register_port));
  asm volatile("hlt");
}

// ---- The devices, which are the hypervisor's --------------------------------------------------------------------------

char screen[32];
u64 letters;
u32 device_register;

void device_write(u16 port, u32 value, unsigned bytes) {
  if (port == screen_port && bytes == 1 && letters < sizeof screen - 1) screen[letters++] = static_cast<char>(value);
  if (port == register_port && bytes == 4) device_register = value;
}

u32 device_read(u16 port, unsigned bytes) {
  if (port == status_port && bytes == 1) return 0x5a;
  if (port == register_port && bytes == 4) return device_register + 1;
  return 0xffffffff;  // nobody is there
}

// ---- The hypervisor ------------------------------------------------------------------------------------------------

void handle_cpuid(Registers& guest) {
  const u32 leaf = static_cast<u32>(guest.rax);
  CpuidResult r = cpuid(leaf, static_cast<u32>(guest.rcx));
  //[ leaf 1: the guest has no VMX (ECX bit 5), and there is a hypervisor (ECX bit 31)
  if (leaf == 1) r.ecx = (r.ecx & ~(1u << 5)) | 1u << 31;
  //]
  //[ leaf 40000000H: EAX is the largest such leaf, 40000000H; EBX, ECX, EDX spell "Ring" "side" "Club", the first letter
  //: in the lowest byte
  if (leaf == 0x40000000) r = {0x40000000, 0x676e6952, 0x65646973, 0x62756c43};
  //]
  guest.rax = r.eax;
  guest.rbx = r.ebx;
  guest.rcx = r.ecx;
  guest.rdx = r.edx;
}

// The manual's "Exit Qualification for I/O Instructions".
void handle_io(Registers& guest) {
  const u64 qualification = vmread(EXIT_QUALIFICATION);
  unsigned bytes = 1;
  bool in = false;
  u16 port = 0;
  //[ bits 2:0 are the size less 1; bit 3 is 1 for IN; bits 31:16 are the port
  bytes = (qualification & 7) + 1;
  in = qualification & 8;
  port = static_cast<u16>(qualification >> 16);
  //| (void)qualification;
  //]
  if (!in) {
    device_write(port, static_cast<u32>(guest.rax), bytes);
    return;
  }
  const u64 value = device_read(port, bytes);
  //[ the value becomes AL, AX or EAX: 1 and 2 bytes leave the rest of RAX as it is, 4 bytes clear its upper half
  const u64 mask = bytes == 4 ? ~0ul : (1ul << 8 * bytes) - 1;
  guest.rax = (guest.rax & ~mask) | (value & mask & 0xffffffff);
  //| guest.rax = value;
  //]
}

// False: the guest has ended.
bool handle_exit(Registers& guest) {
  const u32 reason = static_cast<u32>(vmread(EXIT_REASON));
  if (reason & bit(31)) stop("the entry failed: exit reason ", reason & 0xffff, ", because of the guest's state");
  switch (reason) {
    case exit_reason::cpuid: handle_cpuid(guest); break;
    case exit_reason::io_instruction: handle_io(guest); break;
    case exit_reason::hlt: return false;
    default: stop("exit ", reason, " ", exit_reason_name(reason), " has no handler");
  }
  //[ the instruction is done: RIP goes behind it
  vmwrite(GUEST_RIP, vmread(GUEST_RIP) + vmread(VM_EXIT_INSTRUCTION_LENGTH));
  //]
  return true;
}

}  // namespace

void kit_main(const BootInformation&) {
  begin(4);
  enter_vmx_operation();
  make_current_vmcs();
  write_controls({.primary = primary_control::hlt_exiting | primary_control::unconditional_io_exiting,
                  .entry = entry_control::ia32e_mode_guest});
  write_64_bit_guest(guest, make_stack());
  Registers registers = {};
  u64 exits = 0;
  bool launched = false;
  do {
    if (Failure failure = enter_guest(registers, launched)) stop("the entry failed: ", failure);
    launched = true;
    ++exits;
  } while (handle_exit(registers));

  check("the guest sees that there is a hypervisor", seen.features.ecx >> 31, 1);
  check("the guest sees no VMX", seen.features.ecx >> 5 & 1, 0);
  check("the hypervisor's name begins with \"Ring\"", seen.vendor.ebx, 0x676e6952);
  check("it goes on with \"side\"", seen.vendor.ecx, 0x65646973);
  check("and ends with \"Club\"", seen.vendor.edx, 0x62756c43);
  check("the screen shows hello", same(screen, "hello\n"), true);
  check("OUT of 4 bytes came whole", device_register, 0xcafe0123);
  check("IN of 1 byte changed AL alone", seen.status, 0x112233445566775a);
  check("IN of 4 bytes cleared the upper half", seen.word, 0xcafe0124);
  check("there were 12 exits", exits, 12);
  end();
}
