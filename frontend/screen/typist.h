// Owns the typing of a text into a machine, as fast as a quick person.
#pragma once

#include <deque>
#include <vector>

#include "frontend/machine/machine.h"
#include "frontend/screen/keys.h"

namespace ringside {

class Typist {
 public:
  void add(std::vector<TypedStep> steps) { steps_.insert(steps_.end(), steps.begin(), steps.end()); }
  bool done() const { return steps_.empty(); }

  // Offers what is due by the machine's virtual time, between two calls of run(). `idle`: that time stands
  // still, and waiting for it would be for ever. True: something went.
  bool type(Machine& machine, bool idle);

 private:
  static constexpr double between = 0.01;  // seconds from stroke to stroke

  enum class Step : u8 { waits, passed, pressed };
  Step step(Machine& machine, bool idle);

  std::deque<TypedStep> steps_;
  double next_ = 0;
};

}  // namespace ringside
