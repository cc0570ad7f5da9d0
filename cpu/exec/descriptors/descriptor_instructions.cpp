// Owns LLDT, LTR and the instructions that look at descriptors without using them.
#include "cpu/exec/descriptors/descriptor_instructions.h"

#include "cpu/exec/core/system_access.h"
#include "cpu/state/msrs.h"

namespace ringside {
namespace {

// A descriptor that can be looked at without a fault: not null, inside its table.
bool peek_descriptor(Cpu& cpu, u16 selector, Descriptor& d, bool& found) {
  found = !is_null(selector) && locate_descriptor(cpu, selector, d.at);
  return !found || read_system(cpu, d.at, d.low);
}

bool privilege_allows(const Cpu& cpu, u16 selector, const Descriptor& d) {
  if (d.is_code() && d.conforming()) return true;
  return d.dpl() >= cpu.cpl && d.dpl() >= (selector & 3u);
}

bool has_limit(const Cpu& cpu, SystemType type) {
  switch (type) {
    case SystemType::tss16_available:
    case SystemType::tss16_busy: return !cpu.mode.long_mode;
    case SystemType::ldt:
    case SystemType::tss_available:
    case SystemType::tss_busy: return true;
    default: return false;
  }
}
bool has_access_rights(const Cpu& cpu, SystemType type) {
  switch (type) {
    case SystemType::call_gate16:
    case SystemType::task_gate: return !cpu.mode.long_mode;
    case SystemType::call_gate: return true;
    default: return has_limit(cpu, type);
  }
}

// A system descriptor of the GDT for LLDT and LTR, with its upper half in IA-32e mode.
bool fetch_system_descriptor(Cpu& cpu, u16 selector, Descriptor& d) {
  if (selector & 4) return refuse(cpu, Vector::GP, selector);
  if (!fetch_descriptor(cpu, selector, Vector::GP, d)) return false;
  if (!d.is_system()) return refuse(cpu, Vector::GP, selector);
  if (!cpu.mode.long_mode) return true;
  if (!fetch_upper_half(cpu, selector, Vector::GP, d)) return false;
  if (d.high >> 40 & 0x1f) return refuse(cpu, Vector::GP, selector);
  d.high &= 0xffffffff;
  return true;
}
bool check_present(Cpu& cpu, u16 selector, const Descriptor& d) {
  if (!d.present()) return refuse(cpu, Vector::NP, selector);
  // As with the other registers that keep an address, CR4.LA57 does not matter: what the CPU could use, it
  // takes.
  return !cpu.mode.long_mode || canonical_for_cpu(cpu, d.base()) || refuse(cpu, Vector::GP, selector);
}

}  // namespace

bool in_segmented_mode(Cpu& cpu) {
  if (cpu.mode.protected_mode) return true;
  cpu.raise(Vector::UD);
  return false;
}

bool load_local_descriptor_table(Cpu& cpu, u16 selector) {
  if (is_null(selector)) {
    cpu.segment[LDTR] = null_segment(selector);
    return true;
  }
  Descriptor d;
  if (!fetch_system_descriptor(cpu, selector, d)) return false;
  if (system_type(d) != SystemType::ldt) return refuse(cpu, Vector::GP, selector);
  if (!check_present(cpu, selector, d)) return false;
  cpu.segment[LDTR] = segment_of(selector, d);
  return true;
}

bool load_task_register(Cpu& cpu, u16 selector) {
  if (is_null(selector)) return refuse(cpu, Vector::GP);
  Descriptor d;
  if (!fetch_system_descriptor(cpu, selector, d)) return false;
  const SystemType type = system_type(d);
  if (type != SystemType::tss_available && (type != SystemType::tss16_available || cpu.mode.long_mode))
    return refuse(cpu, Vector::GP, selector);
  if (!check_present(cpu, selector, d) || !set_busy(cpu, d.at, true)) return false;
  cpu.segment[TR] = segment_of(selector, d);
  cpu.segment[TR].rights |= 2;
  return true;
}

bool look_up_access_rights(Cpu& cpu, u16 selector, Looked& result) {
  Descriptor d;
  bool found;
  if (!peek_descriptor(cpu, selector, d, found)) return false;
  result.valid = found && (!d.is_system() || has_access_rights(cpu, system_type(d))) &&
                 privilege_allows(cpu, selector, d);
  result.value = static_cast<u32>(d.low >> 32) & 0x00f0ff00;
  return true;
}

bool look_up_limit(Cpu& cpu, u16 selector, Looked& result) {
  Descriptor d;
  bool found;
  if (!peek_descriptor(cpu, selector, d, found)) return false;
  result.valid =
      found && (!d.is_system() || has_limit(cpu, system_type(d))) && privilege_allows(cpu, selector, d);
  result.value = d.limit();
  return true;
}

bool look_up_access(Cpu& cpu, u16 selector, bool write, Looked& result) {
  Descriptor d;
  bool found;
  if (!peek_descriptor(cpu, selector, d, found)) return false;
  const bool kind = write ? d.is_data() && d.writable() : d.is_data() || (d.is_code() && d.readable());
  result.valid = found && kind && privilege_allows(cpu, selector, d);
  return true;
}

}  // namespace ringside
