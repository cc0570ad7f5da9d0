// Owns what a recording says of a machine's state: the registers as they are, and a hash of each other part.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "frontend/machine/machine.h"

namespace ringside {

// To be made when the machine is as its run begins, and used with it until it is rebooted. Memory is hashed
// page by page, and only those pages again that were written meanwhile.
class RecordedState {
 public:
  struct Numbers {
    std::vector<u64> registers, parts;
    bool operator==(const Numbers&) const = default;
  };

  explicit RecordedState(Machine& machine);
  Numbers look();
  // What the numbers are: "rax of CPU 1", "io_apic", "memory". The same for each machine of one
  // configuration and version of Ringside.
  const std::vector<std::string>& registers() const { return registers_; }
  const std::vector<std::string>& parts() const { return parts_; }

 private:
  u64 hash_memory();
  void hash_page(HostPhys page, const u8* bytes);

  Machine& machine_;
  std::optional<unsigned> mark_;  // none: there was none to have, and all pages are hashed each time
  std::unordered_map<u64, u64> pages_;
  u64 memory_ = 0;  // the sum of theirs
  std::vector<std::string> registers_, parts_;
};

}  // namespace ringside
