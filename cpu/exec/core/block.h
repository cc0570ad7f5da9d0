// Owns the decoded block, the links between blocks, and the engine's own data of one CPU.
#pragma once

#include <memory>
#include <vector>

#include "cpu/state/cpu.h"

namespace ringside {

struct Block;

// Lies in the two records after a block's last operation: the successors inside the same page. A slot's
// `next` chains the slots that point to the same block, so that a dropped block finds them.
struct alignas(32) LinkSlots {
  Block* target[2] = {nullptr, nullptr};  // [0] not taken or fall-through, [1] taken
  u64 next[2] = {0, 0};    // tagged address of the next slot record: low bit is the slot number
  Block* owner = nullptr;  // nullptr: runs alone, links nowhere
  // Of emitted code: where the jump to each successor has its displacement, and what it is while there is no
  // link. Places in the code cache; 0: no such jump.
  u32 site[2] = {0, 0};
  u32 unlinked[2] = {0, 0};
};
constexpr unsigned link_records = sizeof(LinkSlots) / sizeof(Op);
static_assert(sizeof(LinkSlots) == 2 * sizeof(Op));

// Lies in the record before a block's first operation.
struct alignas(32) BlockHead {
  // Emitted code goes on here when a handler has returned the block's first operation as the one that runs
  // next; the block has been charged by then.
  const void* charged_code = nullptr;
  Block* block = nullptr;
  Handler first = nullptr;  // of a stale block: the handler that its first operation will have again
  u32 runs = 0;             // of an unstable block in emitted code, since it was decoded or renewed
};
static_assert(sizeof(BlockHead) == sizeof(Op));

struct Block {
  Op* ops = nullptr;     // count operations, then the end record or LinkSlots
  HostPhys start;        // of the first byte
  u32 key = 0;           // Cpu::Mode::key
  u16 count = 0;         // instructions
  u16 bytes = 0;         // bytes of code, those on a second page included
  bool crosses = false;  // the only instruction lies on two pages
  bool dead = false;
  bool transient = false;  // runs once: never linked, never in the jump cache
  // Begins where one of Cpu::observers may want to stop: never linked, never in the jump cache, runs by its
  // handlers.
  bool observed = false;
  // Its bytes change often: it runs by its handlers, and a store to it makes it stale, not dead.
  bool unstable = false;
  bool stale = false;       // unstable, and written to: BlockCache::renew before it runs
  u8 writes = 0;            // unstable: stores to its lines since it was renewed
  u16 tail_immediates = 0;  // unstable: a bit an operation, of Lowered
  u8* copy = nullptr;       // unstable: the bytes it was decoded from
  HostPhys second_page;     // if crosses
  Block* chain = nullptr;   // block table's bucket chain
  u64 incoming = 0;         // first slot record that points here
  const void* code =
      nullptr;           // emitted, charges the budget itself; nullptr: the reference dispatcher runs it
  u32 dropped_code = 0;  // place in the code cache that the code's first bytes jump to once it is dropped
};

// linear address and mode -> block. `tag` folds the MMU's fetch epoch and the mode key.
struct JumpEntry {
  u64 linear = ~u64{0};
  u64 tag = 0;
  Block* block = nullptr;
  const void* code = nullptr;  // block->code
};
static_assert(sizeof(JumpEntry) == 32);  // emitted code scales by it
constexpr unsigned jump_entries = 16384;

// Which way blocks run: by their handlers, or as host code emitted for each (x86-64 hosts only).
enum class Dispatcher : u8 { reference, emitted };

class BlockCache;

// cpu/exec's own words of one CPU. Nothing here is architectural state.
struct Engine {
  u64 code_base = 0;        // CS.base outside 64-bit mode, 0 inside
  u64 code_mask = ~u64{0};  // of linear addresses: 32 bits outside 64-bit mode
  u64 tag = 0;
  LinkSlots* link = nullptr;  // slot to fill after ChainEnd::miss, with its number
  unsigned link_number = 0;
  std::unique_ptr<JumpEntry[]> jumps = std::make_unique<JumpEntry[]>(jump_entries);
  struct Exit {
    BlockHead head;
    Op op;  // its handler ends the chain
  } exit;
  Op solo[1 + link_records];  // the record that runs alone, and its end
  bool solo_jumped = false;   // its branch was taken: seen of jumps to the following instruction, too
  BlockCache* cache = nullptr;
  const Op* undone = nullptr;  // the record that ended with ChainEnd::fault, exit or alone
  s64 horizon = 0;             // instructions retired when budget reaches 0
};

// Bytes of the instruction that was not done, for a VM exit of its access; 0 if it was a fetch.
inline u32 undone_length(const Cpu& cpu) {
  const Op* op = cpu.engine ? cpu.engine->undone : nullptr;
  return op ? op->length : 0;
}

// Derives what Engine knows of the mode and the translation: at a boundary, before a block is looked for.
inline void refresh(Cpu& cpu) {
  Engine& engine = *cpu.engine;
  engine.code_base = cpu.mode.bits64 ? 0 : cpu.segment[CS].base;
  engine.code_mask = cpu.mode.bits64 ? ~u64{0} : 0xffffffff;
  // Root and guest are apart even where they translate alike, for whoever listens to blocks.
  engine.tag = (cpu.mmu.fetch_epoch() << 10) | u64{cpu.non_root} << 9 | (cpu.mode.key & 0x1ff);
}

constexpr unsigned jump_index(u64 linear) {
  return static_cast<unsigned>((linear ^ (linear >> 14)) & (jump_entries - 1));
}

}  // namespace ringside
