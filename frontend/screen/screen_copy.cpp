// Owns the comparison of what is shown with what was shown.
#include "frontend/screen/screen_copy.h"

#include <algorithm>
#include <cstring>

namespace ringside {

bool ScreenCopy::update(const Vga& card) {
  return update(card.state(), card.video_memory(), blink_at(card.frames()));
}

bool ScreenCopy::update(const VgaState& state, const u8* memory, Blink blink) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return false;
  const bool blinks = state.text() && blink != blink_;
  if (blinks || !(state == state_)) {
    state_ = state;
    blink_ = blink;
    changed_ = true;
  }
  if (memory == nullptr) return true;
  const ShownMemory shown = shown_memory(state);
  for (u64 at = shown.first; at < shown.end;) {
    const u64 bytes = std::min(page_bytes - at % page_bytes, shown.end - at);
    if (std::memcmp(&memory_[at], memory + at, bytes) != 0) {
      std::memcpy(&memory_[at], memory + at, bytes);
      changed_ = true;
    }
    at += bytes;
  }
  return true;
}

std::optional<Picture> ScreenCopy::draw() {
  const std::unique_lock lock(mutex_);
  if (!changed_) return std::nullopt;
  changed_ = false;
  return picture_of(state_, memory_.data(), blink_);
}

}  // namespace ringside
