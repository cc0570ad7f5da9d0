// Owns `ringside merge`: the results of several shards as one.
#pragma once

#include <span>
#include <string_view>

namespace ringside {

// The words behind "merge". Returns the process's exit status: 1 if a test of a shard failed. Errors go to
// stderr as one line.
int merge_results(std::span<const std::string_view> words);

}  // namespace ringside
