// Owns the mapping of pages by grants: the owner's table says who may, the hypervisor checks it and changes
// the other one's EPT.
#include "roms/loft/grants.h"

#include "roms/loft/switch.h"

namespace loft {
namespace {

constexpr u64 entries_in_table = page_bytes / sizeof(GrantEntry);

// What is mapped at the moment.
struct Mapping {
  bool used;
  u8 owner, user;
  u16 number;
  u64 address;
};
Mapping mappings[64];

Mapping* find(const Domain& user, u64 address) {
  for (Mapping& m : mappings)
    if (m.used && m.user == user.number && m.address == address) return &m;
  return nullptr;
}

Mapping* free_mapping() {
  for (Mapping& m : mappings)
    if (!m.used) return &m;
  return nullptr;
}

bool used_otherwise(const Mapping& m) {
  for (const Mapping& other : mappings)
    if (&other != &m && other.used && other.owner == m.owner && other.number == m.number) return true;
  return false;
}

void unmap(Mapping& m) {
  Domain& user = domain(m.user);
  user.ept.unmap_page(m.address);
  // Before the owner may use the page for something else, no TLB may know of the mapping.
  flush_everywhere(user);
  m.used = false;
  Domain& owner = domain(m.owner);
  if (owner.exists && owner.grant_table && !used_otherwise(m))
    __atomic_fetch_and(&owner.grant_table[m.number].flags, static_cast<u16>(~grant_in_use), __ATOMIC_SEQ_CST);
}

// What an entry of the owner's table grants to domain `user`.
i64 look_up_grant(Domain& owner, u64 number, u64 user, bool writable, u64& host) {
  if (!owner.grant_table || number >= entries_in_table) return refused_not_there;
  // The owner writes to its table as it likes, also now: one copy is what is checked and what is used.
  const u64 word = __atomic_load_n(reinterpret_cast<u64*>(&owner.grant_table[number]), __ATOMIC_RELAXED);
  const GrantEntry entry = {static_cast<u16>(word), static_cast<u16>(word >> 16),
                            static_cast<u32>(word >> 32)};
  if (!(entry.flags & grant_valid) || entry.guest != user) return refused_not_allowed;
  if (writable && !(entry.flags & grant_writable)) return refused_not_allowed;
  // Only the owner's own RAM: what it sees of others by grants is not its to give.
  const u64 page = static_cast<u64>(entry.page) * page_bytes;
  host = page < owner.memory_bytes ? owner.ept.host_address(page) : 0;
  return host ? 0 : refused_bad_argument;
}

}  // namespace

i64 set_grant_table(Domain& d, u64 address) {
  const u64 host = d.ept.host_address(address, EptRights::read | EptRights::write);
  if (!host || address % page_bytes) return refused_bad_argument;
  if (grants_in_use(d)) return refused_not_allowed;
  d.grant_table = at<GrantEntry>(host);
  return 0;
}

u64 granted_page(Domain& owner, u64 number, u64 user, bool writable) {
  u64 host = 0;
  return look_up_grant(owner, number, user, writable, host) < 0 ? 0 : host;
}

i64 map_grant(Domain& d, u64 owner_number, u64 number, u64 address, bool writable) {
  Domain* owner = find_domain(owner_number, d);
  if (!owner) return refused_not_there;
  u64 host = 0;
  if (const i64 refused = look_up_grant(*owner, number, d.number, writable, host)) return refused;
  if (address % page_bytes || address < d.memory_bytes || address >= memory_device)
    return refused_bad_argument;
  Mapping* m = free_mapping();
  if (!m || find(d, address)) return refused_no_room;
  *m = {true, static_cast<u8>(owner->number), static_cast<u8>(d.number), static_cast<u16>(number), address};
  __atomic_fetch_or(&owner->grant_table[number].flags, grant_in_use, __ATOMIC_SEQ_CST);
  d.ept.map_page(address, host, EptRights::read | (writable ? EptRights::write : 0));
  return 0;
}

i64 unmap_grant(Domain& d, u64 address) {
  Mapping* m = find(d, address);
  if (!m) return refused_not_there;
  unmap(*m);
  return 0;
}

bool grants_in_use(const Domain& d) {
  for (const Mapping& m : mappings)
    if (m.used && m.owner == d.number && m.user != d.number) return true;
  return false;
}

void release_grants(Domain& d) {
  for (Mapping& m : mappings)
    if (m.used && m.user == d.number) unmap(m);
}

}  // namespace loft
