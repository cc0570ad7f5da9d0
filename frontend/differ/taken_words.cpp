// Owns the words of these remarks.
#include "frontend/differ/taken_words.h"

#include <fmt/format.h>

namespace ringside {

void TakenWords::took(const std::string& why, u64 steps, std::string where) {
  Taken& taken = taken_[why];
  if (taken.times == 0) {
    taken.steps = steps;
    taken.first = std::move(where);
  }
  ++taken.times;
  ++times_;
}

void TakenWords::tell(std::vector<std::string>& remarks) const {
  for (const auto& [why, taken] : taken_) {
    remarks.push_back(fmt::format("not judged, the peer's word was taken: {}, {} times", why, taken.times));
    // What an interrupt explains may hide what it does not.
    if (!taken.first.empty())
      remarks.back() += fmt::format(", first after {} steps at {}", taken.steps, taken.first);
  }
}

}  // namespace ringside
