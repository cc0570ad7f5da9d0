// Owns coverage of a guest's code: which basic blocks ran, in root and in non-root operation, as DynamoRIO's
// drcov or, with source lines, as lcov.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "cpu/exec/engine/block_listener.h"
#include "frontend/machine/machine.h"
#include "frontend/symbols/symbols.h"

namespace ringside {

// Hears of a machine's blocks from attach() on. Blocks are known by their linear addresses: programs that
// have the same ones are not told apart. A block counts as a whole, though a fault may have cut it short.
class CodeCoverage final : public BlockListener {
 public:
  // To be called again after a reboot.
  void attach(Machine& machine);
  void runs(const Cpu& cpu, LinAddr start, unsigned bytes) override;

  struct Block {
    u64 start = 0;
    u32 bytes = 0;
  };
  // Sorted by address; World::any: of both.
  std::vector<Block> blocks(World world) const;
  // Blocks beyond `most_blocks` are not remembered, so that a guest that makes up code cannot fill the host.
  bool full() const { return seen_.size() >= most_blocks; }

 private:
  static constexpr std::size_t most_blocks = 4'000'000;
  struct Seen {
    u64 start;
    u32 bytes;
    bool guest;
    bool operator==(const Seen&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Seen& seen) const {
      return (seen.start * 0x9e3779b97f4a7c15 ^ seen.bytes) + (seen.guest ? 0x5bd1e995 : 0);
    }
  };
  std::unordered_set<Seen, Hash> seen_;
};

// drcov, version 2. Its modules are the images whose symbols are loaded, and for all other code pieces of
// 4 GiB that are named by their address; blocks stand as offsets into them.
std::string drcov(const std::vector<CodeCoverage::Block>& blocks, World world, const Symbols& symbols);

// lcov's tracefile: each source line of the loaded images that has code, with 1 if any of it ran, else 0, and
// each function, with 1 if it was entered. Empty: no image has lines.
std::string lcov(const std::vector<CodeCoverage::Block>& blocks, World world, const Symbols& symbols);

}  // namespace ringside
