// Owns a wire of the board: several chips may pull it up, several inputs see it.
#pragma once

#include <deque>
#include <vector>

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"

namespace ringside {

// High while one driver, at least, holds it high: a wired OR. The inputs are told of changes only. Who drives
// it is state, so that a restore moves nothing.
class Wire {
 public:
  // One chip's end of the wire.
  class Driver final : public IrqLine {
   public:
    void set(bool level) override {
      wire_.change(level ? wire_.driven_ | mask_ : wire_.driven_ & ~mask_, wire_.cut_);
    }
    // Cut off, it may say what it likes: the wire does not see it.
    void cut(bool off) { wire_.change(wire_.driven_, off ? wire_.cut_ | mask_ : wire_.cut_ & ~mask_); }

    Driver(Wire& wire, u32 mask) : wire_(wire), mask_(mask) {}

   private:
    Wire& wire_;
    u32 mask_;
  };

  Wire() = default;
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // A new driver, the 32nd at most; it stays where it is as long as the wire lives.
  Driver& driver() {
    return drivers_.emplace_back(*this, drivers_.size() < 32 ? u32{1} << drivers_.size() : 0);
  }
  void to(IrqLine& input) { inputs_.push_back(&input); }
  bool level() const { return (driven_ & ~cut_) != 0; }

  void fields(Fields& visit) {
    visit("driven", driven_);
    visit("cut", cut_);
  }

 private:
  void change(u32 driven, u32 cut) {
    const bool before = level();
    driven_ = driven;
    cut_ = cut;
    if (level() == before) return;
    for (IrqLine* input : inputs_) input->set(!before);
  }

  std::deque<Driver> drivers_;
  std::vector<IrqLine*> inputs_;
  u32 driven_ = 0, cut_ = 0;  // a bit a driver
};

}  // namespace ringside
