// Owns the answers to the questions of intercepts.h.
#include "vmx/intercepts.h"

#include <algorithm>

namespace ringside {
namespace {

const ActiveControls& controls(const Cpu& cpu) { return cpu.vmx->controls; }

ExitCause by(VmxControl control) { return {ExitCause::Kind::control, control}; }

bool bitmap_bit(const Cpu& cpu, HostPhys bitmap, u32 n) {
  return cpu.mmu.memory().read(bitmap + n / 8, 1) >> (n % 8) & 1;
}

bool mask_exits(u64 differing, ExitCause& cause) {
  if (!differing) return false;
  cause = {ExitCause::Kind::mask, VmxControl::count, differing};
  return true;
}

// In bytes from the MSR-bitmap address, by what is accessed; bits of either half of the MSRs that have one.
constexpr u32 read_low = 0x000, read_high = 0x400, write_low = 0x800, write_high = 0xc00;
constexpr u32 bitmap_msrs = 0x2000, high_msrs = 0xc0000000;

}  // namespace

bool io_exits(const Cpu& cpu, u16 port, unsigned size, ExitCause& cause) {
  const ActiveControls& c = controls(cpu);
  if (!c.has(VmxControl::io_bitmaps)) {
    cause = by(VmxControl::unconditional_io_exiting);
    return c.has(VmxControl::unconditional_io_exiting);
  }
  constexpr u32 ports = 0x10000, half = 0x8000;
  cause = {ExitCause::Kind::io_bitmap, VmxControl::io_bitmaps, port};
  if (u32{port} + size > ports) return true;
  for (u32 p = port; p < u32{port} + size; ++p) {
    cause.detail = p;
    if (bitmap_bit(cpu, p < half ? c.io_bitmap_a : c.io_bitmap_b, p % half)) return true;
  }
  return false;
}

u64 io_qualification(const IoAccess& access) {
  return (access.size - 1) | u64{access.in} << 3 | u64{access.string} << 4 | u64{access.repeated} << 5 |
         u64{access.immediate} << 6 | u64{access.port} << 16;
}

bool msr_exits(const Cpu& cpu, u32 number, bool write, ExitCause& cause) {
  const ActiveControls& c = controls(cpu);
  if (!c.has(VmxControl::msr_bitmaps)) {
    cause = {ExitCause::Kind::absent_control, VmxControl::msr_bitmaps};
    return true;
  }
  const bool high = number >= high_msrs;
  const u32 n = high ? number - high_msrs : number;
  cause = {ExitCause::Kind::msr_bitmap, VmxControl::msr_bitmaps, number};
  if (n >= bitmap_msrs) return true;
  const u32 at = write ? (high ? write_high : write_low) : (high ? read_high : read_low);
  return bitmap_bit(cpu, c.msr_bitmap + at, n);
}

bool xss_exits(const Cpu& cpu, u64 components, ExitCause& cause) {
  const u64 selected = components & cpu.msr.xss & controls(cpu).xss_exiting_bitmap;
  cause = {ExitCause::Kind::xss_bitmap, VmxControl::xsaves, selected};
  return selected != 0;
}

u64 control_register_qualification(unsigned cr, CrAccess access, unsigned gpr) {
  return cr | static_cast<u64>(access) << 4 | u64{gpr} << 8;
}
u64 lmsw_qualification(bool memory, u16 source) {
  return control_register_qualification(0, CrAccess::lmsw, 0) | u64{memory} << 6 | u64{source} << 16;
}
u64 debug_register_qualification(unsigned dr, bool from, unsigned gpr) {
  return dr | u64{from} << 4 | u64{gpr} << 8;
}

bool cr0_load_exits(const Cpu& cpu, u64 value, ExitCause& cause) {
  return mask_exits((value ^ controls(cpu).cr0_shadow) & controls(cpu).cr0_mask, cause);
}
bool cr4_load_exits(const Cpu& cpu, u64 value, ExitCause& cause) {
  return mask_exits((value ^ controls(cpu).cr4_shadow) & controls(cpu).cr4_mask, cause);
}
bool cr3_load_exits(const Cpu& cpu, u64 value, ExitCause& cause) {
  const ActiveControls& c = controls(cpu);
  cause = by(VmxControl::cr3_load_exiting);
  if (!c.has(VmxControl::cr3_load_exiting)) return false;
  const auto end = c.cr3_target.begin() + std::min<std::size_t>(c.cr3_target_count, c.cr3_target.size());
  return std::find(c.cr3_target.begin(), end, value) == end;
}

bool lmsw_exits(const Cpu& cpu, u16 source, ExitCause& cause) {
  const ActiveControls& c = controls(cpu);
  const u64 differing = (source ^ c.cr0_shadow) & c.cr0_mask;
  // LMSW cannot clear PE.
  const u64 set_pe = differing & source & Cr0::PE;
  return mask_exits(set_pe | (differing & (Cr0::MP | Cr0::EM | Cr0::TS)), cause);
}

Clts clts_effect(const Cpu& cpu, ExitCause& cause) {
  const ActiveControls& c = controls(cpu);
  if (!(c.cr0_mask & Cr0::TS)) return Clts::clears;
  return mask_exits(c.cr0_shadow & Cr0::TS, cause) ? Clts::exits : Clts::ignored;
}

u64 guest_view_of_cr0(const Cpu& cpu) {
  return written_by_guest(cpu.cr0, controls(cpu).cr0_shadow, controls(cpu).cr0_mask);
}
u64 guest_view_of_cr4(const Cpu& cpu) {
  return written_by_guest(cpu.cr4, controls(cpu).cr4_shadow, controls(cpu).cr4_mask);
}
u64 written_by_guest(u64 value, u64 present, u64 mask) { return (value & ~mask) | (present & mask); }

bool cr0_allowed_in_vmx(const Cpu& cpu, u64 value) {
  if (!cpu.vmx_operation) return true;
  u64 required = cpu.vmx->capability.cr0_fixed0();
  if (cpu.non_root && controls(cpu).has(VmxControl::unrestricted_guest)) required &= ~(Cr0::PE | Cr0::PG);
  return (value & required) == required && !(value & ~cpu.vmx->capability.cr0_fixed1());
}
bool cr4_allowed_in_vmx(const Cpu& cpu, u64 value) {
  if (!cpu.vmx_operation) return true;
  const u64 required = cpu.vmx->capability.cr4_fixed0();
  return (value & required) == required && !(value & ~cpu.vmx->capability.cr4_fixed1());
}

bool pause_exits(Cpu& cpu, u64 now, ExitCause& cause) {
  Vmx& vmx = *cpu.vmx;
  cause = by(VmxControl::pause_exiting);
  if (vmx.controls.has(VmxControl::pause_exiting)) return true;
  if (!vmx.controls.has(VmxControl::pause_loop_exiting) || cpu.cpl != 0) return false;
  cause = by(VmxControl::pause_loop_exiting);
  const bool first = vmx.ple_last == 0 || now - vmx.ple_last > vmx.controls.pause_gap;
  if (first)
    vmx.ple_first = now;
  else if (now - vmx.ple_first > vmx.controls.pause_window)
    return true;
  vmx.ple_last = now;
  return false;
}

void load_intercept_controls(ActiveControls& c, const Vmcs& vmcs) {
  c.pause_gap = static_cast<u32>(vmcs[Field::PLE_GAP]);
  c.pause_window = static_cast<u32>(vmcs[Field::PLE_WINDOW]);
  c.xss_exiting_bitmap = vmcs[Field::XSS_EXITING_BITMAP];
  c.eoi_exit_bitmap = {vmcs[Field::EOI_EXIT_BITMAP_0], vmcs[Field::EOI_EXIT_BITMAP_1],
                       vmcs[Field::EOI_EXIT_BITMAP_2], vmcs[Field::EOI_EXIT_BITMAP_3]};
  c.posted_vector = static_cast<u8>(vmcs[Field::POSTED_INTERRUPT_VECTOR]);
}

}  // namespace ringside
