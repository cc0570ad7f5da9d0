// Owns the comparison of what is shown with what was shown.
#include "frontend/screen/screen_copy.h"

#include <algorithm>
#include <cstring>

namespace ringside {

ScreenCopy::Update ScreenCopy::update(const Vga& card) {
  return update(card.state(), card.video_memory(), blink_at(card.frames()));
}

ScreenCopy::Update ScreenCopy::update(const VgaState& state, const u8* memory, Blink blink) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return Update::busy;
  bool changed = false;
  const bool blinks = state.text() && blink != blink_;
  if (blinks || !(state == state_)) {
    state_ = state;
    blink_ = blink;
    changed = true;
  }
  const ShownMemory shown = memory == nullptr ? ShownMemory() : shown_memory(state);
  for (u64 at = shown.first; at < shown.end;) {
    const u64 bytes = std::min(page_bytes - at % page_bytes, shown.end - at);
    if (std::memcmp(&memory_[at], memory + at, bytes) != 0) {
      std::memcpy(&memory_[at], memory + at, bytes);
      changed = true;
    }
    at += bytes;
  }
  changed_ |= changed;
  return changed ? Update::changed : Update::same;
}

std::optional<Picture> ScreenCopy::draw() {
  const std::unique_lock lock(mutex_);
  if (!changed_) return std::nullopt;
  changed_ = false;
  return picture_of(state_, memory_.data(), blink_);
}

}  // namespace ringside
