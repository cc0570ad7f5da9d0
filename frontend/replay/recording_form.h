// Owns the form of a recording's file, for who writes and who reads it.
#pragma once

#include <xxhash.h>

#include <string_view>

#include "frontend/replay/recording.h"
#include "frontend/replay/recording_bytes.h"

namespace ringside::recording {

// The first line, for people and for file(1). Another form of what follows has another number.
constexpr std::string_view magic = "Ringside recording 1\n";

// Then blocks: a kind, three bytes of size, a check of these four, that many bytes, a check of all of it.
// Each check begins with the one before, so that no block can be changed, left out or moved.
enum class BlockKind : u8 { head = 'H', records = 'R', mark = 'M', back = 'B', end = 'E' };
constexpr std::size_t block_head = 8, block_tail = 8;
constexpr u64 most_payload = (u64{1} << 24) - 1;

inline u64 check(u64 chain, std::span<const u8> bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), chain);
}

// What happened, by its number in the file.
enum class RecordKind : u8 {
  serial,
  key,
  pause,
  mouse,
  power,
  reset,
  still,
  register_written,
  memory_written,
  count
};
constexpr u8 asleep_bit = 0x80;  // of the kind's byte: the moment is in a sleep

// A moment as the way from the one before. Time goes on with the instructions, mostly.
inline void write_moment(ByteWriter& out, const Moment& from, const Moment& to) {
  const u64 retired = to.retired - from.retired;
  out.number(retired);
  out.signed_number(static_cast<s64>(to.now - from.now - retired));
}
inline Moment read_moment(ByteReader& in, const Moment& from, bool asleep) {
  const u64 retired = in.number();
  const u64 more = static_cast<u64>(in.signed_number());
  return {from.retired + retired, from.now + retired + more, asleep};
}
// In the order of a run.
inline bool follows(const Moment& before, const Moment& after) {
  return after.retired >= before.retired && after.now >= before.now;
}

}  // namespace ringside::recording
