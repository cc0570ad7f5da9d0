// Owns the guest's accesses to devices: ports and memory that is not there. What the kernel has no chip for
// becomes the process's.
#include "roms/kit/hypercalls.h"
#include "roms/kit/variants.h"
#include "roms/lodge/process.h"
#include "roms/lodge/vm/exits.h"
#include "roms/lodge/vm/vmcs.h"
#include "roms/lodge/vm/vmware.h"
#include "roms/lodge/vm/walk.h"

namespace lodge {
namespace {

u64 masked(u64 value, unsigned bytes) { return value & ((1ul << 8 * bytes) - 1); }

// IN changes AL, AX or EAX; the last clears the upper half of RAX.
void put_in_rax(VirtualCpu& cpu, u64 value, unsigned bytes) {
  u64& rax = cpu.registers.rax;
  rax = bytes == 4 ? masked(value, 4) : (rax & ~0ul << 8 * bytes) | masked(value, bytes);
}

// The chips in the kernel: an exit to them costs no way to ring 3 and back.
bool try_chips(VirtualCpu& cpu, u16 port, bool write) {
  VirtualMachine& machine = *cpu.machine;
  const u8 value = static_cast<u8>(cpu.registers.rax);
  if (Pic::has_port(port)) {
    if (write)
      machine.pic.out(port, value);
    else
      put_in_rax(cpu, machine.pic.in(port), 1);
    interrupt_pending(machine);
  } else if (Pit::has_port(port)) {
    if (write)
      machine.pit.out(port, value, pit_time());
    else
      put_in_rax(cpu, machine.pit.in(port, pit_time()), 1);
    follow_pit(machine);
  } else {
    return false;
  }
  return true;
}

unsigned mode_of_guest() {
  constexpr u64 code_64 = 1 << 13, code_32 = 1 << 14;  // L and D/B of the access rights
  const u64 rights = vmread(GUEST_CS_ACCESS_RIGHTS);
  if (vmread(GUEST_IA32_EFER) & EFER::LMA && rights & code_64) return 64;
  return rights & code_32 ? 32 : 16;
}

MemoryMove move_at_rip(VirtualCpu& cpu) {
  u8 code[15] = {};
  const u64 linear = vmread(GUEST_CS_BASE) + vmread(GUEST_RIP);
  for (u64 n = 0; n < sizeof code;) {
    const Walk found = walk(cpu, linear + n);
    const u64 inside = found.physical % page_bytes;
    const u64 page = found.present ? guest_page(*cpu.machine, found.physical) : 0;
    if (!page) break;  // what is missing is 0; a shorter instruction may still be whole
    const u64 part = smaller(sizeof code - n, page_bytes - inside);
    memcpy(code + n, at<u8>(page + inside), part);
    n += part;
  }
  return decode_move(code, mode_of_guest());
}

// The variant "inside": a device that is otherwise the VMM's (programs/vmm/devices.cpp). What the run page
// asks for is done here, and nobody has to go to ring 3 and back.
bool answer_inside(VirtualCpu& cpu) {
  RunPage& page = *cpu.page;
  const bool in_memory = page.why == RunExit::memory;
  const bool here = in_memory ? page.address == memory_device : page.port == port_device;
  if (!variants.inside || !here || page.bytes != 4) return false;
  u32& its_register = cpu.machine->inside_registers[in_memory];
  if (page.write)
    its_register = static_cast<u32>(page.data);
  else
    page.data = its_register + 1;
  finish(cpu);
  return true;
}

}  // namespace

// The manual's "Exit Qualification for I/O Instructions".
bool handle_port(VirtualCpu& cpu) {
  const u64 qualification = vmread(EXIT_QUALIFICATION);
  const unsigned bytes = (qualification & 7) + 1;
  const bool write = !(qualification & 8), string = qualification & 16;
  const u16 port = static_cast<u16>(qualification >> 16);
  RunPage& page = *cpu.page;
  if (string) return page.why = RunExit::failed, true;
  skip_instruction();
  if (cpu.machine->face == face_vmware && knock_at_backdoor(cpu, port, bytes)) return false;
  if (bytes == 1 && try_chips(cpu, port, write)) return false;
  page.why = RunExit::port;
  page.write = write;
  page.bytes = static_cast<u8>(bytes);
  page.port = port;
  page.data = write ? masked(cpu.registers.rax, bytes) : 0;
  if (!write) cpu.unfinished = Unfinished::port;
  return !answer_inside(cpu);
}

// A page that the guest has not touched yet is asked of the process's memory; where there is no memory lies a
// device of the process.
bool handle_ept_violation(VirtualCpu& cpu) {
  const u64 guest = vmread(GUEST_PHYSICAL_ADDRESS);
  const u64 host = guest_page(*cpu.machine, guest);
  if (!host) return access_device(cpu, guest);
  cpu.machine->ept.map_page(guest & ~(page_bytes - 1), host & ~(page_bytes - 1), EptRights::all);
  return false;
}

bool access_device(VirtualCpu& cpu, u64 guest) {
  RunPage& page = *cpu.page;
  page.address = guest;
  const MemoryMove move = move_at_rip(cpu);
  if (!move.known) return page.why = RunExit::failed, true;
  page.why = RunExit::memory;
  page.write = move.write;
  page.bytes = move.bytes;
  page.data = move.write ? value_of(move, read_register(cpu, move.register_number)) : 0;
  skip_instruction(
      move.length);  // its length is not in the VMCS: an EPT violation may come from no instruction at all
  if (!move.write) cpu.unfinished = Unfinished::memory;
  cpu.move = move;
  return !answer_inside(cpu);
}

void finish(VirtualCpu& cpu) {
  const RunPage& page = *cpu.page;
  const MemoryMove& move = cpu.move;
  switch (cpu.unfinished) {
    case Unfinished::nothing: break;
    case Unfinished::port:
      put_in_rax(cpu, page.data, page.bytes == 1 || page.bytes == 2 ? page.bytes : 4);
      break;
    case Unfinished::memory:
      write_register(cpu, move.register_number,
                     register_after(move, read_register(cpu, move.register_number), page.data));
      break;
    case Unfinished::hypercall: cpu.registers.rax = page.answer; break;
  }
  cpu.unfinished = Unfinished::nothing;
}

}  // namespace lodge
