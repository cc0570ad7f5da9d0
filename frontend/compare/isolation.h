// Owns the isolation map: whose memory each domain and process can read and write, by the page tables and EPT
// paging structures of one moment.
#pragma once

#include <string>
#include <vector>

#include "frontend/compare/measured.h"
#include "frontend/machine/machine.h"

namespace ringside::compare {

// What one reaches of another's memory, in pages of 4 KiB of RAM.
struct Reach {
  u64 reads = 0, writes = 0;
  bool operator==(const Reach&) const = default;
};

// The memory of a guest is what its EPT maps; of a process, what its page tables map for CPL 3; of the
// hypervisor, what its own page tables map and nobody else's do. A page that two map is both's.
struct IsolationMap {
  std::vector<Domain> domains;
  std::vector<std::vector<Reach>> reach;  // [who][whose]
  // Pages that the hypervisor's own page tables let run at CPL 0: what must not go wrong there at the least.
  u64 executable = 0;
};

IsolationMap isolation_map(Machine& machine, std::vector<Domain> domains);

}  // namespace ringside::compare
