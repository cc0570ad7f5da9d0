// Owns the search for the instruction where two runs of a test part.
#include "frontend/conform/running/parting.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "frontend/conform/running/process.h"
#include "frontend/conform/running/statistics.h"

namespace ringside::conform {
namespace {

using Itself = std::function<int(const std::vector<std::string>& words)>;
enum class Pair : u8 { same, different, unknown };

std::string hash_in(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  const auto statistics =
      parse_statistics(std::string{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()});
  stream.close();
  std::remove(file.c_str());
  return statistics ? statistics->state_hash : std::string();
}

// Two runs of so many instructions, side by side.
Pair run_pair(const Test& test, const Surroundings& around, u64 instructions, const std::string& scratch,
              const std::function<bool()>& stop, const Itself& itself) {
  std::array<std::string, 2> files = {scratch + "-a.json", scratch + "-b.json"};
  Processes processes;
  for (const std::string& file : files) {
    std::vector<std::string> words = command_of(test, around);
    words.insert(words.end(), {"--max-instructions", fmt::format("{}", instructions), "--stats", file});
    std::string error;
    if (!processes.start({.words = process_words(test, std::move(words)),
                          .itself = test.shell_words.empty() ? itself : nullptr},
                         error))
      return Pair::unknown;
  }
  while (processes.running() > 0) {
    processes.wait();
    if (stop()) return Pair::unknown;
  }
  const std::string first = hash_in(files[0]), second = hash_in(files[1]);
  if (first.empty() || second.empty()) return Pair::unknown;
  return first == second ? Pair::same : Pair::different;
}

}  // namespace

Parting find_parting(const Test& test, const Surroundings& around, u64 most, const std::string& scratch,
                     const std::function<bool()>& stop, const Itself& itself) {
  u64 same = 0, different = most;
  const auto pair = [&](u64 instructions) {
    return run_pair(test, around, instructions, scratch, stop, itself);
  };
  Pair last = most > 0 ? pair(most) : Pair::unknown;
  if (last == Pair::same) return {0, "two more runs end in the same state"};
  while (last != Pair::unknown && different - same > 1) {
    const u64 middle = same + (different - same) / 2;
    last = pair(middle);
    (last == Pair::same ? same : different) = middle;
  }
  if (last == Pair::unknown) return {0, "where they part was not found"};
  return {different, different == 1
                         ? "they part in the first instruction, or the machines differ from the beginning"
                         : fmt::format("they part in instruction {}", different)};
}

}  // namespace ringside::conform
