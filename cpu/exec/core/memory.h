// Owns a body's access to memory: the soft TLB's fast path inline, everything else out of line.
#pragma once

#include <cstring>

#include "cpu/state/cpu.h"

namespace ringside {

struct Loaded {
  u64 value;
  bool ok;  // false: cpu.chain_end and cpu.fault say why
};

// Out of line: TLB miss, page crossing, MMIO, ROM, code lines, watched pages, alignment checks, non-canonical
// addresses. `seg` only chooses between #SS(0) and #GP(0) for a non-canonical address. Sizes 1, 2, 4, 8.
Loaded load_slow(Cpu& cpu, u64 linear, unsigned size, SegReg seg);
// As load_slow, but needs write rights too. `host` is where the same instruction may write the value back, or
// nullptr: by store_slow then.
Loaded load_for_write_slow(Cpu& cpu, u64 linear, unsigned size, SegReg seg, u8*& host);
bool store_slow(Cpu& cpu, u64 linear, unsigned size, u64 value, SegReg seg);
// True if `size` bytes (1 to 4096) from `linear` may be written (or read) now without a fault and, unless
// cpu.alone, without touching MMIO, code in the page that runs or a watched page. Changes nothing but A and D
// bits.
bool probe_write(Cpu& cpu, u64 linear, unsigned size, SegReg seg);
bool probe_read(Cpu& cpu, u64 linear, unsigned size, SegReg seg);
// Whole runs for FXSAVE, XSAVE, FSAVE and friends: all or nothing. Any size up to 4096.
bool load_bytes(Cpu& cpu, u64 linear, void* out, unsigned size, SegReg seg);
bool store_bytes(Cpu& cpu, u64 linear, const void* in, unsigned size, SegReg seg);

// Implicit supervisor accesses, whatever the CPL: descriptor tables, TSS, IDT, interrupt stack frames of
// inner rings.
Loaded load_system(Cpu& cpu, u64 linear, unsigned size);
bool store_system(Cpu& cpu, u64 linear, unsigned size, u64 value);
bool probe_write_system(Cpu& cpu, u64 linear, unsigned size);

// "Linear-Address Masking": the linear address that a pointer to data means, its metadata replaced by copies
// of the highest bit that counts; the pointer itself where it has none. Bit 63 stays and with it, whatever
// the CPL, whether the pointer is a user's or a supervisor's, so that what was not canonical may still not
// be. Not for fetches, branch targets, INVLPG, addresses in descriptors, and implicit accesses to system
// structures. The fast paths need it not: a page's tag never has metadata, so that a pointer with some
// misses.
inline u64 masked_pointer(const Cpu& cpu, u64 pointer) {
  const u64 user = cpu.cr3 & (Cr3::LAM_U57 | Cr3::LAM_U48), supervisor = cpu.cr4 & Cr4::LAM_SUP;
  if ((pointer >> 63 ? supervisor : user) == 0 || !cpu.mode.bits64) return pointer;
  const bool wide = pointer >> 63 ? cpu.cr4 & Cr4::LA57 : user & Cr3::LAM_U57;
  const unsigned shift = wide ? 7 : 16;
  const u64 extended = static_cast<u64>(static_cast<s64>(pointer << shift) >> shift);
  return (extended & ~bit(63)) | (pointer & bit(63));
}

template <class T>
inline bool hits(const TlbEntry& entry, u64 linear) {
  return ((linear + sizeof(T) - 1) & ~u64{0xfff}) == entry.tag;
}
inline u8* host_pointer(const TlbEntry& entry, u64 linear) {
  return reinterpret_cast<u8*>(linear + entry.addend);
}

// Host memory of a run of `bytes` (1 to 4096) inside one page, or nullptr if it has no fast tag there.
inline u8* host_run(const TlbEntry& entry, u64 linear, u64 bytes) {
  const u64 page = linear & ~u64{0xfff};
  return entry.tag == page && ((linear + bytes - 1) & ~u64{0xfff}) == page ? host_pointer(entry, linear)
                                                                           : nullptr;
}
// The linear address `bytes` (up to 4096) further on: outside 64-bit mode it wraps at 4 GiB.
inline u64 linear_after(const Cpu& cpu, u64 linear, u64 bytes) {
  return cpu.mode.bits64 ? linear + bytes : static_cast<u32>(linear + bytes);
}

template <class T>
inline bool load(Cpu& cpu, u64 linear, T& out, SegReg seg) {
  static_assert(sizeof(T) <= 8);
  const TlbEntry& entry = cpu.data->read[tlb_index(linear)];
  if (hits<T>(entry, linear)) [[likely]] {
    std::memcpy(&out, host_pointer(entry, linear), sizeof(T));
    return true;
  }
  const Loaded loaded = load_slow(cpu, linear, sizeof(T), seg);
  out = static_cast<T>(loaded.value);
  return loaded.ok;
}
inline bool load(Cpu& cpu, u64 linear, V128& out, SegReg seg) {
  const TlbEntry& entry = cpu.data->read[tlb_index(linear)];
  if (hits<V128>(entry, linear)) [[likely]] {
    std::memcpy(&out, host_pointer(entry, linear), sizeof(V128));
    return true;
  }
  return load_bytes(cpu, linear, &out, 16, seg);
}
inline bool load(Cpu& cpu, u64 linear, V256& out, SegReg seg) {
  const TlbEntry& entry = cpu.data->read[tlb_index(linear)];
  if (hits<V256>(entry, linear)) [[likely]] {
    std::memcpy(static_cast<void*>(&out), host_pointer(entry, linear), sizeof(V256));
    return true;
  }
  return load_bytes(cpu, linear, &out, 32, seg);
}

template <class T>
inline bool store(Cpu& cpu, u64 linear, T value, SegReg seg) {
  static_assert(sizeof(T) <= 8);
  const TlbEntry& entry = cpu.data->write[tlb_index(linear)];
  if (hits<T>(entry, linear)) [[likely]] {
    std::memcpy(host_pointer(entry, linear), &value, sizeof(T));
    return true;
  }
  return store_slow(cpu, linear, sizeof(T), value, seg);
}
inline bool store(Cpu& cpu, u64 linear, const V128& value, SegReg seg) {
  const TlbEntry& entry = cpu.data->write[tlb_index(linear)];
  if (hits<V128>(entry, linear)) [[likely]] {
    std::memcpy(host_pointer(entry, linear), &value, sizeof(V128));
    return true;
  }
  return store_bytes(cpu, linear, &value, 16, seg);
}
inline bool store(Cpu& cpu, u64 linear, const V256& value, SegReg seg) {
  const TlbEntry& entry = cpu.data->write[tlb_index(linear)];
  if (hits<V256>(entry, linear)) [[likely]] {
    std::memcpy(host_pointer(entry, linear), &value, sizeof(V256));
    return true;
  }
  return store_bytes(cpu, linear, &value, 32, seg);
}

// A read-modify-write in two halves. After a successful open, commit cannot fail.
struct RmwSlot {
  u64 linear = 0;
  u8* host = nullptr;
  SegReg seg = DS;
};
template <class T>
inline bool open_rmw(Cpu& cpu, u64 linear, T& value, SegReg seg, RmwSlot& slot) {
  const TlbEntry& entry = cpu.data->write[tlb_index(linear)];
  if (hits<T>(entry, linear)) [[likely]] {
    slot.host = host_pointer(entry, linear);
    std::memcpy(&value, slot.host, sizeof(T));
    return true;
  }
  slot.linear = linear;
  slot.seg = seg;
  const Loaded loaded = load_for_write_slow(cpu, linear, sizeof(T), seg, slot.host);
  value = static_cast<T>(loaded.value);
  return loaded.ok;
}
template <class T>
inline void commit_rmw(Cpu& cpu, const RmwSlot& slot, T value) {
  if (slot.host) [[likely]] {
    std::memcpy(slot.host, &value, sizeof(T));
  } else {
    store_slow(cpu, slot.linear, sizeof(T), value, slot.seg);
  }
}

}  // namespace ringside
