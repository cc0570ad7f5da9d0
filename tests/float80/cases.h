// Owns how the 80-bit tests count: how many cases a run takes, and the first mismatches in words.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "cpu/exec/x87/float80.h"
#include "tests/soak.h"

namespace ringside {

// `normal` cases in an ordinary run; more in a soak.
inline int cases(int normal) { return normal * static_cast<int>(soak_factor()); }

inline std::string show(Float80 v) { return fmt::format("{:04x}:{:016x}", v.sign_exponent, v.significand); }

class Mismatches {
 public:
  explicit Mismatches(std::string name) : name_(std::move(name)) {}
  template <class Describe>
  void check(bool good, Describe&& describe) {
    if (good) return;
    if (count_++ < 8) MESSAGE(name_ << " " << describe());
  }
  int count() const { return count_; }

 private:
  std::string name_;
  int count_ = 0;
};

}  // namespace ringside
