// Owns the terms in which the rules of VM entry speak: what a VMCS says about the guest, and nearest valid
// values.
#pragma once

#include <algorithm>
#include <cstring>

#include "cpu/state/msrs.h"
#include "mmu/walk.h"
#include "vmx/rules.h"

namespace ringside::rule {

using C = VmxControl;
using enum Field;

// -- Values.

inline u64 page(u64 address) { return address & ~u64{0xfff}; }
inline u64 at_most(u64 value, u64 limit) { return std::min(value, limit); }
inline u64 at_least(u64 value, u64 limit) { return std::max(value, limit); }
inline bool is_physical_page(const EntryView& v, u64 address) {
  return page(address) == address && v.physical(address) == address;
}
// Memory types that PAT may hold; write-back in place of others.
inline u64 valid_pat(u64 value) {
  for (unsigned shift = 0; shift < 64; shift += 8) {
    if (valid_memory_type(value >> shift & 0xff, true)) continue;
    value = (value & ~(u64{0xff} << shift)) | u64{6} << shift;
  }
  return value;
}

// -- Controls.

inline u64 settings(const EntryView& v, ControlWord word, u64 value) {
  return (value | v.capability.required(word)) & v.capability.allowed(word);
}
inline bool list_fits(const EntryView& v, u64 address, u64 count) {
  return (u128{address} + u128{count} * 16 - 1) >> v.capability.physical_bits == 0;
}
inline u64 ept_memory_type(const EntryView& v, u64 type) {
  constexpr u64 uncacheable = 0, write_back = 6;
  if (type == uncacheable && v.capability.has(C::ept_uncacheable)) return type;
  return v.capability.has(C::ept_write_back) ? write_back : uncacheable;
}
inline u64 ept_walk_length(const EntryView& v, u64 length) {
  return length == 4 && v.capability.has(C::ept_5_levels) ? 4 : 3;
}
// -- Memory. What is neither RAM nor ROM reads as all ones and has no side effect.

template <class T>
T memory_word(const EntryView& v, u64 address) {
  T word = static_cast<T>(~u64{0});
  if (const u8* bytes = v.cpu.mmu.memory().pointer(HostPhys(address), false))
    std::memcpy(&word, bytes, sizeof word);
  return word;
}
inline u64 virtual_tpr(const EntryView& v) {
  constexpr u64 vtpr_offset = 0x80;
  return memory_word<u8>(v, v[VIRTUAL_APIC_ADDRESS] + vtpr_offset);
}
inline u32 first_word(const EntryView& v, u64 address) { return memory_word<u32>(v, address); }

// -- Event injection.

using enum EventType;

inline u64 with_type(u64 information, EventType type) {
  return (information & ~bit_range(8, 10)) | static_cast<u64>(type) << Interruption::type_shift;
}
inline EventType injected_type(const EntryView& v) {
  return Interruption::type(v[VM_ENTRY_INTERRUPTION_INFORMATION]);
}
inline bool injects(const EntryView& v) { return v[VM_ENTRY_INTERRUPTION_INFORMATION] & Interruption::valid; }
inline bool injects(const EntryView& v, EventType type) { return injects(v) && injected_type(v) == type; }
inline bool injects_exception(const EntryView& v, u8 vector) {
  return injects(v, hardware_exception) && (v[VM_ENTRY_INTERRUPTION_INFORMATION] & 0xff) == vector;
}
inline bool injects_software_event(const EntryView& v) {
  return injects(v) && by_instruction(injected_type(v));
}
inline bool injection_type_exists(const EntryView& v) {
  constexpr EventType reserved{1};
  const EventType type = injected_type(v);
  return type != reserved && (type != other_event || v.capability.has(C::monitor_trap_flag));
}
// Of the CPUs here, none of which has the control protection exception of CET.
inline bool delivers_error_code(u64 vector) {
  const Vector exception = static_cast<Vector>(vector);
  return has_error_code(exception) && exception != Vector::CP;
}

// -- Host.

inline bool host_64(const EntryView& v) { return v.has(C::host_address_space_size); }
// Of the CPU as it executes VMLAUNCH or VMRESUME. While a guest runs EFER is the guest's; the entry that
// began it has checked that the hypervisor's mode and this control agree.
inline bool in_ia32e_mode(const EntryView& v) {
  return v.cpu.non_root ? v.cpu.vmx->controls.has(VmxControl::host_address_space_size)
                        : v.cpu.efer & Efer::LMA;
}
inline u64 fixed_cr0(const EntryView& v, u64 value) {
  return (value | v.capability.cr0_fixed0()) & v.capability.cr0_fixed1();
}
inline u64 fixed_cr4(const EntryView& v, u64 value) {
  return (value | v.capability.cr4_fixed0()) & v.capability.cr4_fixed1();
}
inline u64 defined_efer(const EntryView& v) { return supported_efer(*v.cpu.model) | Efer::LMA; }

// -- Guest.

inline bool ia32e(const EntryView& v) { return v.has(C::ia32e_mode_guest); }
inline bool unrestricted(const EntryView& v) { return v.has(C::unrestricted_guest); }
inline bool v86(const EntryView& v) { return v[GUEST_RFLAGS] & Eflags::VM; }
inline bool bits64(const EntryView& v) { return ia32e(v) && (v[GUEST_CS_ACCESS_RIGHTS] & Rights::L); }
inline bool pae(const EntryView& v) {
  return (v[GUEST_CR0] & Cr0::PG) && (v[GUEST_CR4] & Cr4::PAE) && !ia32e(v);
}
inline u64 guest_fixed_cr0(const EntryView& v, u64 value) {
  const u64 free = unrestricted(v) ? Cr0::PE | Cr0::PG : 0;
  return (value | (v.capability.cr0_fixed0() & ~free)) & v.capability.cr0_fixed1();
}
inline bool may_have_error_code(const EntryView& v) {
  return injected_type(v) == hardware_exception && (!unrestricted(v) || (v[GUEST_CR0] & Cr0::PE));
}
inline u64 reserved_debugctl() {
  constexpr u32 IA32_DEBUGCTL = 0x1d9;
  const MsrInfo* const msr = find_msr(IA32_DEBUGCTL);
  return msr ? msr->reserved : ~u64{0};
}
inline u64 with_upper_bits_equal(const EntryView& v, u64 address) {
  const u64 upper = ~u64{0} << v.capability.linear_bits;
  return (address & upper) == 0 || (address & upper) == upper ? address : v.canonical(address);
}

constexpr Field selector(unsigned segment) { return segment_field(GUEST_ES_SELECTOR, segment); }
constexpr Field base(unsigned segment) { return segment_field(GUEST_ES_BASE, segment); }
constexpr Field limit(unsigned segment) { return segment_field(GUEST_ES_LIMIT, segment); }
constexpr Field rights(unsigned segment) { return segment_field(GUEST_ES_ACCESS_RIGHTS, segment); }
inline bool usable(const EntryView& v, unsigned segment) { return !(v[rights(segment)] & Rights::unusable); }
// CS is checked even if it is marked unusable.
inline bool checked(const EntryView& v, unsigned segment) { return segment == CS || usable(v, segment); }
inline unsigned type(const EntryView& v, unsigned segment) { return v[rights(segment)] & Rights::type; }
inline u64 dpl(const EntryView& v, unsigned segment) { return v[rights(segment)] >> Rights::dpl_shift & 3; }
inline u64 with_dpl(u64 access_rights, u64 level) {
  return (access_rights & ~(u64{3} << Rights::dpl_shift)) | level << Rights::dpl_shift;
}
inline bool ends_within_page(const EntryView& v, unsigned segment) {
  return (v[limit(segment)] & 0xfff) != 0xfff;
}
inline bool over_a_megabyte(const EntryView& v, unsigned segment) { return v[limit(segment)] >> 20; }

constexpr u64 activity_hlt = 1, activity_shutdown = 2, activity_wait_for_sipi = 3;
inline bool supports_activity(const EntryView& v, u64 state) {
  switch (state) {
    case 0: return true;
    case activity_hlt: return v.capability.has(C::activity_hlt);
    case activity_shutdown: return v.capability.has(C::activity_shutdown);
    case activity_wait_for_sipi: return v.capability.has(C::activity_wait_for_sipi);
    default: return false;
  }
}
// Bits of the interruptibility state.
constexpr u64 by_sti = 1, by_mov_ss = 2, by_smi = 4, by_nmi = 8, in_enclave = 16;

inline bool between_instructions(const EntryView& v) {
  return (v[GUEST_INTERRUPTIBILITY_STATE] & (by_sti | by_mov_ss)) || v[GUEST_ACTIVITY_STATE] == activity_hlt;
}
inline bool single_steps(const EntryView& v) {
  return (v[GUEST_RFLAGS] & Eflags::TF) && !(v[GUEST_IA32_DEBUGCTL] & DebugControl::BTF);
}

constexpr u64 no_link = ~u64{0};
inline bool links(const EntryView& v) { return v[VMCS_LINK_POINTER] != no_link; }

inline u64 valid_pdpte(const EntryView& v, u64 entry) {
  return entry & 1 ? entry & ~reserved_pdpte_bits(v.capability.physical_bits) : entry;
}
inline bool pdptes_in_memory_valid(const EntryView& v, u64 cr3) {
  for (unsigned i = 0; i < 4; ++i) {
    const u64 entry = memory_word<u64>(v, (cr3 & 0xffffffe0) + 8 * i);
    if (valid_pdpte(v, entry) != entry) return false;
  }
  return true;
}

}  // namespace ringside::rule
