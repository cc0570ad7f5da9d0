// Owns the system instructions without operands: interrupt flag, halting, MSRs, time, CPUID, MONITOR.
#include "cpu/exec/system/system_instructions.h"

#include "cpu/exec/core/instruction_exits.h"
#include "cpu/exec/core/operands.h"
#include "cpu/exec/core/privilege.h"
#include "cpu/exec/system/control_registers.h"
#include "cpu/exec/system/guest_registers.h"
#include "cpu/state/msrs.h"
#include "cpu/state/observer.h"

namespace ringside {
namespace {

// Whose interrupt flag CLI and STI change: "Protected-Mode Virtual Interrupts", "Virtual-8086 Mode
// Extensions".
enum class InterruptFlag : u8 { IF, VIF, refused };
InterruptFlag interrupt_flag(const Cpu& cpu) {
  if (!(cpu.cr0 & Cr0::PE)) return InterruptFlag::IF;
  if (cpu.mode.v86) {
    if (cpu.iopl() == 3) return InterruptFlag::IF;
    return cpu.cr4 & Cr4::VME ? InterruptFlag::VIF : InterruptFlag::refused;
  }
  if (cpu.iopl() >= cpu.cpl) return InterruptFlag::IF;
  return cpu.cpl == 3 && (cpu.cr4 & Cr4::PVI) ? InterruptFlag::VIF : InterruptFlag::refused;
}

bool monitor_available(Cpu& cpu, const Op& op) {
  return has_privilege(cpu, op) && ((cpu.msr.misc_enable & MiscEnable::monitor) || fail(cpu, Vector::UD));
}

}  // namespace

bool clts(Cpu& cpu, const Op& op) {
  if (!has_privilege(cpu, op)) return false;
  if (cpu.non_root) [[unlikely]]
    return guest_clts(cpu, op);
  cpu.cr0 &= ~Cr0::TS;
  return true;
}

bool hlt(Cpu& cpu, const Op& op) {
  if (!permitted(cpu, op)) return false;
  cpu.activity = Activity::hlt;
  cpu.attention |= Attention::activity;
  return true;
}

bool cli(Cpu& cpu, const Op&) {
  switch (interrupt_flag(cpu)) {
    case InterruptFlag::IF: cpu.set_eflags(0, Eflags::IF); return true;
    case InterruptFlag::VIF: cpu.set_eflags(0, Eflags::VIF); return true;
    default: return fail(cpu, Vector::GP);
  }
}

bool sti(Cpu& cpu, const Op&) {
  switch (interrupt_flag(cpu)) {
    case InterruptFlag::IF:
      // Interrupts stay blocked for one more instruction, if they were before.
      if (!cpu.flag(Eflags::IF)) {
        cpu.interrupt_shadow |= Shadow::sti;
        cpu.attention |= Attention::shadow;
      }
      cpu.set_eflags(Eflags::IF, Eflags::IF);
      return true;
    case InterruptFlag::VIF:
      if (cpu.flag(Eflags::VIP)) return fail(cpu, Vector::GP);
      cpu.set_eflags(Eflags::VIF, Eflags::VIF);
      return true;
    default: return fail(cpu, Vector::GP);
  }
}

bool clac(Cpu& cpu, const Op& op) {
  if (!has_privilege(cpu, op)) return false;
  cpu.set_eflags(0, Eflags::AC);
  return true;
}

bool stac(Cpu& cpu, const Op& op) {
  if (!has_privilege(cpu, op)) return false;
  cpu.set_eflags(Eflags::AC, Eflags::AC);
  return true;
}

bool swapgs(Cpu& cpu, const Op& op) {
  if (!cpu.mode.bits64) return fail(cpu, Vector::UD);
  if (!has_privilege(cpu, op)) return false;
  std::swap(cpu.segment[GS].base, cpu.msr.kernel_gs_base);
  return true;
}

bool invd(Cpu& cpu, const Op& op) { return permitted(cpu, op); }
bool wbinvd(Cpu& cpu, const Op& op) { return permitted(cpu, op); }

bool serialize(Cpu&, const Op&) { return true; }

bool rsm(Cpu& cpu, const Op&) { return fail(cpu, Vector::UD); }

namespace {

// An access that was made.
bool tell_msr(Cpu& cpu, bool write) {
  if (!cpu.observers) [[likely]]
    return true;
  const u32 number = static_cast<u32>(cpu.gpr[RCX]);
  cpu.observers.tell([&](CpuObserver& o) { o.msr_access(cpu, number, write, edx_eax(cpu)); });
  return true;
}

}  // namespace

bool rdmsr(Cpu& cpu, const Op& op) {
  u64 value;
  if (!has_privilege(cpu, op)) return false;
  if (cpu.non_root) [[unlikely]]
    return guest_rdmsr(cpu, op) && tell_msr(cpu, false);
  if (!read_msr(cpu, static_cast<u32>(cpu.gpr[RCX]), value, cpu.instruction_rip(op)))
    return fail(cpu, Vector::GP);
  set_edx_eax(cpu, value);
  return tell_msr(cpu, false);
}

bool wrmsr(Cpu& cpu, const Op& op) {
  if (!has_privilege(cpu, op)) return false;
  if (cpu.non_root) [[unlikely]]
    return guest_wrmsr(cpu, op) && tell_msr(cpu, true);
  if (!write_msr(cpu, static_cast<u32>(cpu.gpr[RCX]), edx_eax(cpu), cpu.instruction_rip(op)))
    return fail(cpu, Vector::GP);
  return tell_msr(cpu, true);
}

bool rdtsc(Cpu& cpu, const Op& op) {
  if (!permitted(cpu, op)) return false;
  set_edx_eax(cpu, read_tsc(cpu));
  return true;
}

bool rdtscp(Cpu& cpu, const Op& op) {
  if ((cpu.non_root && !rdtscp_enabled(cpu)) || !permitted(cpu, op)) return false;
  set_edx_eax(cpu, read_tsc(cpu));
  cpu.gpr[RCX] = static_cast<u32>(cpu.msr.tsc_aux);
  return true;
}

// The counters are those of the MSRs IA32_PMCn, which count nothing: CPUID announces no performance
// monitoring.
bool rdpmc(Cpu& cpu, const Op& op) {
  if (!permitted(cpu, op)) return false;
  constexpr u32 counters = 8;
  if (static_cast<u32>(cpu.gpr[RCX]) >= counters) return fail(cpu, Vector::GP);
  set_edx_eax(cpu, 0);
  return true;
}

CpuidContext cpuid_context(const Cpu& cpu) {
  CpuidContext c;
  c.apic_id = cpu.index;
  c.cpus = cpu.cpus;
  c.cr4 = cpu.cr4;
  c.xcr0 = cpu.xcr0;
  c.xss = cpu.msr.xss;
  c.bits64 = cpu.mode.bits64;
  c.misc_enable = cpu.msr.misc_enable;
  u64 apic_base = 0;
  constexpr u64 enable = bit(11);
  c.apic_enabled = cpu.interrupts && cpu.interrupts->read_msr(msr_number::IA32_APIC_BASE, apic_base) &&
                   (apic_base & enable);
  return c;
}

bool cpuid_instruction(Cpu& cpu, const Op& op) {
  if (!permitted(cpu, op)) return false;
  const u32 leaf = static_cast<u32>(cpu.gpr[RAX]);
  const CpuidResult r =
      cpu.model ? cpuid(*cpu.model, cpuid_context(cpu), leaf, static_cast<u32>(cpu.gpr[RCX])) : CpuidResult{};
  // "Determining the Signature": leaf 1 leaves the microcode's revision where RDMSR finds it.
  if (leaf == 1 && cpu.model) cpu.msr.microcode = cpu.model->microcode << 32;
  cpu.gpr[RAX] = r.eax;
  cpu.gpr[RBX] = r.ebx;
  cpu.gpr[RCX] = r.ecx;
  cpu.gpr[RDX] = r.edx;
  return true;
}

bool rdpkru(Cpu& cpu, const Op&) {
  if (!(cpu.cr4 & Cr4::PKE)) return fail(cpu, Vector::UD);
  if (static_cast<u32>(cpu.gpr[RCX])) return fail(cpu, Vector::GP);
  set_edx_eax(cpu, cpu.pkru);
  return true;
}

bool wrpkru(Cpu& cpu, const Op&) {
  if (!(cpu.cr4 & Cr4::PKE)) return fail(cpu, Vector::UD);
  if (static_cast<u32>(cpu.gpr[RCX]) || static_cast<u32>(cpu.gpr[RDX])) return fail(cpu, Vector::GP);
  cpu.pkru = static_cast<u32>(cpu.gpr[RAX]);
  cpu.update_translation();
  return true;
}

bool xsetbv(Cpu& cpu, const Op& op) {
  if (!(cpu.cr4 & Cr4::OSXSAVE)) return fail(cpu, Vector::UD);
  return permitted(cpu, op) && write_xcr(cpu, static_cast<u32>(cpu.gpr[RCX]), edx_eax(cpu));
}

bool monitor(Cpu& cpu, const Op& op) {
  if (!monitor_available(cpu, op) || (cpu.non_root && exits_by_row(cpu, op))) return false;
  if (static_cast<u32>(cpu.gpr[RCX])) return fail(cpu, Vector::GP);
  u64 offset = cpu.gpr[RAX];
  if (op.attrs & OpAttr::address16) offset &= 0xffff;
  if (op.attrs & OpAttr::address32) offset &= 0xffffffff;
  return arm_monitor(cpu, op, offset);
}

bool arm_monitor(Cpu& cpu, const Op& op, u64 offset) {
  const SegReg seg = static_cast<SegReg>(op.seg);
  u64 linear;
  u8 byte;
  if (!linearize(cpu, seg, offset, 1, AccessKind::read, linear) || !load(cpu, linear, byte, seg))
    return false;
  cpu.monitor_address = linear & ~u64{63};
  cpu.monitor_armed = true;
  return true;
}

// Software has to expect that the wait ends for no reason: here it always does so at once, because a store
// that should end it may come from anywhere.
bool mwait(Cpu& cpu, const Op& op) {
  if (!monitor_available(cpu, op) || (cpu.non_root && exits_by_row(cpu, op, cpu.monitor_armed))) return false;
  constexpr u32 break_on_masked_interrupt = 1;
  if (static_cast<u32>(cpu.gpr[RCX]) & ~break_on_masked_interrupt) return fail(cpu, Vector::GP);
  cpu.monitor_armed = false;
  return true;
}

// RDTSC exiting is about them, too: "Changes to Instruction Behavior in VMX Non-Root Operation". The wait
// ends at once, as MWAIT's does, and so never by the limit of IA32_UMWAIT_CONTROL, which alone sets CF.
bool user_wait(Cpu& cpu, const Op& op, u32 state) {
  if (!permitted(cpu, op)) return false;
  constexpr u32 fast_state = 1;
  if (state & ~fast_state) return fail(cpu, Vector::GP);
  cpu.flags.set_image(0);
  return true;
}

}  // namespace ringside
