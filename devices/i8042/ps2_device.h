// Owns what the keyboard controller and its two devices have in common: a serial link of bytes.
#pragma once

#include <deque>

#include "cpu/arch/fields.h"
#include "cpu/arch/types.h"

namespace ringside {

// A device's side of a PS/2 link. Replies to commands go out before what the user did; neither queue grows
// without bound, whatever the guest leaves unread.
class Ps2Device {
 public:
  virtual ~Ps2Device() = default;
  virtual void receive(u8 byte) = 0;  // a command or its argument from the guest

  bool has_output() const { return !replies_.empty() || !events_.empty(); }
  u8 take() {
    if (!has_output()) return last_;
    std::deque<u8>& queue = replies_.empty() ? events_ : replies_;
    last_ = queue.front();
    queue.pop_front();
    return last_;
  }

 protected:
  static constexpr std::size_t queue_bytes = 16;
  static constexpr u8 ack = 0xfa, resend = 0xfe;

  void reply(u8 byte) {
    if (replies_.size() < queue_bytes) replies_.push_back(byte);
  }
  // All of an event or nothing of it: half a scancode would be another key.
  template <class Bytes>
  bool event(const Bytes& bytes) {
    if (events_.size() + std::size(bytes) > queue_bytes) return false;
    events_.insert(events_.end(), std::begin(bytes), std::end(bytes));
    return true;
  }
  void reset_link() {
    forget();
    last_ = 0;
  }
  void forget() {
    replies_.clear();
    events_.clear();
  }
  u8 last() const { return last_; }
  bool takes_event() const { return replies_.empty() && !events_.empty(); }  // does take()?
  void queue_fields(Fields& fields) {
    fields("replies", replies_);
    fields("events", events_);
    fields("last", last_);
  }

 private:
  std::deque<u8> replies_, events_;
  u8 last_ = 0;
};

}  // namespace ringside
