// Owns what is counted for that: how often a trace has which address.
#include "frontend/differ/places.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <unordered_set>

namespace ringside {

Point choose_point(const std::vector<u64>& trace, u64 from, u64 end) {
  constexpr u64 most_hits = 100;
  std::unordered_map<u64, u64> hits;
  std::unordered_set<u64> unfit = {no_address};
  if (from + 1 < trace.size()) unfit.insert(trace[from + 1]);
  for (u64 n = from + 1; n < end && n < trace.size(); ++n) {
    ++hits[trace[n]];
    if (trace[n] == trace[n - 1]) unfit.insert(trace[n]);
  }
  Point best;
  u64 fewest = most_hits + 1;
  const u64 earliest = from + 1 + (end - from) / 2;
  for (u64 n = end; n-- > earliest;) {
    if (n >= trace.size() || unfit.contains(trace[n])) continue;
    u64& count = hits[trace[n]];
    if (count < fewest) {
      fewest = count;
      best = {trace[n], count, n - from};
    }
    --count;
  }
  return best;
}

std::optional<WaitingLoop> waiting_loop(const std::vector<u64>& trace) {
  // Who waits asks, compares, counts and perhaps calls a function that pauses.
  constexpr std::size_t most_instructions = 64, fewest_rounds = 16;
  std::unordered_map<u64, u64> hits;
  std::size_t steps = 0;
  for (; steps < trace.size(); ++steps) {
    const u64 address = trace[trace.size() - 1 - steps];
    if (hits.size() == most_instructions && !hits.contains(address)) break;
    ++hits[address];
  }
  WaitingLoop loop;
  loop.first = std::numeric_limits<u64>::max();
  const auto is_in_loop = [&hits](u64 address) { return hits[address] >= fewest_rounds; };
  if (trace.empty() || !is_in_loop(trace.back())) return std::nullopt;
  // What came before the loop, or comes on a way that it seldom takes, is none of it.
  for (const auto& [address, count] : hits) {
    if (count < fewest_rounds || address == no_address) continue;
    ++loop.instructions;
    loop.first = std::min(loop.first, address);
    loop.last = std::max(loop.last, address);
  }
  while (steps > 0 && !is_in_loop(trace[trace.size() - steps])) --steps;
  loop.steps = steps;
  return loop;
}

}  // namespace ringside
