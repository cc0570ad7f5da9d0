// Owns the choice of the checkpoint that is missed least.
#pragma once

#include <cstddef>
#include <span>

namespace ringside {

// Which of the checkpoints at these times, in their order, is to be given up when there are too many, so that
// the gaps between them grow with their age: the last minute is dense, an hour ago is sparse. Never the first
// or the last, nor `kept`. 0: none can be.
std::size_t missed_least(std::span<const double> seconds, std::size_t kept = 0);

}  // namespace ringside
