// Owns the answers of VMware's backdoor that a system needs to start: who is there, and how fast the clocks
// count.
#include "roms/lodge/vm/vmware.h"

#include "roms/kit/clock.h"
#include "roms/kit/hypercalls.h"
#include "roms/lodge/vm/exits.h"

namespace lodge {
namespace {

constexpr u16 backdoor_port = 0x5658;
constexpr u32 magic = 0x564d5868;  // "VMXh"
constexpr u32 last_leaf = 0x40000010;

u64 ticks_a_second() { return ticks_a_millisecond() * 1000; }

// What ECX asks for, in its low half. The answer begins with what the registers hold: a command that nobody
// knows leaves FFFFFFFFH in EBX, where the guest put it.
struct Command {
  u16 number;
  void (*answer)(Registers& r);
};
constexpr Command commands[] = {
    // The version of the protocol, the number again, and which product it is: 4 is the one that runs in an
    // operating system.
    {10, [](Registers& r) { r.rax = 6, r.rbx = magic, r.rcx = 4; }},
    // How often the time-stamp counter counts in a second, in EBX:EAX; in ECX the same of the local APIC's
    // timer, of which there is none here.
    {45,
     [](Registers& r) {
       r.rax = static_cast<u32>(ticks_a_second()), r.rbx = ticks_a_second() >> 32, r.rcx = 0;
     }},
};

}  // namespace

CpuidResult vmware_leaf(u32 leaf) {
  if (leaf == hypervisor_leaf) return letters(last_leaf, "VMwareVMware");
  // In kHz: the time-stamp counter, and the local APIC's timer.
  if (leaf == last_leaf) return {static_cast<u32>(ticks_a_millisecond()), 0, 0, 0};
  return {};
}

// VMware lets ring 3 knock, too, whatever the I/O permission bitmap says. Here #GP comes first, as the
// processor has it.
bool knock_at_backdoor(VirtualCpu& cpu, u16 port, unsigned bytes) {
  Registers& r = cpu.registers;
  if (port != backdoor_port || bytes != 4 || static_cast<u32>(r.rax) != magic) return false;
  for (const Command& command : commands)
    if (command.number == (r.rcx & 0xffff)) command.answer(r);
  return true;
}

}  // namespace lodge
