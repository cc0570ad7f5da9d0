// Owns the shadow's tables, and the answer to page faults.
#include "roms/lodge/vm/shadow.h"

#include "roms/kit/pages.h"
#include "roms/lodge/vm/control_registers.h"
#include "roms/lodge/vm/exits.h"
#include "roms/lodge/vm/walk.h"

namespace lodge {
namespace {

// The manual's "Paging Entries" and "Page-Fault Error Code".
constexpr u64 present = 1, may_write = 2, user = 4, dirty = 1 << 6, no_execute = 1ul << 63;
constexpr u64 address_mask = 0x000ffffffffff000;
constexpr u32 code_present = 1, code_write = 2, code_user = 4;
constexpr u64 most_tables = 1024, least_memory = 512 << 10;  // less than page_at leaves for tables

// What the shadow has for a page of the guest's. The guest may write to it only once its own dirty flag is 1:
// else the first write has to come here, because nobody else would set that flag.
u64 shadow_of(const Walk& found, u64 host, bool write) {
  u64 entry = (host & address_mask) | present;
  const bool is_dirty = !found.entry || *found.entry & dirty;
  if (found.writable && is_dirty) entry |= may_write;
  if (found.user) entry |= user;
  if (!found.executable) entry |= no_execute;
  // The processor's CR0.WP is 1. A kernel that has 0 writes where it likes; its programs must not, so they
  // lose the page until they touch it.
  if (write && !found.writable) entry = (entry | may_write) & ~user;
  return entry;
}

u64& entry_of(VirtualCpu& cpu, u64 linear) {
  if (cpu.shadow.is_full()) {
    cpu.shadow.empty();
    forget_translations(cpu);
  }
  return cpu.shadow.entry(linear);
}

// The guest shall see the fault as if there were no hypervisor. Bit 0 of the code says what its own tables
// have, not what the shadow had.
bool inject_page_fault(VirtualCpu& cpu, u64 linear, u32 code, bool is_present) {
  cpu.cr2 = linear;
  return inject_on_top(cpu, page_fault, is_present ? code | code_present : code & ~code_present);
}

}  // namespace

void Shadow::create() { root_ = allocate_page(); }

void Shadow::destroy() {
  if (!root_) return;
  empty(levels_);
  free_page(root_);
  root_ = 0;
}

u64& Shadow::entry(u64 linear) {
  u64 table = root_;
  for (unsigned level = levels_; level > 1; --level) {
    u64& next = at<u64>(table)[linear >> (3 + 9 * level) & 511];
    if (!next) {
      // All rights of a page are decided in the last level. An entry of PAE's first one has no rights in it.
      next = allocate_page() | present | (level == 3 && levels_ == 3 ? 0 : may_write | user);
      ++tables_;
    }
    table = next & address_mask;
  }
  return at<u64>(table)[linear >> 12 & 511];
}

void Shadow::free_tables(u64 table, unsigned level) {
  for (u64 n = 0; n < 512; ++n) {
    const u64 entry = at<u64>(table)[n];
    if (!entry) continue;
    if (level > 2) free_tables(entry & address_mask, level - 1);
    free_page(entry & address_mask);
  }
}

void Shadow::empty(unsigned levels) {
  free_tables(root_, levels_);
  memset(at<void>(root_), 0, page_bytes);
  tables_ = 0;
  levels_ = levels;
}

// A few are left in any case, because one instruction may need several pages at once.
bool Shadow::is_full() const {
  constexpr u64 few_tables = 32;
  return tables_ > most_tables || (tables_ > few_tables && free_memory() < least_memory);
}

bool handle_page_fault(VirtualCpu& cpu) {
  const u64 linear = vmread(EXIT_QUALIFICATION);
  const u32 code = static_cast<u32>(vmread(VM_EXIT_INTERRUPTION_ERROR_CODE));
  const bool write = code & code_write, by_user = code & code_user;
  const Walk found = walk(cpu, linear, true);
  const bool protects = by_user || guest_cr0() & CR0::WP;
  if (!found.present || (by_user && !found.user) || (write && !found.writable && protects))
    return inject_page_fault(cpu, linear, code, found.present);
  const u64 host = guest_page(*cpu.machine, found.physical);
  if (!host) return access_device(cpu, found.physical);
  if (write && found.entry) *found.entry |= dirty;
  const u64 wanted = shadow_of(found, host, write);
  u64& entry = entry_of(cpu, linear);
  // All is there, and the processor does not allow it: by SMEP, SMAP or NX, which it knows better than a
  // handler.
  if (entry == wanted) return inject_page_fault(cpu, linear, code, true);
  entry = wanted;
  return false;
}

bool handle_invlpg(VirtualCpu& cpu) {
  entry_of(cpu, vmread(EXIT_QUALIFICATION)) = 0;
  forget_translations(cpu);
  skip_instruction();
  return false;
}

}  // namespace lodge
