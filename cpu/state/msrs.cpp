// Owns the access to model-specific registers by number: lookup, presence, the plain case, the note of
// unknown ones.
#include "cpu/state/msrs.h"

#include <algorithm>

namespace ringside {
namespace {

bool in_x2apic_range(u32 number) {
  return number >= msr_number::x2apic_first && number <= msr_number::x2apic_last;
}

void note_unknown(Cpu& cpu, u32 number, bool write, u64 rip) {
  auto& notes = cpu.unknown_msrs;
  auto note = std::find_if(notes.begin(), notes.end(), [&](auto& n) { return n.number == number; });
  if (note == notes.end()) {
    // A guest that tries all numbers must not eat the host's memory.
    if (notes.size() >= 4096) return;
    note = notes.insert(notes.end(), Cpu::UnknownMsr{number, 0, 0, rip});
  }
  ++(write ? note->writes : note->reads);
}

const MsrInfo* present_msr(const Cpu& cpu, u32 number) {
  const MsrInfo* info = find_msr(number);
  return info && info->is_present(cpu) ? info : nullptr;
}

bool read_x2apic(Cpu& cpu, u32 number, u64& value) {
  return cpu.interrupts && cpu.model && cpu.model->has(Flag::x2apic) &&
         cpu.interrupts->read_msr(number, value);
}
bool write_x2apic(Cpu& cpu, u32 number, u64 value) {
  return cpu.interrupts && cpu.model && cpu.model->has(Flag::x2apic) &&
         cpu.interrupts->write_msr(number, value);
}

}  // namespace

const MsrInfo* find_msr(u32 number) {
  const auto table = msr_table();
  const auto at = std::lower_bound(table.begin(), table.end(), number,
                                   [](const MsrInfo& info, u32 n) { return info.number < n; });
  return at != table.end() && at->number == number ? &*at : nullptr;
}

std::string_view msr_name(u32 number) {
  if (in_x2apic_range(number)) return "x2APIC";
  const MsrInfo* info = find_msr(number);
  return info ? info->name : std::string_view{};
}

bool read_msr(Cpu& cpu, u32 number, u64& value, u64 rip) {
  value = 0;
  if (in_x2apic_range(number)) return read_x2apic(cpu, number, value);
  const MsrInfo* info = present_msr(cpu, number);
  if (!info) {
    note_unknown(cpu, number, false, rip);
    return !cpu.strict_msrs;
  }
  if (info->read) return info->read(cpu, *info, value);
  if (!info->member) return false;
  value = cpu.msr.*info->member;
  return true;
}

std::optional<u64> peek_msr(const Cpu& cpu, const MsrInfo& info) {
  u64 value = 0;
  if (!info.is_present(cpu)) return std::nullopt;
  if (info.read) return info.read(cpu, info, value) ? std::optional(value) : std::nullopt;
  if (!info.member) return std::nullopt;
  return cpu.msr.*info.member;
}

bool write_msr(Cpu& cpu, u32 number, u64 value, u64 rip) {
  if (in_x2apic_range(number)) return write_x2apic(cpu, number, value);
  const MsrInfo* info = present_msr(cpu, number);
  if (!info) {
    note_unknown(cpu, number, true, rip);
    return !cpu.strict_msrs;
  }
  if (value & info->reserved) return false;
  if (info->write) return info->write(cpu, *info, value);
  if (!info->member || info->writable == 0) return false;
  u64& member = cpu.msr.*info->member;
  member = (member & ~info->writable) | (value & info->writable);
  return true;
}

u64 host_tsc(const Cpu& cpu) { return (cpu.clock ? cpu.clock->now() : 0) + cpu.msr.tsc_offset; }

u64 read_tsc(const Cpu& cpu) {
  const u64 tsc = host_tsc(cpu);
  if (!cpu.non_root) return tsc;
  return static_cast<u64>(static_cast<u128>(tsc) * cpu.guest_tsc_multiplier >> 48) + cpu.guest_tsc_offset;
}

bool canonical_for_cpu(const Cpu& cpu, u64 address) {
  const unsigned shift = 64 - (cpu.model ? cpu.model->linear_bits : 48);
  return static_cast<u64>(static_cast<s64>(address << shift) >> shift) == address;
}

bool valid_memory_type(u64 type, bool in_pat) {
  return type == 0 || type == 1 || (type >= 4 && type <= 6) || (in_pat && type == 7);
}

}  // namespace ringside
