// Owns what happens at addresses where the guest has no memory: there may be a device, else there is nothing.
#include "roms/kit/clock.h"
#include "roms/kit/mov.h"
#include "roms/kit/print.h"
#include "roms/loft/exits.h"

namespace loft {
namespace {

// The guest-physical address of a linear one, by the guest's own page tables: the manual's "4-Level Paging".
// Only what a guest in 64-bit mode or without paging has. 0: not mapped, which no address of ours is.
u64 guest_physical(Domain& d, u64 linear) {
  if (!(vmread(GUEST_CR0) & CR0::PG)) return linear;
  constexpr u64 address_mask = 0x000ffffffffff000, present = 1, large = 1 << 7;
  u64 table = vmread(GUEST_CR3) & address_mask;
  for (unsigned shift = 39;; shift -= 9) {
    u64 entry = 0;
    if (!read_memory(d, table + (linear >> shift & 511) * 8, &entry, 8) || !(entry & present)) return 0;
    const u64 inside = (1ul << shift) - 1;
    if (shift == 12 || (shift < 39 && entry & large))
      return (entry & address_mask & ~inside) | (linear & inside);
    table = entry & address_mask;
  }
}

// The bytes of the instruction at the guest's RIP, which may lie in two pages; false: they are not all there.
bool read_instruction(Domain& d, u8 (&code)[15]) {
  const u64 rip = vmread(GUEST_CS_BASE) + vmread(GUEST_RIP);
  const u64 here = smaller<u64>(sizeof code, page_bytes - rip % page_bytes);
  const u64 first = guest_physical(d, rip);
  if (!first || !read_memory(d, first, code, here)) return false;
  if (here == sizeof code) return true;
  // It may well end in the first one: then the next need not be there.
  const u64 second = guest_physical(d, rip + here);
  if (second) read_memory(d, second, code + here, sizeof code - here);
  return true;
}

unsigned code_bits() {
  const u64 rights = vmread(GUEST_CS_ACCESS_RIGHTS);
  return rights & bit(13) ? 64 : rights & bit(14) ? 32 : 16;
}

u64* register_of(Registers& r, u8 number) {
  u64* all[16] = {&r.rax, &r.rcx, &r.rdx, &r.rbx, nullptr, &r.rbp, &r.rsi, &r.rdi,
                  &r.r8,  &r.r9,  &r.r10, &r.r11, &r.r12,  &r.r13, &r.r14, &r.r15};
  return all[number & 15];
}

}  // namespace

// The CPU tells the address, and whether it is read or written, but not of how many bytes, nor which register
// is meant: that is in the instruction.
void handle_ept_violation(Vcpu& v) {
  const u64 address = vmread(GUEST_PHYSICAL_ADDRESS);
  u8 code[15] = {};
  if (!read_instruction(*v.domain, code)) return give_up(v, "no instruction at RIP");
  const MemoryMove move = decode_move(code, code_bits());
  u64* target = register_of(v.registers, move.register_number);
  if (!move.known || !target)
    return give_up(v, "an access to no memory by an instruction that is not emulated");
  const bool device = address == memory_device && move.bytes == 4;
  const bool apic =
      v.domain->hyperv.shown && (address & ~(page_bytes - 1)) == LocalApic::address && move.bytes == 4;
  if (apic && move.write) {
    v.domain->apic.write(address % page_bytes, static_cast<u32>(value_of(move, *target)), now());
  } else if (apic) {
    *target = register_after(move, *target, v.domain->apic.read(address % page_bytes, now()));
  } else if (move.write) {
    if (device) v.device = static_cast<u32>(value_of(move, *target));
  } else {
    *target = register_after(move, *target, device ? v.device + 1 : ~0ul);
  }
  // For this exit the field with the instruction's length may hold anything.
  vmwrite(GUEST_RIP, vmread(GUEST_RIP) + move.length);
}

}  // namespace loft
