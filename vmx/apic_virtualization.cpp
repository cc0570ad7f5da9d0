// Owns APIC virtualization: the virtual-APIC page, priorities, virtual interrupts, posted interrupts.
#include "vmx/apic_virtualization.h"

#include <algorithm>
#include <bit>

namespace ringside {
namespace {

// Offsets in the page.
constexpr u32 TPR = 0x80, PPR = 0xa0, EOI = 0xb0, ISR = 0x100, IRR = 0x200, ICR_LO = 0x300, ICR_HI = 0x310,
              SELF_IPI = 0x3f0;
constexpr u32 x2apic_first = 0x800, x2apic_last = 0x8ff, x2apic_TPR = 0x808, x2apic_EOI = 0x80b,
              x2apic_ICR = 0x830, x2apic_SELF_IPI = 0x83f;
constexpr u8 priority_class = 0xf0;

bool has(const Cpu& cpu, VmxControl control) { return cpu.vmx->controls.has(control); }

u64 load(const Cpu& cpu, u32 offset, unsigned size = 4) {
  return cpu.mmu.memory().read(cpu.vmx->controls.virtual_apic + offset, size);
}
void store(Cpu& cpu, u32 offset, u64 value, unsigned size = 4) {
  cpu.mmu.memory().write(cpu.vmx->controls.virtual_apic + offset, size, value);
}

// The 256-bit registers: 32 bits in every 16 bytes.
constexpr u32 word_of(u32 reg, u8 vector) { return reg + (vector & 0xe0u) / 2; }
void set_vector(Cpu& cpu, u32 reg, u8 vector, bool on) {
  const u32 at = word_of(reg, vector), mask = u32{1} << (vector & 31);
  const u32 word = static_cast<u32>(load(cpu, at));
  store(cpu, at, on ? word | mask : word & ~mask);
}
u8 highest_vector(const Cpu& cpu, u32 reg) {
  for (unsigned n = 8; n-- > 0;) {
    const u32 word = static_cast<u32>(load(cpu, reg + 16 * n));
    if (word) return static_cast<u8>(32 * n + 31 - static_cast<unsigned>(std::countl_zero(word)));
  }
  return 0;
}

void request_trap_exit(Cpu& cpu, Vmx::TrapExit exit, u32 detail = 0) {
  cpu.vmx->trap_exit = exit;
  cpu.vmx->trap_detail = detail;
  cpu.attention |= Attention::vmx;
}

// "PPR Virtualization".
void virtualize_ppr(Cpu& cpu) {
  const u8 tpr = static_cast<u8>(load(cpu, TPR)), service = cpu.vmx->servicing_vector;
  store(cpu, PPR, (tpr >> 4) >= (service >> 4) ? tpr : service & priority_class);
}

// "Evaluation of Pending Virtual Interrupts".
void evaluate(Cpu& cpu) {
  Vmx& vmx = *cpu.vmx;
  const u8 ppr = static_cast<u8>(load(cpu, PPR));
  vmx.virtual_interrupt_pending =
      !has(cpu, VmxControl::interrupt_window_exiting) && (vmx.requested_vector >> 4) > (ppr >> 4);
  cpu.interrupt_window = vmx.virtual_interrupt_pending || has(cpu, VmxControl::interrupt_window_exiting);
  if (vmx.virtual_interrupt_pending) cpu.attention |= Attention::vmx;
}

bool below_threshold(const Cpu& cpu) {
  return virtual_task_priority(cpu) < (cpu.vmx->controls.tpr_threshold & 0xf);
}

// "TPR Virtualization".
void virtualize_tpr(Cpu& cpu) {
  if (has(cpu, VmxControl::virtual_interrupt_delivery)) {
    virtualize_ppr(cpu);
    evaluate(cpu);
  } else if (below_threshold(cpu)) {
    request_trap_exit(cpu, Vmx::TrapExit::tpr_below_threshold);
  }
}

// "EOI Virtualization".
void virtualize_eoi(Cpu& cpu) {
  Vmx& vmx = *cpu.vmx;
  const u8 vector = vmx.servicing_vector;
  set_vector(cpu, ISR, vector, false);
  vmx.servicing_vector = highest_vector(cpu, ISR);
  virtualize_ppr(cpu);
  if (vmx.controls.eoi_exit_bitmap[vector / 64] >> (vector % 64) & 1)
    request_trap_exit(cpu, Vmx::TrapExit::virtualized_eoi, vector);
  else
    evaluate(cpu);
}

// "Self-IPI Virtualization".
void virtualize_self_ipi(Cpu& cpu, u8 vector) {
  Vmx& vmx = *cpu.vmx;
  set_vector(cpu, IRR, vector, true);
  vmx.requested_vector = std::max(vmx.requested_vector, vector);
  evaluate(cpu);
}

// Bits of an interrupt command.
constexpr u32 reserved_command = 0xfff32000, shorthand = 3u << 18, self_shorthand = 1u << 18,
              logical_destination = 1u << 11;
// A plain fixed, edge-triggered interrupt.
bool is_plain_ipi(u32 command) {
  constexpr u32 delivery_status = 1u << 12, level_triggered = 1u << 15, delivery_mode = 7u << 8;
  return !(command & (reserved_command | delivery_status | level_triggered | delivery_mode));
}
bool is_self_ipi(u32 command) {
  return is_plain_ipi(command) && (command & shorthand) == self_shorthand && (command & priority_class);
}
// To one CPU by its physical APIC ID.
bool is_physical_ipi(u32 command) {
  return is_plain_ipi(command) && !(command & (shorthand | logical_destination));
}

// "IPI Virtualization": posts `vector` to the virtual CPU with the APIC ID `target`, and notifies it. False:
// an APIC-write VM exit has to do it.
bool virtualize_ipi(Cpu& cpu, u8 vector, u32 target) {
  const ActiveControls& c = cpu.vmx->controls;
  PhysicalMemory& memory = cpu.mmu.memory();
  constexpr u64 valid = 1, low_bits = 0x3f;
  if (!(vector & priority_class) || target > c.last_pid_pointer_index) return false;
  const u64 pointer = memory.read(c.pid_pointer_table + 8 * u64{target}, 8);
  if ((pointer & low_bits) != valid || pointer >> cpu.vmx->capability.physical_bits) return false;
  // The descriptor: requests, then ON and SN, the notification vector and destination.
  const HostPhys descriptor(pointer & ~low_bits);
  constexpr u32 flags_at = 32, vector_at = 34, destination_at = 36;
  constexpr u64 outstanding = 1, suppressed = 2;
  const HostPhys word = descriptor + 4 * (vector / 32u);
  memory.write(word, 4, memory.read(word, 4) | u64{1} << vector % 32);
  const u64 flags = memory.read(descriptor + flags_at, 1);
  if (flags & (outstanding | suppressed)) return true;
  memory.write(descriptor + flags_at, 1, flags | outstanding);
  cpu.interrupts->notify(static_cast<u8>(memory.read(descriptor + vector_at, 1)),
                         static_cast<u32>(memory.read(descriptor + destination_at, 4)));
  return true;
}

// Registers that "APIC-register virtualization" serves; written ones are among those read.
bool register_readable(u32 at) {
  switch (at) {
    case 0x020:
    case 0x030:
    case 0x080:
    case 0x0b0:
    case 0x0d0:
    case 0x0e0:
    case 0x0f0:
    case 0x280:
    case 0x300:
    case 0x310:
    case 0x380:
    case 0x3e0: return true;
    default: return (at >= 0x100 && at < 0x280) || (at >= 0x320 && at < 0x380);
  }
}
bool register_writable(u32 at) {
  return at != 0x030 && !(at >= 0x100 && at < 0x280) && register_readable(at);
}

// An access that can be served at all: one 32-bit register or a part of it.
bool fits_a_register(const Cpu& cpu, u32 offset, unsigned size) {
  constexpr u32 in_register = 0xc;  // bits 3:2 are clear in the low 4 bytes of each 16
  return has(cpu, VmxControl::tpr_shadow) && size <= 4 && !(offset & in_register) &&
         !((offset + size - 1) & in_register);
}

}  // namespace

u8 virtual_task_priority(const Cpu& cpu) { return static_cast<u8>(load(cpu, TPR)) >> 4; }

void set_virtual_task_priority(Cpu& cpu, u8 priority) {
  store(cpu, TPR, static_cast<u32>(priority & 0xf) << 4);
  virtualize_tpr(cpu);
}

bool apic_read_virtualized(const Cpu& cpu, u32 offset, unsigned size) {
  if (!fits_a_register(cpu, offset, size)) return false;
  if (has(cpu, VmxControl::apic_register_virtualization)) return register_readable(offset & ~3u);
  if (offset == TPR) return true;
  // Older editions of the manual have only the TPR here.
  return has(cpu, VmxControl::virtual_interrupt_delivery) && (offset == EOI || offset == ICR_LO);
}

bool apic_write_virtualized(const Cpu& cpu, u32 offset, unsigned size) {
  if (!fits_a_register(cpu, offset, size)) return false;
  if (has(cpu, VmxControl::apic_register_virtualization)) return register_writable(offset & ~3u);
  if (offset == TPR) return true;
  if (offset == ICR_LO && has(cpu, VmxControl::ipi_virtualization)) return true;
  return has(cpu, VmxControl::virtual_interrupt_delivery) && (offset == EOI || offset == ICR_LO);
}

void emulate_apic_write(Cpu& cpu, u32 offset) {
  const bool delivery = has(cpu, VmxControl::virtual_interrupt_delivery);
  switch (offset & ~3u) {
    case TPR: store(cpu, TPR, load(cpu, TPR, 1)); return virtualize_tpr(cpu);
    case EOI:
      if (!delivery) break;
      store(cpu, EOI, 0);
      return virtualize_eoi(cpu);
    case ICR_LO: {
      const u32 command = static_cast<u32>(load(cpu, ICR_LO));
      if (delivery && is_self_ipi(command)) return virtualize_self_ipi(cpu, static_cast<u8>(command));
      if (has(cpu, VmxControl::ipi_virtualization) && is_physical_ipi(command) &&
          virtualize_ipi(cpu, static_cast<u8>(command), static_cast<u32>(load(cpu, ICR_HI) >> 24)))
        return;
      break;
    }
    case ICR_HI: return store(cpu, ICR_HI, load(cpu, ICR_HI) & 0xff000000);
    default: break;
  }
  request_trap_exit(cpu, Vmx::TrapExit::apic_write, offset);
}

ExitInfo apic_access_exit(const Cpu& cpu, u32 offset, AccessKind kind, bool linear) {
  enum : u64 { data_read, data_write, fetch, during_delivery, physical_during_delivery = 10, physical = 15 };
  const bool delivery = (cpu.vmx->vectoring.information & Interruption::valid) && kind != AccessKind::execute;
  u64 type = kind == AccessKind::write ? data_write : data_read;
  if (kind == AccessKind::execute) type = fetch;
  if (delivery) type = during_delivery;
  if (!linear) type = delivery ? physical_during_delivery : physical;
  ExitInfo exit;
  exit.reason = ExitReason::apic_access;
  exit.qualification = (linear ? offset : 0) | type << 12;
  exit.cause = {ExitCause::Kind::control, VmxControl::virtualize_apic_accesses, offset};
  return exit;
}

MsrAccess read_virtual_x2apic(Cpu& cpu, u32 number, u64& value) {
  if (number < x2apic_first || number > x2apic_last || !has(cpu, VmxControl::virtualize_x2apic_mode))
    return MsrAccess::ordinary;
  if (number != x2apic_TPR && !has(cpu, VmxControl::apic_register_virtualization)) return MsrAccess::ordinary;
  value = load(cpu, (number & 0xff) << 4, 8);
  return MsrAccess::done;
}

MsrAccess write_virtual_x2apic(Cpu& cpu, u32 number, u64 value) {
  if (!has(cpu, VmxControl::virtualize_x2apic_mode)) return MsrAccess::ordinary;
  const bool delivery = has(cpu, VmxControl::virtual_interrupt_delivery);
  switch (number) {
    case x2apic_TPR:
      if (value >> 8) return MsrAccess::refused;
      store(cpu, TPR, value, 8);
      virtualize_tpr(cpu);
      return MsrAccess::done;
    case x2apic_EOI:
      if (!delivery) return MsrAccess::ordinary;
      if (value) return MsrAccess::refused;
      store(cpu, EOI, value, 8);
      virtualize_eoi(cpu);
      return MsrAccess::done;
    case x2apic_ICR: {
      const u32 command = static_cast<u32>(value);
      if (!has(cpu, VmxControl::ipi_virtualization)) return MsrAccess::ordinary;
      if (command & reserved_command) return MsrAccess::refused;
      store(cpu, ICR_LO, value, 8);
      if (!is_physical_ipi(command) ||
          !virtualize_ipi(cpu, static_cast<u8>(command), static_cast<u32>(value >> 32)))
        request_trap_exit(cpu, Vmx::TrapExit::apic_write, ICR_LO);
      return MsrAccess::done;
    }
    case x2apic_SELF_IPI:
      if (!delivery) return MsrAccess::ordinary;
      if (value >> 8) return MsrAccess::refused;
      store(cpu, SELF_IPI, value, 8);
      if (value & priority_class)
        virtualize_self_ipi(cpu, static_cast<u8>(value));
      else
        request_trap_exit(cpu, Vmx::TrapExit::apic_write, SELF_IPI);
      return MsrAccess::done;
    default: return MsrAccess::ordinary;
  }
}

u8 acknowledge_virtual_interrupt(Cpu& cpu) {
  Vmx& vmx = *cpu.vmx;
  const u8 vector = vmx.requested_vector;
  set_vector(cpu, ISR, vector, true);
  vmx.servicing_vector = vector;
  store(cpu, PPR, vector & priority_class);
  set_vector(cpu, IRR, vector, false);
  vmx.requested_vector = highest_vector(cpu, IRR);
  vmx.virtual_interrupt_pending = false;
  cpu.interrupt_window = has(cpu, VmxControl::interrupt_window_exiting);
  return vector;
}

bool process_posted_interrupts(Cpu& cpu, u8 vector) {
  Vmx& vmx = *cpu.vmx;
  if (!has(cpu, VmxControl::posted_interrupts) || vector != vmx.controls.posted_vector) return false;
  PhysicalMemory& memory = cpu.mmu.memory();
  const HostPhys descriptor = vmx.controls.posted_descriptor;
  constexpr u32 outstanding_at = 32;
  memory.write(descriptor + outstanding_at, 1, memory.read(descriptor + outstanding_at, 1) & ~u64{1});
  cpu.interrupts->end_of_interrupt();
  for (u32 n = 0; n < 8; ++n) {
    const u32 posted = static_cast<u32>(memory.read(descriptor + 4 * n, 4));
    if (!posted) continue;
    memory.write(descriptor + 4 * n, 4, 0);
    store(cpu, IRR + 16 * n, load(cpu, IRR + 16 * n) | posted);
    const u32 highest = 32 * n + 31 - static_cast<u32>(std::countl_zero(posted));
    vmx.requested_vector = std::max(vmx.requested_vector, static_cast<u8>(highest));
  }
  evaluate(cpu);
  return true;
}

bool take_trap_exit(Cpu& cpu, ExitInfo& exit) {
  Vmx& vmx = *cpu.vmx;
  const Vmx::TrapExit which = vmx.trap_exit;
  vmx.trap_exit = Vmx::TrapExit::none;
  exit.qualification = vmx.trap_detail;
  switch (which) {
    case Vmx::TrapExit::none: return false;
    case Vmx::TrapExit::tpr_below_threshold:
      exit.reason = ExitReason::tpr_below_threshold;
      exit.cause = {ExitCause::Kind::threshold, VmxControl::tpr_shadow, vmx.controls.tpr_threshold};
      return true;
    case Vmx::TrapExit::virtualized_eoi:
      exit.reason = ExitReason::virtualized_eoi;
      exit.cause = {ExitCause::Kind::eoi_bitmap, VmxControl::virtual_interrupt_delivery, vmx.trap_detail};
      return true;
    case Vmx::TrapExit::apic_write:
      exit.reason = ExitReason::apic_write;
      exit.cause = {ExitCause::Kind::control, VmxControl::apic_register_virtualization, vmx.trap_detail};
      if (!has(cpu, VmxControl::apic_register_virtualization))
        exit.cause.control = VmxControl::virtual_interrupt_delivery;
      if (vmx.trap_detail == ICR_LO && has(cpu, VmxControl::ipi_virtualization))
        exit.cause.control = VmxControl::ipi_virtualization;
      return true;
  }
  return false;
}

void begin_apic_virtualization(Cpu& cpu) {
  Vmx& vmx = *cpu.vmx;
  vmx.trap_exit = Vmx::TrapExit::none;
  vmx.trap_detail = 0;
  vmx.virtual_interrupt_pending = false;
  vmx.requested_vector = vmx.servicing_vector = 0;
  const bool accesses = has(cpu, VmxControl::virtualize_apic_accesses);
  cpu.mmu.set_apic_access_page(accesses ? vmx.controls.apic_access : Mmu::no_apic_access_page);
  if (has(cpu, VmxControl::virtual_interrupt_delivery)) {
    const u64 status = (*vmx.current)[Field::GUEST_INTERRUPT_STATUS];
    vmx.requested_vector = static_cast<u8>(status);
    vmx.servicing_vector = static_cast<u8>(status >> 8);
    virtualize_ppr(cpu);
    evaluate(cpu);
  } else if (has(cpu, VmxControl::tpr_shadow) && accesses && below_threshold(cpu)) {
    // "VM Exits Induced by the TPR Threshold". Without APIC accesses it is a rule of VM entry.
    request_trap_exit(cpu, Vmx::TrapExit::tpr_below_threshold);
  }
}

void end_apic_virtualization(Cpu& cpu) {
  Vmx& vmx = *cpu.vmx;
  if (has(cpu, VmxControl::virtual_interrupt_delivery))
    vmx.current->set(Field::GUEST_INTERRUPT_STATUS, vmx.requested_vector | u64{vmx.servicing_vector} << 8);
  vmx.trap_exit = Vmx::TrapExit::none;
  vmx.virtual_interrupt_pending = false;
  cpu.mmu.set_apic_access_page(Mmu::no_apic_access_page);
}

}  // namespace ringside
