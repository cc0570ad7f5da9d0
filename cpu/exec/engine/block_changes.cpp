// Owns what becomes of blocks whose bytes change: dropping, and blocks that change so often that they are
// kept and decoded anew where their bytes differ.
#include <algorithm>
#include <cstring>

#include "cpu/exec/core/dispatch.h"
#include "cpu/exec/engine/block_cache.h"

namespace ringside {
namespace {

constexpr unsigned drops_until_unstable = 4;
constexpr u8 writes_until_dropped = 64;

// The first record of a dropped block, for a chain that still has its address.
const Op* run_dropped(Cpu& cpu, const Op* op) {
  cpu.budget += op->left;
  TAIL(end_chain(cpu, cpu.instruction_rip(*op), ChainEnd::miss));
}
// Whether the bytes of one instruction, a few, are the same.
bool same(const u8* a, const u8* b, unsigned bytes) {
  for (unsigned n = 0; n < bytes; ++n) {
    if (a[n] != b[n]) return false;
  }
  return true;
}

// The first record of a stale block.
const Op* run_stale(Cpu& cpu, const Op* op) {
  cpu.engine->cache->renew(cpu, *reinterpret_cast<const BlockHead*>(op)[-1].block);
  TAIL(op);
}

}  // namespace

bool BlockCache::unstable(u64 start) {
  const WriteHistory& known = write_history(start);
  return known.start == start && known.drops >= drops_until_unstable;
}

void BlockCache::make_unstable(Block* block, const u8* bytes) {
  block->unstable = true;
  block->copy = reinterpret_cast<u8*>(allocate((block->bytes + sizeof(Op) - 1) / sizeof(Op)));
  std::memcpy(block->copy, bytes, block->bytes);
}

// The operation at these bytes, its old ones being in the copy. Only plain ones: the links behind a branch
// belong to the target it had.
bool BlockCache::renew(const Cpu& cpu, Block& block, unsigned number, const u8* bytes) {
  Op& op = block.ops[number];
  const u8* const old = block.copy + (op.offset - block.start.page_offset());
  if (block.tail_immediates & bit(number)) {
    const unsigned fixed = op.length - 4u;
    if (rows()[op.row].kind == Kind::plain && same(bytes, old, fixed)) {
      std::memcpy(&op.imm, bytes + fixed, 4);
      return true;
    }
  }
  Lowered lowered;
  const unsigned available = std::min<unsigned>(longest_instruction, page_bytes - op.offset);
  const DecodeStatus status =
      decoder_.lower(bytes, available, cpu.mode.code_bits, cpu.mode.limited, op.offset, lowered);
  if (status != DecodeStatus::ok || lowered.kind != Kind::plain || lowered.op.length != op.length ||
      rows()[op.row].kind != Kind::plain)
    return false;
  const u8 left = op.left;
  bind(op, lowered, status);
  op.left = left;
  const u16 mark = static_cast<u16>(bit(number));
  block.tail_immediates =
      static_cast<u16>(lowered.tail_immediate ? block.tail_immediates | mark : block.tail_immediates & ~mark);
  return true;
}

bool BlockCache::renew(const Cpu& cpu, Block& block) {
  BlockHead& head = reinterpret_cast<BlockHead*>(block.ops)[-1];
  block.ops[0].handler = head.first;
  block.stale = false;
  block.writes = 0;
  const u8* const bytes = memory_.pointer(block.start, false);
  unsigned at = 0;
  for (unsigned n = 0; n < block.count; ++n) {
    const unsigned length = block.ops[n].length;
    if (!bytes || !same(bytes + at, block.copy + at, length)) {
      head.runs = 0;
      if (!bytes || !renew(cpu, block, n, bytes + at)) {
        drop_and_remark(block);
        return false;
      }
      std::memcpy(block.copy + at, bytes + at, length);
    }
    at += length;
  }
  return true;
}

void BlockCache::drop_and_remark(Block& block) {
  const HostPhys page = block.start.page();
  drop(&block);
  remark(page);
}

void BlockCache::make_stable(Block& block) {
  write_history(block.start.value) = {block.start.value, drops_until_unstable / 2};
  drop_and_remark(block);
}

void BlockCache::drop(Block* block) {
  block->dead = true;
  for (Block** place = &table_[hash(block->start.value, block->key)]; *place; place = &(*place)->chain) {
    if (*place == block) {
      *place = block->chain;
      break;
    }
  }
  for (u64 slot = block->incoming; slot;) {
    LinkSlots* links = reinterpret_cast<LinkSlots*>(slot & ~u64{1});
    const unsigned number = slot & 1;
    links->target[number] = nullptr;
    if (emitter_) emitter_->disconnect(*links, number);
    slot = links->next[number];
  }
  block->incoming = 0;
  block->ops[0].handler = run_dropped;
  if (emitter_) emitter_->drop(*block);
  const auto forget = [&](HostPhys page) {
    const auto found = pages_.find(page.value);
    if (found != pages_.end()) std::erase(found->second, block);
  };
  forget(block->start.page());
  if (block->crosses) forget(block->second_page.page());
  statistics_.dropped++;
}

void BlockCache::set_stop_offsets(std::span<const u16> offsets) {
  std::bitset<page_bytes> wanted;
  for (const u16 offset : offsets) wanted.set(offset % page_bytes);
  const std::bitset<page_bytes> changed = wanted ^ stop_offsets_;
  stop_offsets_ = wanted;
  stops_ = wanted.any();
  if (changed.none()) return;
  std::vector<u64> pages;
  for (const auto& [page, blocks] : pages_) pages.push_back(page);
  for (const u64 page : pages) {
    std::vector<Block*> concerned;
    for (Block* block : pages_[page]) {
      if (block->start.page().value != page) continue;
      const u64 from = block->start.page_offset(), to = std::min<u64>(from + block->bytes, page_bytes);
      u64 at = from;
      while (at < to && !changed[at]) ++at;
      if (at < to) concerned.push_back(block);
    }
    for (Block* block : concerned) {
      const HostPhys second = block->second_page.page();
      const bool crosses = block->crosses;
      drop_and_remark(*block);
      if (crosses) remark(second);
    }
  }
}

void BlockCache::remark(HostPhys page) {
  memory_.unmark_code_page(page);
  const auto found = pages_.find(page.value);
  if (found == pages_.end()) return;
  if (found->second.empty()) {
    pages_.erase(found);
    return;
  }
  for (const Block* block : found->second) {
    const u64 in_first = std::min<u64>(block->bytes, page_bytes - block->start.page_offset());
    if (block->start.page() == page)
      memory_.mark_code(block->start, in_first);
    else
      memory_.mark_code(page, block->bytes - in_first);
  }
}

void BlockCache::code_written(HostPhys address, u64 size) {
  const u64 line = ~(PhysicalMemory::line_bytes - 1);
  const u64 first = address.value & line, last = (address.value + size - 1) | ~line;
  for (u64 page = first & ~u64{0xfff}; page <= last; page += page_bytes) {
    const auto found = pages_.find(page);
    if (found == pages_.end()) continue;
    std::vector<Block*> hit;
    for (Block* block : found->second) {
      u64 from = block->start.value, to = from + block->bytes - 1;
      if (block->start.page().value != page) from = page, to = page + block->bytes - 1;
      if (from > last || to < first) continue;
      if (block->unstable && ++block->writes < writes_until_dropped) {
        if (block->stale || from > address.value + size - 1 || to < address.value) continue;
        block->stale = true;
        reinterpret_cast<BlockHead*>(block->ops)[-1].first = block->ops[0].handler;
        block->ops[0].handler = run_stale;
        continue;
      }
      hit.push_back(block);
    }
    for (Block* block : hit) {
      WriteHistory& known = write_history(block->start.value);
      if (known.start != block->start.value) known = {block->start.value, 0};
      ++known.drops;
      drop(block);
      if (block->crosses)
        remark(block->start.page().value == page ? block->second_page : block->start.page());
    }
    if (!hit.empty()) remark(HostPhys(page));
  }
}

}  // namespace ringside
