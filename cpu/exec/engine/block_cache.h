// Owns the cache of decoded blocks, keyed by physical address and mode: lookup, decoding, links,
// invalidation.
#pragma once

#include <bitset>
#include <cstdlib>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "cpu/decode/lower.h"
#include "cpu/exec/engine/block_listener.h"
#include "cpu/exec/engine/emit/emitter.h"

namespace ringside {

// Shared by the CPUs of one machine. A dropped block's records stay in memory until everything is flushed, so
// that a chain that runs in it may finish its instruction.
class BlockCache final : public CodeWatcher, private UnstableBlocks {
 public:
  BlockCache(PhysicalMemory& memory, const CpuModel& model);
  ~BlockCache() override;

  // Every CPU of the machine, before it runs.
  void attach(Cpu& cpu);

  // Before anything runs; `reference` at first. False: the host cannot, and nothing has changed.
  bool set_dispatcher(Dispatcher dispatcher);
  Dispatcher dispatcher() const { return emitter_ ? Dispatcher::emitted : Dispatcher::reference; }
  const Emitter* emitter() const { return emitter_.get(); }

  // The block that begins at cpu.rip, decoded now if need be. nullptr: the fetch faulted, cpu.fault says how
  // (a #PF, or #GP(0) beyond the code segment's limit or at a non-canonical address).
  Block* find(Cpu& cpu);

  // The block runs next, from its start, and has not been charged: its code is emitted if it runs again.
  void will_run(const Cpu& cpu, Block& block);

  // A byte of these changes: drops the blocks on the lines touched, or makes them stale.
  void code_written(HostPhys address, u64 size) override;
  // A stale block gets the operations that its bytes stand for now. False: it had to be dropped.
  bool renew(const Cpu& cpu, Block& block);
  void flush();

  // Offsets into a page (below 4096) at which every instruction is one that Cpu::observers are asked about
  // before it runs. Blocks that this changes are dropped; not from inside a run.
  void set_stop_offsets(std::span<const u16> offsets);

  // From now on; nullptr: nobody listens. Everything that is decoded is dropped; not from inside a run. While
  // somebody listens blocks are not linked to each other.
  void listen(BlockListener* listener);

  // Makes links->target[number] = block, if both lie in the same page.
  void link(LinkSlots* links, unsigned number, Block* block);

  struct Statistics {
    u64 blocks = 0, instructions = 0, dropped = 0, flushes = 0, emitted = 0;
  };
  const Statistics& statistics() const { return statistics_; }

 private:
  struct Fetched {
    HostPhys page;
    const u8* bytes;  // host pointer to the page, or nullptr: not plain memory
  };

  bool fetch_page(Cpu& cpu, u64 linear, Fetched& fetched);
  // Lowers the instruction at `offset` of the page, which may go on in the next one. False: that page's fetch
  // faulted.
  bool lower_at(Cpu& cpu, const Fetched& fetched, unsigned offset, Lowered& lowered, DecodeStatus& status,
                HostPhys& second);
  bool lower_crossing(Cpu& cpu, const u8* head, unsigned have, unsigned offset, Lowered& lowered,
                      DecodeStatus& status, HostPhys& second);
  // Builds the block at `offset`; at most `most` instructions. It is put into the table unless
  // `transient`.
  Block* build(Cpu& cpu, const Fetched& fetched, unsigned offset, unsigned most, bool transient);
  void bind(Op& op, const Lowered& lowered, DecodeStatus status) const;
  void insert(Block* block);
  void register_page(Block* block, HostPhys start, u64 bytes);
  void remark(HostPhys page);
  void drop(Block* block);
  void drop_and_remark(Block& block);  // one that does not cross pages; its lines are marked anew
  bool renew(const Cpu& cpu, Block& block, unsigned number, const u8* bytes);
  bool unstable(u64 start);
  void make_unstable(Block* block, const u8* bytes);
  void make_stable(Block& block) override;  // drops it
  Op* allocate(unsigned count);
  Block* allocate_block();
  Block* lookup(u64 start, u32 key) const;
  static u64 hash(u64 start, u32 key) {
    return ((start >> 1) ^ (start >> 15) ^ (u64{key} * 0x9e37)) & (buckets - 1);
  }

  static constexpr u64 buckets = 1 << 16;
  // Small, and touched as they fill up: a short run pays for what it decodes.
  static constexpr unsigned chunk_ops = 1 << 13;
  static constexpr unsigned max_chunks = 160;  // 40 MiB of records, then everything is flushed
  static constexpr unsigned max_block = 48;
  static constexpr unsigned block_chunk = 512;
  static constexpr unsigned longest_instruction = 15;
  static constexpr unsigned max_unstable_block = 16;

  // How often the block at an address was dropped because it was written to; several addresses share an
  // entry, of which the last one counts.
  struct WriteHistory {
    u64 start = ~u64{0};
    unsigned drops = 0;
  };
  static constexpr unsigned write_history_entries = 256;
  WriteHistory& write_history(u64 start) {
    return write_history_[(start ^ start >> 8 ^ start >> 16) % write_history_entries];
  }

  // Records without a value until allocate() gives them one.
  struct FreeChunk {
    void operator()(Op* ops) const { std::allocator<Op>().deallocate(ops, chunk_ops); }
  };
  using Chunk = std::unique_ptr<Op, FreeChunk>;
  // Zeroes that cost nothing until they are touched.
  struct FreeTable {
    void operator()(Block** table) const { std::free(table); }
  };

  PhysicalMemory& memory_;
  Decoder decoder_;
  std::unique_ptr<Emitter> emitter_;
  std::vector<Cpu*> cpus_;
  std::unique_ptr<Block*[], FreeTable> table_;
  std::vector<Chunk> chunks_;
  unsigned chunk_used_ = chunk_ops;
  std::vector<std::unique_ptr<Block[]>> block_chunks_;
  unsigned blocks_used_ = block_chunk;
  Block transient_;
  std::array<Op, 2 + link_records> transient_ops_;
  std::unordered_map<u64, std::vector<Block*>> pages_;  // by page address: the blocks with a byte in it
  std::array<WriteHistory, write_history_entries> write_history_;
  std::bitset<page_bytes> stop_offsets_;
  bool stops_ = false;  // there are any stop_offsets_
  BlockListener* listener_ = nullptr;
  u64 map_generation_ = 0;
  Statistics statistics_;
};

}  // namespace ringside
