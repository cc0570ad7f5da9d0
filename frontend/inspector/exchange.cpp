// Owns the locks around what passes between the inspector's two threads.
#include "frontend/inspector/exchange.h"

#include <algorithm>
#include <utility>

namespace ringside {

using Lock = std::lock_guard<std::mutex>;

void Exchange::ask(const Asked& asked) {
  const Lock lock(mutex_);
  asked_ = asked;
}

Asked Exchange::asked() const {
  const Lock lock(mutex_);
  return asked_;
}

void Exchange::order(Order order) {
  const Lock lock(mutex_);
  const bool newer =
      order.kind == Order::Kind::travel && !orders_.empty() && orders_.back().kind == order.kind;
  if (newer) orders_.pop_back();
  orders_.push_back(std::move(order));
  ordered_ = true;
}

std::optional<Order> Exchange::take_order() {
  const Lock lock(mutex_);
  if (orders_.empty()) return std::nullopt;
  Order first = std::move(orders_.front());
  orders_.pop_front();
  ordered_ = !orders_.empty();
  return first;
}

std::optional<Order> Exchange::take_order(Order::Kind kind) {
  const Lock lock(mutex_);
  if (orders_.empty() || orders_.front().kind != kind) return std::nullopt;
  Order first = std::move(orders_.front());
  orders_.pop_front();
  ordered_ = !orders_.empty();
  return first;
}

bool Exchange::next_is(Order::Kind kind) const {
  const Lock lock(mutex_);
  return !orders_.empty() && orders_.front().kind == kind;
}

std::shared_ptr<const Answered> Exchange::answer() const {
  const Lock lock(mutex_);
  return answer_;
}

void Exchange::give(std::shared_ptr<const Answered> answer) {
  const Lock lock(mutex_);
  answer_ = std::move(answer);
  ++version_;
}

void Exchange::print(std::string_view text) {
  const Lock lock(mutex_);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (!line_open_) lines_.emplace_back();
    lines_.back() += text.substr(0, end);
    line_open_ = end == text.npos;
    text.remove_prefix(line_open_ ? text.size() : end + 1);
  }
  for (; lines_.size() > most_lines; ++first_line_) lines_.pop_front();
  ++version_;
}

std::vector<std::string> Exchange::printed(u64& from) const {
  const Lock lock(mutex_);
  const u64 end = first_line_ + lines_.size();
  const u64 begin = std::clamp(from, first_line_, end);
  from = end;
  return {lines_.begin() + static_cast<std::ptrdiff_t>(begin - first_line_), lines_.end()};
}

}  // namespace ringside
