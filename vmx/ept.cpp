// Owns the EPT walk: one statement a clause of the manual's "EPT Translation Mechanism", "EPT-Induced VM
// Exits", "Accessed and Dirty Flags for EPT" and "Page-Modification Logging".
#include "vmx/ept.h"

#include <algorithm>

#include "vmx/vmx.h"

namespace ringside {
namespace {

using Purpose = StageAccess::Purpose;

constexpr u64 all_rights = EptEntry::R | EptEntry::W | EptEntry::X | EptEntry::XU;
constexpr unsigned level_shift(unsigned level) { return 12 + 9 * (level - 1); }
constexpr unsigned log_entries = 512;

bool is_page(u64 entry, unsigned level) {
  return level == 1 || ((level == 2 || level == 3) && (entry & EptEntry::page));
}

}  // namespace

std::string_view memory_type_name(u64 type) {
  constexpr std::string_view names[] = {"UC", "WC", "reserved", "reserved", "WT", "WP", "WB"};
  return type < std::size(names) ? names[type] : "reserved";
}

std::string_view eptp_refusal(const Capabilities& capability, u64 eptp) {
  const u64 type = eptp & Eptp::memory_type;
  const bool type_known = (type == 0 && capability.has(VmxControl::ept_uncacheable)) ||
                          (type == 6 && capability.has(VmxControl::ept_write_back));
  if (!type_known) return "the memory type in bits 2:0 is not one that the CPU supports";
  const unsigned levels = Eptp::levels(eptp);
  const bool length_known = (levels == 4 && capability.has(VmxControl::ept_4_levels)) ||
                            (levels == 5 && capability.has(VmxControl::ept_5_levels));
  if (!length_known) return "the page-walk length in bits 5:3 is not one that the CPU supports";
  if ((eptp & Eptp::accessed_dirty) && !capability.has(VmxControl::ept_accessed_dirty)) {
    return "bit 6 is 1, but the CPU has no accessed and dirty flags for EPT";
  }
  if (eptp & Eptp::reserved) return "a reserved bit of bits 11:7 is 1";
  if (eptp >> capability.physical_bits) return "a bit beyond the physical-address width is 1";
  return {};
}

// The entries of one walk.
struct Ept::Path {
  std::array<HostPhys, 5> at;  // from the top
  std::array<u64, 5> entry;
  unsigned count = 0;
  u64 rights = all_rights;  // of all entries
  HostPhys address;         // what the guest-physical address translates to
  u64 page_size = page_bytes;
};

void Ept::set_pointer(u64 eptp, bool mode_based, Vmcs* log) {
  if (eptp != eptp_ || mode_based != mode_based_) flush();
  eptp_ = eptp;
  mode_based_ = mode_based;
  log_ = log;
}

void Ept::flush() { cache_.fill(Region{}); }

// A saved state may claim any length of the walk.
unsigned Ept::levels() const { return std::min(Eptp::levels(eptp_), 5u); }

void Ept::fields(Fields& visit) {
  visit("ept_pointer", eptp_);
  visit("mode_based", mode_based_);
  for (Region& region : cache_) {
    bool there = region.number != ~u64{0};
    visit("there", there);
    if (!there) {
      region = {};
      continue;
    }
    visit("number", region.number);
    visit("at", region.at);
    visit("rights", region.rights);
    visit("level", region.level);
    region.level = std::clamp<u8>(region.level, 1, 3);
  }
}

u64 Ept::needed_right(const StageAccess& access) const {
  if (counts_as_write(access)) return EptEntry::W;
  if (access.kind == AccessKind::read) return EptEntry::R;
  return mode_based_ && access.user_address ? EptEntry::XU : EptEntry::X;
}

// "EPT Misconfigurations": what is wrong with an entry that is present, in words; empty if nothing is.
std::string_view Ept::misconfiguration(u64 entry, unsigned level) const {
  if (!(entry & EptEntry::R)) {
    if (entry & EptEntry::W) return "misconfigured: bit 1 (write) is 1, bit 0 (read) is 0";
    if (!capability_.has(VmxControl::ept_execute_only))
      return "misconfigured: execute-only, which the CPU does not support";
  }
  if (capability_.physical_bits < 52 && (entry & bit_range(capability_.physical_bits, 51)))
    return "misconfigured: an address bit beyond the physical-address width is 1";
  if (level >= 4) return entry & bit_range(3, 7) ? "misconfigured: a reserved bit of bits 7:3 is 1" : "";
  if (!is_page(entry, level))
    return entry & bit_range(3, 6) ? "misconfigured: a reserved bit of bits 6:3 is 1" : "";
  if (level == 3 && !capability_.has(VmxControl::ept_1gb))
    return "misconfigured: bit 7 is 1, but the CPU has no 1-GByte pages";
  if (level == 2 && !capability_.has(VmxControl::ept_2mb))
    return "misconfigured: bit 7 is 1, but the CPU has no 2-MByte pages";
  if (level > 1 && (entry & bit_range(12, level_shift(level) - 1)))
    return "misconfigured: a reserved address bit of a large page is 1";
  const u64 type = (entry & EptEntry::memory_type) >> 3;
  if (type == 2 || type == 3 || type == 7) return "misconfigured: the memory type in bits 5:3 is reserved";
  return {};
}

// The only place that makes exit qualifications of EPT violations. `rights`: of all entries, 0 if one of them
// is not present.
u64 Ept::qualification(const StageAccess& access, u64 rights) const {
  using Q = EptQualification;
  u64 q = 0;
  if (access.kind == AccessKind::execute)
    q |= Q::fetch;
  else if (access.purpose == Purpose::page_walk)
    q |= counts_as_write(access) ? Q::read | Q::write : Q::read;  // flags are updated by a read and a write
  else
    q |= access.kind == AccessKind::write ? Q::write : Q::read;
  if (rights & EptEntry::R) q |= Q::readable;
  if (rights & EptEntry::W) q |= Q::writable;
  if (rights & EptEntry::X) q |= Q::executable;
  if (mode_based_ && (rights & EptEntry::XU)) q |= Q::user_executable;
  if (access.purpose == Purpose::pdpte_load) return q;
  q |= Q::linear_valid;
  if (access.purpose == Purpose::page_walk) return q;
  q |= Q::translation;
  if (!capability_.has(VmxControl::ept_advanced_information)) return q;
  if (access.user_address) q |= Q::user_address;
  if (access.writable_page) q |= Q::writable_page;
  if (access.execute_disable_page) q |= Q::execute_disable_page;
  return q;
}

// "Prioritization of EPT Misconfigurations and EPT Violations": entry by entry, present and well configured;
// only then the rights. `disturb`: devices may be read.
bool Ept::read_path(GuestPhys address, const StageAccess& access, Path& path, SecondStageFault& fault,
                    WalkTrace* trace, bool disturb) const {
  const auto fail = [&](std::string_view why) {
    if (trace != nullptr && trace->count != 0) trace->steps[trace->count - 1].failure = why;
  };
  unsigned level = levels();
  u64 table = eptp_ & bit_range(12, capability_.physical_bits - 1);
  if (level < 5 && address.value >> 48) {
    // Beyond what four levels can reach.
    fault.bits = qualification(access, 0);
    return false;
  }
  for (;; --level) {
    const HostPhys at(table | (address.value >> level_shift(level) & 0x1ff) << 3);
    const u64 entry = !disturb && memory_.is_mmio(at) ? ~u64{0} : memory_.read_word<u64>(at);
    if (trace != nullptr) trace->add({static_cast<u8>(level), true, GuestPhys(at.value), entry, {}, address});
    if (!(entry & present_bits())) {
      fail("not present");
      fault.bits = qualification(access, 0) | (entry & EptEntry::suppress_ve ? 0 : EptFault::convertible);
      return false;
    }
    const std::string_view wrong = misconfiguration(entry, level);
    if (!wrong.empty()) {
      fail(wrong);
      fault.misconfiguration = true;
      return false;
    }
    path.at[path.count] = at;
    path.entry[path.count++] = entry;
    path.rights &= entry;
    table = entry & bit_range(12, capability_.physical_bits - 1);
    if (is_page(entry, level)) break;
  }
  const u64 inside = bit(level_shift(level)) - 1;
  path.page_size = inside + 1;
  path.address = HostPhys((table & ~inside) | (address.value & inside));
  const u64 needed = needed_right(access);
  if (path.rights & needed) return true;
  // The step to blame is the first whose entry lacks the right.
  for (unsigned i = 0; trace != nullptr && i < path.count && path.count <= trace->count; ++i) {
    WalkStep& step = trace->steps[trace->count - path.count + i];
    if (step.entry & needed) continue;
    step.failure = needed == EptEntry::W   ? "has W=0, and the access is a write"
                   : needed == EptEntry::R ? "has R=0, and the access is a read"
                   : needed == EptEntry::X ? "has X=0, and the access is an instruction fetch"
                                           : "has XU=0, and the access is a fetch from a user-mode address";
    break;
  }
  fault.bits = qualification(access, path.rights) |
               (path.entry[path.count - 1] & EptEntry::suppress_ve ? 0 : EptFault::convertible);
  return false;
}

// False: the page-modification log is full; then nothing was changed.
bool Ept::update_flags(GuestPhys address, const StageAccess& access, Path& path, SecondStageFault& fault) {
  const unsigned last = path.count - 1;
  const bool dirties = counts_as_write(access) && !(path.entry[last] & EptEntry::D);
  bool any = dirties;
  for (unsigned i = 0; i <= last; ++i) any |= !(path.entry[i] & EptEntry::A);
  if (!any) return true;
  const u64 index = log_ != nullptr ? (*log_)[Field::PML_INDEX] : 0;
  if (index >= log_entries) {
    fault.bits = EptFault::log_full;
    return false;
  }
  for (unsigned i = 0; i <= last; ++i) {
    const u64 flags = EptEntry::A | (i == last && dirties ? EptEntry::D : 0);
    if ((path.entry[i] & flags) == flags) continue;
    path.entry[i] |= flags;
    memory_.write(path.at[i], 8, path.entry[i]);
  }
  if (dirties && log_ != nullptr) {
    memory_.write(HostPhys((*log_)[Field::PML_ADDRESS]) + 8 * index, 8, address.page().value);
    log_->set(Field::PML_INDEX, (index - 1) & 0xffff);
  }
  return true;
}

void Ept::describe(const StageAccess& access, u64 rights, bool dirty, HostPhys address, u64 size,
                   Result& result) const {
  result.address = address;
  result.page_size = size;
  result.readable = rights & EptEntry::R;
  result.writable = (rights & EptEntry::W) && (dirty || !sets_accessed_dirty());
  result.executable = rights & (mode_based_ && access.user_address ? EptEntry::XU : EptEntry::X);
}

// By the cached region; false if the walk has anything to say: a refusal is never cached.
bool Ept::find_cached(GuestPhys address, const StageAccess& access, Result& result) {
  const Region& known = region(address);
  if (known.number != address.value >> 21) return false;
  const u64 index = known.level == 1 ? address.value >> 12 & 0x1ff : 0;
  const u64 entry = memory_.read_word<u64>(HostPhys(known.at | index << 3));
  if (!(entry & present_bits()) || !is_page(entry, known.level) ||
      !misconfiguration(entry, known.level).empty()) {
    return false;
  }
  const u64 rights = known.rights & entry;
  if (!(rights & needed_right(access))) return false;
  const bool dirty = entry & EptEntry::D;
  if (sets_accessed_dirty() && (!(entry & EptEntry::A) || (counts_as_write(access) && !dirty))) return false;
  const u64 inside = bit(level_shift(known.level)) - 1;
  const u64 frame = entry & bit_range(12, capability_.physical_bits - 1) & ~inside;
  describe(access, rights, dirty, HostPhys(frame | (address.value & inside)), inside + 1, result);
  return true;
}

bool Ept::translate(GuestPhys address, const StageAccess& access, Result& result, SecondStageFault& fault) {
  if (find_cached(address, access, result)) return true;
  Region& slot = region(address);
  slot = {};
  Path path;
  if (!read_path(address, access, path, fault, nullptr, true)) return false;
  if (sets_accessed_dirty() && !update_flags(address, access, path, fault)) return false;
  const bool dirty = path.entry[path.count - 1] & EptEntry::D;
  describe(access, path.rights, dirty, path.address, path.page_size, result);
  u64 above = all_rights;
  for (unsigned i = 0; i + 1 < path.count; ++i) above &= path.entry[i];
  slot.number = address.value >> 21;
  slot.rights = static_cast<u16>(above);
  slot.level = static_cast<u8>(levels() + 1 - path.count);
  const HostPhys last = path.at[path.count - 1];
  slot.at = slot.level == 1 ? last.page().value : last.value;
  return true;
}

bool Ept::probe(GuestPhys address, const StageAccess& access, Result& result, SecondStageFault& fault,
                WalkTrace* trace) const {
  Path path;
  if (!read_path(address, access, path, fault, trace, false)) return false;
  const bool dirty = path.entry[path.count - 1] & EptEntry::D;
  describe(access, path.rights, dirty, path.address, path.page_size, result);
  return true;
}

Ept* prepare_ept(Cpu& cpu) {
  Vmx& vmx = *cpu.vmx;
  if (!vmx.controls.has(VmxControl::ept) || vmx.current == nullptr) return nullptr;
  if (!vmx.ept) vmx.ept = std::make_unique<Ept>(cpu.mmu.memory(), vmx.capability);
  vmx.ept->set_pointer((*vmx.current)[Field::EPT_POINTER], vmx.controls.has(VmxControl::mode_based_execute),
                       vmx.controls.has(VmxControl::pml) ? vmx.current : nullptr);
  return vmx.ept.get();
}

void visit_ept(Cpu& cpu, Fields& visit) {
  Vmx& vmx = *cpu.vmx;
  bool there = vmx.ept != nullptr;
  visit("ept", there);
  if (visit.restoring() && there && !vmx.ept)
    vmx.ept = std::make_unique<Ept>(cpu.mmu.memory(), vmx.capability);
  if (there)
    vmx.ept->fields(visit);
  else
    vmx.ept.reset();  // as in a machine whose guest has none yet
}

}  // namespace ringside
