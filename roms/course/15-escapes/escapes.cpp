// Owns a hypervisor with holes through which its guest escapes, in four ways, and the checks that they are closed.
#include "roms/course/common/ground.h"
#include "roms/kit/ept.h"
#include "roms/kit/hypercalls.h"
#include "roms/kit/instructions.h"
#include "roms/kit/pages.h"
#include "roms/kit/print.h"

using namespace course;

extern "C" const char attacker[], attacker_end[];  // attacker.asm

namespace {

constexpr u64 guest_pages = 64, guest_bytes = guest_pages * page_bytes;  // guest-physical 0 to 3FFFFH
constexpr u64 page_table = 0x1000, code = 0x4000, stack_top = 0x8000, report = 0x9000;  // in there
constexpr u64 info_address = 0x100000;  // guest-physical: a page of the hypervisor's, which each guest may read
constexpr u64 secret = 0x7e110e5c0deull, version = 15;
constexpr u16 serial = 0x3f8;  // to 3FFH: COM1, which is this guest's

u64 memory;                        // the host's, of the guest; the page before and the page behind are the hypervisor's own
u64 info, io_bitmaps, msr_bitmap;  // host-physical
Ept ept;

// What the hypervisor saw.
struct Seen {
  u64 violations, calls, ports[3], other_ports, msr_reads, msr_writes, allowed_msrs;
} seen;
constexpr u16 forbidden_ports[] = {0xcf8, 0xcfc, 0xc0de};  // two by which devices are given memory to write to, and a high one

char console[64];
bool leaked;

void look_for_the_secret() {
  for (u64 n = 0; n + 8 <= sizeof console; ++n) leaked |= *reinterpret_cast<const u64*>(console + n) == secret;
}

// ---- The first border: memory ---------------------------------------------------------------------------------------

// The guest sees its own memory from guest-physical 0 on, and the info page.
void map_guest() {
  ept.create();
  //[ what stands here gives away one page too many, and one right too many
  for (u64 n = 0; n < guest_pages; ++n) ept.map_page(n * page_bytes, memory + n * page_bytes, EptRights::all);
  ept.map_page(info_address, info, EptRights::read);
  //| for (u64 n = 0; n <= guest_pages; ++n) ept.map_page(n * page_bytes, memory + n * page_bytes, EptRights::all);
  //| ept.map_page(info_address, info, EptRights::all);
  //]
}

// ---- The second border: hypercalls ----------------------------------------------------------------------------------

// console_write: prints `bytes` bytes of the guest's memory. The answer is their number, or negative.
i64 console_write(u64 address, u64 bytes) {
  if (bytes > sizeof console) return refused_bad_argument;
  //[ the guest chose both numbers, of 64 bits each. refused_bad_argument, unless all of it is within guest_bytes
  if (address > guest_bytes || bytes > guest_bytes - address) return refused_bad_argument;
  //]
  memcpy(console, at<char>(memory + address), bytes);
  return static_cast<i64>(bytes);
}

// ---- The third border: ports ----------------------------------------------------------------------------------------

// Both bitmaps, of 4096 bytes each and one behind the other: the bit of each port, and 1 is an exit.
void fill_io_bitmaps(u8* bitmaps) {
  const auto clear = [bitmaps](u64 port) { bitmaps[port / 8] &= static_cast<u8>(~(1 << port % 8)); };
  const auto set = [bitmaps](u64 port) { bitmaps[port / 8] |= static_cast<u8>(1 << port % 8); };
  (void)clear, (void)set;
  //[ what stands here knows of one port that is dangerous. There are 65536. The guest may have eight, from `serial` on
  memset(bitmaps, 0xff, 2 * page_bytes);
  for (u64 port = serial; port < serial + 8; ++port) clear(port);
  //| set(0xcf8);
  //]
}

// ---- The fourth border: MSRs ----------------------------------------------------------------------------------------

// Four parts of 1024 bytes: reads of the MSRs 0 to 1FFFH, of C0000000H to C0001FFFH, then the writes of both.
void fill_msr_bitmap(u8* bitmap) {
  const auto clear = [bitmap](u64 msr, u64 part) {
    bitmap[part * 1024 + (msr & 0x1fff) / 8] &= static_cast<u8>(~(1 << msr % 8));
  };
  (void)clear, (void)bitmap;
  //[ here all are the guest's. Which may be? An MSR that each entry and each exit loads anew hurts nobody: IA32_FS_BASE and
  //: IA32_GS_BASE. All others exit, to read as to write.
  memset(bitmap, 0xff, page_bytes);
  for (u64 msr = IA32_FS_BASE; msr <= IA32_GS_BASE; ++msr) clear(msr, 1), clear(msr, 3);
  //]
}

// ---- The exits ------------------------------------------------------------------------------------------------------

void handle_port(Registers& r) {
  const u64 qualification = vmread(EXIT_QUALIFICATION), port = qualification >> 16 & 0xffff;
  u64* counter = &seen.other_ports;
  for (u64 n = 0; n < 3; ++n)
    if (port == forbidden_ports[n]) counter = &seen.ports[n];
  ++*counter;
  if (qualification & 8) r.rax |= 0xffffffff >> (24 - 8 * (qualification & 3));  // there is no device
}

void handle_msr(Registers& r, bool write) {
  const u32 msr = static_cast<u32>(r.rcx);
  ++(msr == IA32_FS_BASE || msr == IA32_GS_BASE ? seen.allowed_msrs : write ? seen.msr_writes : seen.msr_reads);
  if (!write) r.rax = r.rdx = 0;
}

// False: the guest has ended.
bool handle_exit(Registers& r) {
  const u32 reason = static_cast<u32>(vmread(EXIT_REASON));
  switch (reason) {
    case exit_reason::hlt: return false;
    case exit_reason::ept_violation:
      ++seen.violations;
      vmwrite(GUEST_RIP, r.rbx);  // by agreement: there it goes on when memory is refused
      return true;
    case exit_reason::vmcall:
      ++seen.calls;
      r.rax = static_cast<u64>(r.rax == call_console_write ? console_write(r.rdi, r.rsi) : refused_not_there);
      look_for_the_secret();
      break;
    case exit_reason::io_instruction: handle_port(r); break;
    case exit_reason::rdmsr: handle_msr(r, false); break;
    case exit_reason::wrmsr: handle_msr(r, true); break;
    default: stop("exit ", reason & 0xffff, " ", exit_reason_name(reason & 0xffff), ", RIP ", hex(vmread(GUEST_RIP)));
  }
  skip_instruction();
  return true;
}

// ---- The guest's begin ----------------------------------------------------------------------------------------------

void make_guest() {
  u64 pages = allocate_large_page();
  *at<u64>(pages + page_bytes - 16) = secret;
  memory = pages + page_bytes;
  for (u64 n = 0; n < page_bytes; n += 8) *at<u64>(memory + guest_bytes + n) = secret;
  memcpy(at<void>(memory + code), attacker, static_cast<u64>(attacker_end - attacker));
  // Its page tables: the first GByte, each address mapped to itself.
  constexpr u64 present = 1, may_write = 2, large = 1 << 7;
  for (u64 level = 0; level < 2; ++level)
    *at<u64>(memory + page_table + level * page_bytes) = (page_table + (level + 1) * page_bytes) | present | may_write;
  u64* directory = at<u64>(memory + page_table + 2 * page_bytes);
  for (u64 n = 0; n < 512; ++n) directory[n] = n * large_page_bytes | large | present | may_write;
  info = allocate_page();
  *at<u64>(info) = version;
  map_guest();
  io_bitmaps = allocate_large_page();
  fill_io_bitmaps(at<u8>(io_bitmaps));
  msr_bitmap = allocate_page();
  fill_msr_bitmap(at<u8>(msr_bitmap));
  write_controls({.primary = primary_control::hlt_exiting | primary_control::io_bitmaps | primary_control::msr_bitmaps,
                  .secondary = secondary_control::ept,
                  .entry = entry_control::ia32e_mode_guest});
  vmwrite(EPT_POINTER, ept.pointer());
  vmwrite(IO_BITMAP_A, io_bitmaps);
  vmwrite(IO_BITMAP_B, io_bitmaps + page_bytes);
  vmwrite(MSR_BITMAP, msr_bitmap);
  write_64_bit_guest(reinterpret_cast<void (*)()>(code), stack_top);
  vmwrite(GUEST_CR3, page_table);
  vmwrite(GUEST_GDTR_LIMIT, 0);
  vmwrite(GUEST_IDTR_LIMIT, 0);
}

i64 reported(u64 n) { return at<i64>(memory + report)[n]; }

}  // namespace

