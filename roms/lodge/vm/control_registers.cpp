// Owns the way from the guest's control registers to the processor's.
#include "roms/lodge/vm/control_registers.h"

#include "roms/kit/pages.h"
#include "roms/kit/print.h"
#include "roms/kit/variants.h"

namespace lodge {
namespace {

constexpr u64 owned_cr0 = CR0::NE | CR0::NW | CR0::CD;
// How tables look, and what they forbid.
constexpr u64 paging_cr4 = CR4::PAE | CR4::PSE | CR4::PGE | CR4::SMEP | CR4::SMAP;

// Guest-physical, below the place of a PC's firmware. No memory slot should be there.
constexpr u64 identity_table = 0xfeffc000;

u64 owned_cr4() { return denied_cr4 | (must_page() ? paging_cr4 : 0); }

// Is the processor's CR3 another one than the guest's?
bool owns_cr3() { return variants.no_ept || (must_page() && !(guest_cr0() & CR0::PG)); }

void set_bits(u64 field, u64 bits, bool value) {
  const u64 before = vmread(field), after = value ? before | bits : before & ~bits;
  if (before != after) vmwrite(field, after);
}

// What the processor has where it must page, for a guest that believes in `r`.
ControlRegisters stand_in(const VirtualCpu& cpu, ControlRegisters r) {
  const u64 own = r.cr4 & paging_cr4;
  const bool paging = r.cr0 & CR0::PG;
  r.cr4 &= ~paging_cr4;
  if (variants.no_ept) {
    // Shadows have entries of 8 bytes, in four levels or, without long mode, in PAE's three. None of them is
    // global, so that PGE does nothing.
    r.cr3 = cpu.shadow.root();
    r.cr4 |= CR4::PAE | (paging ? own : 0);
  } else if (paging) {
    r.cr4 |= own;
  } else {
    r.cr3 = identity_table;
    r.cr4 |= CR4::PSE;
  }
  // The processor wants LME and LMA to be the same where there is paging.
  if (!paging) r.efer &= ~(EFER::LME | EFER::LMA);
  return r;
}

}  // namespace

bool must_page() { return variants.no_unrestricted_guest || variants.no_ept; }

void write_masks() {
  vmwrite(CR0_GUEST_HOST_MASK,
          owned_cr0 | (must_page() ? CR0::PE | CR0::PG : 0) | (variants.no_ept ? CR0::WP : 0));
  vmwrite(CR4_GUEST_HOST_MASK, owned_cr4());
}

ControlRegisters control_registers(const VirtualCpu& cpu) {
  const u64 owned = owned_cr4();
  return {guest_cr0(), owns_cr3() ? cpu.cr3 : vmread(GUEST_CR3),
          (vmread(GUEST_CR4) & ~owned) | (vmread(CR4_READ_SHADOW) & owned),
          must_page() ? cpu.efer : vmread(GUEST_IA32_EFER)};
}

bool set_control_registers(VirtualCpu& cpu, const ControlRegisters& r) {
  const bool paging = r.cr0 & CR0::PG;
  if (must_page() && !(r.cr0 & CR0::PE)) return false;  // real mode
  if (variants.no_ept && paging && !(r.efer & EFER::LMA)) return false;
  set_guest_cr0(r.cr0);
  cpu.cr3 = r.cr3;
  cpu.efer = r.efer;
  if (variants.no_ept) cpu.shadow.empty(paging ? 4 : 3);
  const ControlRegisters real = must_page() ? stand_in(cpu, r) : r;
  vmwrite(GUEST_CR3, real.cr3);
  vmwrite(CR4_READ_SHADOW, r.cr4);
  vmwrite(GUEST_CR4, (real.cr4 & ~denied_cr4) | CR4::VMXE);
  vmwrite(GUEST_IA32_EFER, real.efer);
  set_bits(VM_ENTRY_CONTROLS, entry_control::ia32e_mode_guest, real.efer & EFER::LMA);
  set_bits(PRIMARY_CONTROLS, primary_control::cr3_load_exiting | primary_control::cr3_store_exiting,
           owns_cr3());
  forget_translations(cpu);
  return true;
}

// Pages of 4 MBytes, 32-bit paging's: the manual's "Page-Directory Entry that Maps a 4-MByte Page". The
// accessed and dirty flags are there already, so that the processor does not write to it.
void make_identity_table(VirtualMachine& machine) {
  constexpr u32 present = 1, writable = 2, user = 4, accessed = 1 << 5, dirty = 1 << 6, large = 1 << 7;
  machine.identity_table = allocate_page();
  for (u32 n = 0; n < 1024; ++n)
    at<u32>(machine.identity_table)[n] = n << 22 | present | writable | user | accessed | dirty | large;
  machine.ept.map_page(identity_table, machine.identity_table, EptRights::read);
}

// Without VPIDs the VM exit that led here has done it.
void forget_translations(VirtualCpu& cpu) {
  if (variants.no_vpid) return;
  if (const Failure failure = invvpid(Invalidation::single_context, cpu.vpid))
    stop("INVVPID failed: ", failure);
}

}  // namespace lodge
