// Owns the decoding of blocks and their life in the cache: lookup, links, and dropping what was written to.
#include "cpu/exec/engine/block_cache.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "cpu/exec/core/dispatch.h"
#include "cpu/exec/core/exit_request.h"
#include "cpu/exec/engine/handler_table.h"
#include "vmx/apic_virtualization.h"

namespace ringside {
namespace {

// The record after a block's last instruction, where that is no branch.
const Op* run_end(Cpu& cpu, const Op* op) {
  if (op->offset < page_bytes) TAIL(follow_link<0>(cpu, op, op->offset));
  TAIL(follow_jump(cpu, (cpu.rip_base + op->offset) & cpu.mode.rip_mask));
}
// The same where the code segment has a limit: the run loop checks it at each block.
const Op* run_end_limited(Cpu& cpu, const Op* op) {
  TAIL(end_chain(cpu, (cpu.rip_base + op->offset) & cpu.mode.rip_mask, ChainEnd::boundary));
}
const Op* run_undefined(Cpu& cpu, const Op* op) {
  cpu.raise(Vector::UD);
  return end_undone(cpu, op);
}
const Op* run_too_long(Cpu& cpu, const Op* op) {
  cpu.raise(Vector::GP, 0);
  return end_undone(cpu, op);
}

}  // namespace

BlockCache::BlockCache(PhysicalMemory& memory, const CpuModel& model)
    : memory_(memory),
      decoder_(model.features),
      table_(static_cast<Block**>(std::calloc(buckets, sizeof(Block*)))) {
  if (!table_) throw std::bad_alloc();
  memory_.set_code_watcher(this);
}

BlockCache::~BlockCache() { memory_.set_code_watcher(nullptr); }

void BlockCache::attach(Cpu& cpu) {
  cpus_.push_back(&cpu);
  cpu.engine->cache = this;
  if (emitter_) cpu.engine->exit.head.charged_code = emitter_->exit_code();
}

bool BlockCache::set_dispatcher(Dispatcher wanted) {
  if (wanted == dispatcher()) return true;
  flush();
  emitter_ = wanted == Dispatcher::emitted ? Emitter::create(*this) : nullptr;
  for (Cpu* cpu : cpus_) cpu->engine->exit.head.charged_code = emitter_ ? emitter_->exit_code() : nullptr;
  return wanted == dispatcher();
}

Block* BlockCache::lookup(u64 start, u32 key) const {
  for (Block* block = table_[hash(start, key)]; block; block = block->chain) {
    if (block->start.value == start && block->key == key) return block;
  }
  return nullptr;
}

bool BlockCache::fetch_page(Cpu& cpu, u64 linear, Fetched& fetched) {
  const FetchEntry& entry = cpu.mmu.fetch_view()[tlb_index(linear)];
  HostPhys page = entry.page;
  if (entry.tag != (linear & ~u64{0xfff})) {
    if (!cpu.mmu.canonical(linear) && cpu.mode.long_mode) {
      cpu.raise(Vector::GP, 0);
      return false;
    }
    Fault fault;
    if (!cpu.mmu.translate(LinAddr(linear), {AccessKind::execute, cpu.cpl == 3, false}, page, fault)) {
      cpu.fault = fault;
      cpu.chain_end = ChainEnd::fault;
      return false;
    }
    if (cpu.non_root && page.page() == cpu.mmu.apic_access_page()) [[unlikely]]
      return request_exit(cpu, apic_access_exit(cpu, linear & 0xfff, AccessKind::execute, true));
  }
  fetched.page = memory_.gated(page.page());
  fetched.bytes = memory_.pointer(fetched.page, false);
  return true;
}

Block* BlockCache::find(Cpu& cpu) {
  if (map_generation_ != memory_.map_generation()) {
    flush();
    map_generation_ = memory_.map_generation();
  }
  if (emitter_ && !emitter_->room()) flush();
  const u32 limit = cpu.segment[CS].limit;
  if (cpu.mode.limited && cpu.rip > limit) {
    cpu.raise(Vector::GP, 0);
    return nullptr;
  }
  const u64 linear = (cpu.engine->code_base + cpu.rip) & cpu.engine->code_mask;
  Fetched fetched;
  if (!fetch_page(cpu, linear, fetched)) return nullptr;
  const unsigned offset = linear & 0xfff;

  Block* block = fetched.bytes ? lookup(fetched.page.value + offset, cpu.mode.key) : nullptr;
  if (block && block->crosses) {
    // The same first page may be followed by another second one.
    Fetched second;
    if (!fetch_page(cpu, (linear + page_bytes) & cpu.engine->code_mask & ~u64{0xfff}, second)) return nullptr;
    if (second.page != block->second_page) {
      drop(block);
      block = nullptr;
    }
  }
  if (block && block->stale && !renew(cpu, *block)) block = nullptr;
  if (!block) block = build(cpu, fetched, offset, max_block, !fetched.bytes);
  if (block && cpu.mode.limited && cpu.rip + block->bytes - 1 > limit) {
    block = build(cpu, fetched, offset, 1, true);
    if (block && cpu.rip + block->bytes - 1 > limit) {
      cpu.raise(Vector::GP, 0);
      return nullptr;
    }
  }
  if (listener_ && block) [[unlikely]]
    listener_->runs(cpu, LinAddr(linear), block->bytes);
  return block;
}

void BlockCache::listen(BlockListener* listener) {
  listener_ = listener;
  flush();
}

bool BlockCache::lower_crossing(Cpu& cpu, const u8* head, unsigned have, unsigned offset, Lowered& lowered,
                                DecodeStatus& status, HostPhys& second) {
  u8 bytes[2 * longest_instruction] = {};
  std::memcpy(bytes, head, have);
  const u64 linear =
      (cpu.engine->code_base + cpu.rip_base + page_bytes) & cpu.engine->code_mask & ~u64{0xfff};
  Fetched next;
  if (!fetch_page(cpu, linear, next)) return false;
  for (unsigned i = 0; i < longest_instruction; ++i)
    bytes[have + i] = next.bytes ? next.bytes[i] : static_cast<u8>(memory_.read(next.page + i, 1));
  second = next.page;
  status = decoder_.lower(bytes, longest_instruction, cpu.mode.code_bits, cpu.mode.limited,
                          static_cast<u16>(offset), lowered);
  return true;
}

bool BlockCache::lower_at(Cpu& cpu, const Fetched& fetched, unsigned offset, Lowered& lowered,
                          DecodeStatus& status, HostPhys& second) {
  const unsigned have = std::min<unsigned>(longest_instruction, page_bytes - offset);
  u8 copy[longest_instruction];
  const u8* bytes = fetched.bytes ? fetched.bytes + offset : copy;
  if (!fetched.bytes) {
    for (unsigned i = 0; i < have; ++i) copy[i] = static_cast<u8>(memory_.read(fetched.page + offset + i, 1));
  }
  status =
      decoder_.lower(bytes, have, cpu.mode.code_bits, cpu.mode.limited, static_cast<u16>(offset), lowered);
  if (status != DecodeStatus::more) return true;
  return lower_crossing(cpu, bytes, have, offset, lowered, status, second);
}

void BlockCache::bind(Op& op, const Lowered& lowered, DecodeStatus status) const {
  op = lowered.op;
  op.handler = status == DecodeStatus::too_long ? run_too_long : run_undefined;
  if (status != DecodeStatus::ok) return;
  const Handlers& handlers = all_handlers()[op.row];
  const Handler handler = lowered.checked ? handlers.checked[op.variant] : handlers.fast[op.variant];
  if (handler) op.handler = handler;
}

Block* BlockCache::build(Cpu& cpu, const Fetched& fetched, unsigned offset, unsigned most, bool transient) {
  std::array<Op, max_block + 1 + link_records> ops;
  unsigned count = 0, at = offset;
  bool ended = false;
  HostPhys second;
  bool crosses = false;
  cpu.rip_base = cpu.rip - offset;
  if (transient) most = 1;
  const bool changes =
      !transient && !(stops_ && stop_offsets_[offset]) && unstable(fetched.page.value + offset);
  if (changes) most = std::min(most, max_unstable_block);
  bool sound = true;
  u64 tail_immediates = 0;
  while (count < most && at < page_bytes && !ended) {
    Lowered lowered;
    DecodeStatus status;
    second = HostPhys();
    if (count > 0 && stops_ && stop_offsets_[at]) break;
    if (count > 0 && at + longest_instruction > page_bytes) {
      // It may cross into the next page; if it does, it is a block of its own.
      status = decoder_.lower(fetched.bytes + at, static_cast<unsigned>(page_bytes - at), cpu.mode.code_bits,
                              cpu.mode.limited, static_cast<u16>(at), lowered);
      if (status == DecodeStatus::more) break;
    } else if (!lower_at(cpu, fetched, at, lowered, status, second)) {
      return nullptr;
    }
    bind(ops[count], lowered, status);
    if (lowered.tail_immediate) tail_immediates |= bit(count);
    crosses = at + lowered.op.length > page_bytes;
    at += lowered.op.length;
    ++count;
    sound &= status == DecodeStatus::ok;
    ended = !sound || lowered.kind != Kind::plain;
  }
  for (unsigned i = 0; i < count; ++i) ops[i].left = static_cast<u8>(count - i);
  unsigned total = count;
  if (!ended) {
    Op& end = ops[total++];
    end = Op();
    end.handler = cpu.mode.limited ? run_end_limited : run_end;
    end.offset = static_cast<u16>(at);
  }
  LinkSlots* const links = new (&ops[total]) LinkSlots();
  total += link_records;

  Block* block = transient ? &transient_ : allocate_block();
  *block = Block{};
  if (!transient) links->owner = block;
  block->ops = transient ? transient_ops_.data() : allocate(total + 1) + 1;
  std::memcpy(static_cast<void*>(block->ops), ops.data(), total * sizeof(Op));
  block->start = fetched.page + offset;
  block->key = cpu.mode.key;
  block->count = static_cast<u16>(count);
  block->bytes = static_cast<u16>(std::max(at - offset, 1u));
  block->crosses = crosses;
  block->second_page = second;
  block->transient = transient;
  block->observed = stops_ && stop_offsets_[offset];
  if (!transient) (new (block->ops - 1) BlockHead())->block = block;
  if (changes && sound && !crosses) {
    make_unstable(block, fetched.bytes + offset);
    block->tail_immediates = static_cast<u16>(tail_immediates);
  }
  statistics_.blocks++;
  statistics_.instructions += count;
  if (!transient) insert(block);
  return block;
}

void BlockCache::insert(Block* block) {
  Block*& bucket = table_[hash(block->start.value, block->key)];
  block->chain = bucket;
  bucket = block;
  const u64 in_first = std::min<u64>(block->bytes, page_bytes - block->start.page_offset());
  register_page(block, block->start, in_first);
  if (block->crosses) register_page(block, block->second_page, block->bytes - in_first);
}

void BlockCache::register_page(Block* block, HostPhys start, u64 bytes) {
  if (!memory_.page_has_code(start)) {
    for (Cpu* cpu : cpus_) cpu->mmu.drop_write_tags(start.page());
  }
  memory_.mark_code(start, bytes);
  pages_[start.page().value].push_back(block);
}

Op* BlockCache::allocate(unsigned count) {
  if (chunk_used_ + count > chunk_ops) {
    chunks_.push_back(Chunk(std::allocator<Op>().allocate(chunk_ops)));
    chunk_used_ = 0;
  }
  Op* ops = chunks_.back().get() + chunk_used_;
  chunk_used_ += count;
  std::uninitialized_value_construct_n(ops, count);
  return ops;
}

Block* BlockCache::allocate_block() {
  if (chunks_.size() >= max_chunks && chunk_used_ + max_block + 2 + link_records > chunk_ops) flush();
  if (blocks_used_ == block_chunk) {
    block_chunks_.push_back(std::make_unique<Block[]>(block_chunk));
    blocks_used_ = 0;
  }
  return &block_chunks_.back()[blocks_used_++];
}

void BlockCache::flush() {
  const bool empty = chunks_.empty() && block_chunks_.empty();
  if (!empty) std::fill_n(table_.get(), buckets, nullptr);
  for (const auto& [page, blocks] : pages_) memory_.unmark_code_page(HostPhys(page));
  pages_.clear();
  chunks_.clear();
  chunk_used_ = chunk_ops;
  block_chunks_.clear();
  blocks_used_ = block_chunk;
  if (emitter_) emitter_->clear();
  for (Cpu* cpu : cpus_) {
    if (!empty) std::fill_n(cpu->engine->jumps.get(), jump_entries, JumpEntry{});
    cpu->engine->link = nullptr;
    cpu->engine->undone = nullptr;
  }
  statistics_.flushes++;
}

// Much of a boot's code, and nearly all of what changes itself, runs once: by its handlers it is done before
// its code would have been emitted.
void BlockCache::will_run(const Cpu& cpu, Block& block) {
  constexpr u32 runs_until_emitted = 2;
  if (block.code || !emitter_ || block.transient || block.observed || cpu.mode.limited) return;
  BlockHead& head = reinterpret_cast<BlockHead*>(block.ops)[-1];
  if (++head.runs < runs_until_emitted || !emitter_->room()) return;
  head.runs = 0;
  emitter_->emit(block, cpu.mode);
  statistics_.emitted++;
}

void BlockCache::link(LinkSlots* links, unsigned number, Block* block) {
  if (listener_) return;
  if (block->transient || block->crosses || links->target[number]) return;
  // Between the miss and now the page may have been translated anew: the owner of the slots must lie in the
  // block's page.
  if (block->observed || (links->owner && links->owner->observed)) return;
  if (!links->owner || links->owner->dead || links->owner->start.page() != block->start.page()) return;
  // Emitted code goes to emitted code.
  if (emitter_ && !(block->code && links->owner->code)) return;
  links->target[number] = block;
  links->next[number] = block->incoming;
  block->incoming = reinterpret_cast<u64>(links) | number;
  if (emitter_) emitter_->connect(*links, number, *block);
}

}  // namespace ringside
