// Owns the declarations of system instructions without operands to match.
#pragma once

#include "cpu/state/cpu.h"
#include "vmx/exit_info.h"

namespace ringside {

bool clts(Cpu& cpu, const Op& op);
bool hlt(Cpu& cpu, const Op& op);
bool cli(Cpu& cpu, const Op& op);
bool sti(Cpu& cpu, const Op& op);
bool clac(Cpu& cpu, const Op& op);
bool stac(Cpu& cpu, const Op& op);
bool swapgs(Cpu& cpu, const Op& op);
// Nothing is cached. WBNOINVD is a WBINVD to Zydis.
bool invd(Cpu& cpu, const Op& op);
bool wbinvd(Cpu& cpu, const Op& op);
bool serialize(Cpu& cpu, const Op& op);
bool rsm(Cpu& cpu, const Op& op);

bool rdmsr(Cpu& cpu, const Op& op);
bool wrmsr(Cpu& cpu, const Op& op);
bool rdtsc(Cpu& cpu, const Op& op);
bool rdtscp(Cpu& cpu, const Op& op);
bool rdpmc(Cpu& cpu, const Op& op);
bool cpuid_instruction(Cpu& cpu, const Op& op);
bool rdpkru(Cpu& cpu, const Op& op);
bool wrpkru(Cpu& cpu, const Op& op);
bool xsetbv(Cpu& cpu, const Op& op);
bool monitor(Cpu& cpu, const Op& op);
bool mwait(Cpu& cpu, const Op& op);
// MONITOR and UMONITOR of the line at `offset` in the instruction's segment.
bool arm_monitor(Cpu& cpu, const Op& op, u64 offset);
// UMWAIT and TPAUSE from their privilege check on; `reason`: of the VM exit.
bool user_wait(Cpu& cpu, const Op& op, u32 state);

// What CPUID looks at, of this CPU now.
CpuidContext cpuid_context(const Cpu& cpu);

}  // namespace ringside