void kit_main(const BootInformation&) {
  begin(15);
  constexpr u64 system_call_entry = 0x100000;
  wrmsr(IA32_LSTAR, system_call_entry);  // where the host's SYSCALL leads
  enter_vmx_operation();
  make_current_vmcs();
  make_guest();
  Registers registers = {};
  u64 entries = 0;
  do {
    if (entries > 100) stop("the guest is left again and again");
    if (Failure failure = enter_guest(registers, entries++ > 0)) stop("the entry failed: ", failure);
  } while (handle_exit(registers));

  const u64 bad = static_cast<u64>(refused_bad_argument);
  print("what the guest could do before, and has to be able to do still:\n");
  check("it has all of its own memory", static_cast<u64>(reported(2)), 0x77);
  check("it reads the info page", static_cast<u64>(reported(1)), version);
  check("it prints the last bytes of its memory", static_cast<u64>(reported(6)), 16);
  check("it has COM1, without an exit", static_cast<u64>(reported(7)) == 0x5a && seen.other_ports == 0, true);
  check("it has IA32_FS_BASE, without an exit", static_cast<u64>(reported(10)) == 0x1234 && seen.allowed_msrs == 0, true);
  print("escapes:\n");
  check("memory 1: it does not read the page behind its own", static_cast<u64>(reported(0)), 0);
  check("memory 2: it does not write to the info page", *at<u64>(info), version);
  check("hypercall 1: nothing behind its memory is printed", static_cast<u64>(reported(3)), bad);
  check("hypercall 2: nor across the end", static_cast<u64>(reported(5)), bad);
  check("hypercall 3: nor before its memory, by a number that wraps", static_cast<u64>(reported(4)), bad);
  check("the console never had the secret", leaked, false);
  check("port 1: CF8H, the PCI address", seen.ports[0], 1);
  check("port 2: CFCH, the PCI data", seen.ports[1], 1);
  check("port 3: C0DEH, in the second bitmap", seen.ports[2], 1);
  check("MSR 1: the host's SYSCALL leads where it led", rdmsr(IA32_LSTAR), system_call_entry);
  check("MSR 2: the guest does not learn where", static_cast<u64>(reported(9)), 0);
  check("MSR 3: it does not move the local APIC", seen.msr_writes, 2);
  end();
}
