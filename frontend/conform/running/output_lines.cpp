// Owns one run's output while it comes: its lines, its last part, and how much there was.
#include "frontend/conform/running/output_lines.h"

namespace ringside::conform {

void OutputLines::tell() {
  while (line_.ends_with('\r')) line_.pop_back();
  each_(line_, ++number_);
  line_.clear();
}

void OutputLines::add(std::string_view bytes) {
  bytes_ += bytes.size();
  for (const char c : bytes) {
    if (c == '\n') {
      tell();
      continue;
    }
    line_ += c;
    if (line_.size() == longest_line) tell();
  }
  kept_ += bytes;
  if (kept_.size() > 2 * most_kept) kept_.erase(0, kept_.size() - most_kept);
}

void OutputLines::end() {
  if (!line_.empty()) tell();
}

std::string OutputLines::last_part() const {
  if (bytes_ == kept_.size() && bytes_ <= most_kept) return kept_;
  const std::size_t from = kept_.size() > most_kept ? kept_.size() - most_kept : 0;
  const auto line = kept_.find('\n', from);
  return kept_.substr(line == std::string::npos ? from : line + 1);
}

}  // namespace ringside::conform
