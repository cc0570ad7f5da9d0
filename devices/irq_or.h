// Owns the wired OR: several chips that drive one interrupt line.
#pragma once

#include <deque>

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"

namespace ringside {

// The output is high while at least one input is. Up to 32 inputs; each is its driver's own line. The chips'
// own `restored()` set the inputs again after a restore, so that there is nothing here to save.
class IrqOr {
 public:
  explicit IrqOr(IrqLine& output) : output_(output) {}
  IrqOr(const IrqOr&) = delete;
  IrqOr& operator=(const IrqOr&) = delete;

  // A new input; it stays where it is as long as this object lives.
  IrqLine& input() {
    Input& made = inputs_.emplace_back();
    made.owner = this;
    made.mask = inputs_.size() <= 32 ? u32{1} << (inputs_.size() - 1) : 0;
    return made;
  }
  bool level() const { return levels_ != 0; }

 private:
  struct Input final : IrqLine {
    IrqOr* owner = nullptr;
    u32 mask = 0;
    void set(bool level) override {
      owner->levels_ = level ? owner->levels_ | mask : owner->levels_ & ~mask;
      owner->output_.set(owner->levels_ != 0);
    }
  };

  IrqLine& output_;
  std::deque<Input> inputs_;
  u32 levels_ = 0;
};

}  // namespace ringside
