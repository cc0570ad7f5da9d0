// Owns the typing of a text into a machine, as fast as a quick person.
#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "frontend/machine/machine.h"
#include "frontend/screen/keys.h"

namespace ringside {

class Typist {
 public:
  void add(std::vector<TypedStep> steps) { steps_.insert(steps_.end(), steps.begin(), steps.end()); }
  bool done() const { return steps_.empty(); }
  // Who takes the pictures; without it they are left out.
  void on_picture(std::function<void(Machine&, const std::string& file)> take) { picture_ = std::move(take); }
  // <quit> was typed; what stood behind it is forgotten.
  bool quit() const { return quit_; }

  // Offers what is due by the machine's virtual time, between two calls of run(). `idle`: that time stands
  // still, and waiting for it would be for ever. True: something went.
  bool type(Machine& machine, bool idle);

 private:
  static constexpr double between = 0.01;  // seconds from stroke to stroke

  enum class Step : u8 { waits, passed, pressed };
  Step step(Machine& machine, bool idle);

  std::deque<TypedStep> steps_;
  std::function<void(Machine&, const std::string&)> picture_;
  bool quit_ = false;
  double next_ = 0;
};

}  // namespace ringside
