// Owns an experiment of 1974 on a CPU of today: which instructions trap in ring 3, and a guest kernel that is run there.
#include "roms/course/common/ring_3.h"
#include "roms/kit/print.h"

using namespace course;

// probes.asm
extern "C" {
extern const char probe_cli[], probe_hlt[], probe_in[], probe_lgdt[], probe_mov_cr3[], probe_rdmsr[], probe_sgdt[],
    probe_smsw[], probe_str[], probe_pushf[], probe_popf[], probe_cpuid[], guest_kernel[];
extern u64 guest_saw;  // what the guest kernel takes for RFLAGS
}

namespace {

constexpr u8 gp_vector = 13;

struct Probe {
  const char* name;
  const char* code;
  bool traps;  // your answer: does it raise an exception in ring 3, with CPL 3, IOPL 0?
};

// All of them look at, or change, what belongs to the operating system.
Probe probes[] = {
    //[ a machine of 1974 would trap all of them. Which ones does this CPU let through? Make those false. The first line is right
    {"CLI", probe_cli, true},
    {"HLT", probe_hlt, true},
    {"IN", probe_in, true},
    {"LGDT", probe_lgdt, true},
    {"MOV CR3", probe_mov_cr3, true},
    {"RDMSR", probe_rdmsr, true},
    {"SGDT", probe_sgdt, false},
    {"SMSW", probe_smsw, false},
    {"STR", probe_str, false},
    {"PUSHF", probe_pushf, false},
    {"POPF that clears IF", probe_popf, false},
    {"CPUID", probe_cpuid, false},
    //| {"CLI", probe_cli, true},
    //| {"HLT", probe_hlt, true},
    //| {"IN", probe_in, true},
    //| {"LGDT", probe_lgdt, true},
    //| {"MOV CR3", probe_mov_cr3, true},
    //| {"RDMSR", probe_rdmsr, true},
    //| {"SGDT", probe_sgdt, true},
    //| {"SMSW", probe_smsw, true},
    //| {"STR", probe_str, true},
    //| {"PUSHF", probe_pushf, true},
    //| {"POPF that clears IF", probe_popf, true},
    //| {"CPUID", probe_cpuid, true},
    //]
};

u64 stack_top;  // of ring 3
bool trapped;

void on_trap_of_probe(InterruptFrame& frame) {
  trapped = true;
  leave_ring_3(frame);
}

void run_probes() {
  set_handler(gp_vector, on_trap_of_probe);
  for (const Probe& probe : probes) {
    trapped = false;
    run_in_ring_3(probe.code, stack_top);
    print(probe.name, trapped ? " traps\n" : " does not trap\n");
    check("your answer", probe.traps, trapped);
  }
}

// ---- A guest kernel in ring 3, which believes that it owns the machine -----------------------------------------------

bool virtual_if = true;  // the guest's RFLAGS.IF, which is not the machine's
char screen[16];
u64 letters, ends;

// The guest's kernel executed an instruction that ring 3 may not: do what it meant, for the guest alone.
void on_trap_of_guest(InterruptFrame& frame) {
  const u8 opcode = *at<u8>(frame.rip);
  switch (opcode) {
    //[ CLI is FAH and STI FBH, of one byte each: they change virtual_if, and RIP goes behind them
    case 0xfa:
      virtual_if = false;
      frame.rip += 1;
      return;
    case 0xfb:
      virtual_if = true;
      frame.rip += 1;
      return;
    //]
    //[ OUT DX, AL is EEH, of one byte: the letter in AL goes to screen[letters++]
    case 0xee:
      if (letters < sizeof screen - 1) screen[letters++] = static_cast<char>(frame.rax);
      frame.rip += 1;
      return;
    //]
    case 0xf4:  // HLT: the guest has ended
      ++ends;
      leave_ring_3(frame);
      return;
    default: stop("the guest's opcode ", hex(opcode), " at ", hex(frame.rip), " traps, and nobody emulates it");
  }
}

void run_guest_kernel() {
  set_handler(gp_vector, on_trap_of_guest);
  run_in_ring_3(guest_kernel, stack_top);
  check("the guest's letters are on its screen", same(screen, "ring 0?"), true);
  check("its interrupts are disabled, as it wanted", virtual_if, false);
  check("it has come to its end", ends, 1);
  // It executed CLI and then PUSHF. What it saw is the machine's IF, which is 1 in ring 3.
  bool guest_is_deceived = true;
  //[ PUSHF does not trap. After its CLI the guest looked at RFLAGS: does it see what it wrote (true), or the truth about
  //: the machine, by which it knows that it is a guest (false)?
  guest_is_deceived = false;
  //]
  check("your answer to the last question", guest_is_deceived, !(guest_saw & RFLAGS::IF));
}

}  // namespace

void kit_main(const BootInformation&) {
  begin(1);
  allow_ring_3();
  stack_top = make_stack();
  run_probes();
  run_guest_kernel();
  end();
}
