// Owns the rules of CR0, CR3, CR4, CR8 and XCR0.
#include "cpu/exec/system/control_registers.h"

#include "cpu/exec/core/privilege.h"
#include "vmx/intercepts.h"

namespace ringside {
namespace {

constexpr u64 cr0_defined = Cr0::PE | Cr0::MP | Cr0::EM | Cr0::TS | Cr0::ET | Cr0::NE | Cr0::WP | Cr0::AM |
                            Cr0::NW | Cr0::CD | Cr0::PG;
constexpr unsigned tss16_available = 1, tss16_busy = 3;

bool paging_is_pae(u64 cr0, u64 cr4, u64 efer) {
  return (cr0 & Cr0::PG) && (cr4 & Cr4::PAE) && !(efer & Efer::LMA);
}

bool load_pdptes(Cpu& cpu, u64 cr3, u64 cr0, u64 cr4, u64 efer) {
  Fault fault = Fault::exception(Vector::GP, 0);
  if (cpu.mmu.load_pdptes(cr3, cr0, cr4, efer, &fault)) return true;
  cpu.fault = fault;
  cpu.chain_end = ChainEnd::fault;
  return false;
}

// CR0.PG goes from 0 to 1 with EFER.LME set: "Initializing IA-32e Mode".
bool may_activate_long_mode(const Cpu& cpu) {
  const unsigned tr = cpu.segment[TR].type();
  return (cpu.cr4 & Cr4::PAE) && !cpu.segment[CS].long_mode() && tr != tss16_available && tr != tss16_busy;
}

}  // namespace

bool write_cr0(Cpu& cpu, u64 value) {
  if (value >> 32) return fail(cpu, Vector::GP);
  value = (value & cr0_defined) | Cr0::ET;
  if ((value & Cr0::PG) && !(value & Cr0::PE)) return fail(cpu, Vector::GP);
  if ((value & Cr0::NW) && !(value & Cr0::CD)) return fail(cpu, Vector::GP);
  if (!cr0_allowed_in_vmx(cpu, value)) return fail(cpu, Vector::GP);

  const u64 changed = value ^ cpu.cr0;
  u64 efer = cpu.efer;
  if (changed & Cr0::PG) {
    if (value & Cr0::PG) {
      if (efer & Efer::LME) {
        if (!may_activate_long_mode(cpu)) return fail(cpu, Vector::GP);
        efer |= Efer::LMA;
      }
    } else {
      if (cpu.mode.bits64 || (cpu.cr4 & Cr4::PCIDE)) return fail(cpu, Vector::GP);
      efer &= ~Efer::LMA;
    }
  }
  if ((changed & (Cr0::PG | Cr0::CD | Cr0::NW)) && paging_is_pae(value, cpu.cr4, efer) &&
      !load_pdptes(cpu, cpu.cr3, value, cpu.cr4, efer))
    return false;

  cpu.cr0 = value;
  cpu.efer = efer;
  if (changed & (Cr0::PE | Cr0::PG)) cpu.update_mode();
  if (changed & (Cr0::PE | Cr0::PG | Cr0::WP)) cpu.update_translation();
  if (changed & (Cr0::PE | Cr0::PG | Cr0::AM)) cpu.update_privilege();
  return true;
}

bool write_cr3(Cpu& cpu, u64 value) {
  const bool pcide = cpu.cr4 & Cr4::PCIDE;
  const bool keep = pcide && (value & Cr3::no_flush);
  if (pcide) value &= ~Cr3::no_flush;
  const unsigned width = cpu.model ? cpu.model->physical_bits : cpu.mmu.physical_bits();
  const u64 upper = cpu.model ? supported_upper_cr3(*cpu.model) : 0;
  if (value & ~(bit_range(0, width - 1) | upper)) return fail(cpu, Vector::GP);
  if (paging_is_pae(cpu.cr0, cpu.cr4, cpu.efer) && !load_pdptes(cpu, value, cpu.cr0, cpu.cr4, cpu.efer))
    return false;
  cpu.cr3 = value;
  cpu.mmu.load_cr3(value, keep);
  return true;
}

bool write_cr4(Cpu& cpu, u64 value) {
  if (!cpu.model || (value & ~supported_cr4(*cpu.model))) return fail(cpu, Vector::GP);
  if (!cr4_allowed_in_vmx(cpu, value)) return fail(cpu, Vector::GP);
  const u64 changed = value ^ cpu.cr4;
  const bool long_mode = cpu.efer & Efer::LMA;
  if (long_mode && (changed & (Cr4::PAE | Cr4::LA57))) return fail(cpu, Vector::GP);
  if ((changed & value & Cr4::PCIDE) && (!long_mode || (cpu.cr3 & Cr3::pcid))) return fail(cpu, Vector::GP);
  if ((changed & (Cr4::PAE | Cr4::PGE | Cr4::PSE | Cr4::SMEP)) && paging_is_pae(cpu.cr0, value, cpu.efer) &&
      !load_pdptes(cpu, cpu.cr3, cpu.cr0, value, cpu.efer))
    return false;

  cpu.cr4 = value;
  cpu.update_mode();
  cpu.update_translation();
  cpu.update_privilege();
  if (changed & Cr4::DE) cpu.update_debug();
  return true;
}

bool write_cr8(Cpu& cpu, u64 value) {
  if (value & ~u64{0xf}) return fail(cpu, Vector::GP);
  if (cpu.interrupts) cpu.interrupts->set_task_priority(static_cast<u8>(value));
  return true;
}

bool write_xcr(Cpu& cpu, u32 number, u64 value) {
  if (number != 0 || !cpu.model) return fail(cpu, Vector::GP);
  if ((value & ~supported_xcr0(*cpu.model)) || !(value & Xcr0::x87)) return fail(cpu, Vector::GP);
  if ((value & Xcr0::avx) && !(value & Xcr0::sse)) return fail(cpu, Vector::GP);
  cpu.xcr0 = value;
  return true;
}

u64 read_control_register(const Cpu& cpu, unsigned number) {
  switch (number) {
    case 0: return cpu.cr0;
    case 2: return cpu.cr2;
    case 3: return cpu.cr3;
    case 4: return cpu.cr4;
    default: return cpu.interrupts ? cpu.interrupts->task_priority() & 0xf : 0;
  }
}

}  // namespace ringside
