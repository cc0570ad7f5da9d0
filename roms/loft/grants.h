// Owns grants: pages that one domain lets another see, for as long as it wants.
#pragma once

#include "roms/loft/domain.h"

namespace loft {

// Hypercalls, whose answers they return.
i64 set_grant_table(Domain& domain, u64 address);
// Shows entry `number` of the table of domain `owner` at `address` of `domain`, above its RAM.
i64 map_grant(Domain& domain, u64 owner, u64 number, u64 address, bool writable);
i64 unmap_grant(Domain& domain, u64 address);

// The host's address of the page that an entry of `owner`'s table grants to the domain of number `user`; 0:
// it grants none.
u64 granted_page(Domain& owner, u64 number, u64 user, bool writable);

// Does another domain see a page of this one?
bool grants_in_use(const Domain& domain);
// Unmaps all that the domain sees of others.
void release_grants(Domain& domain);

}  // namespace loft
