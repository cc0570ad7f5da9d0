// Owns a visitor that keeps fields and gives them back, for the tests of what is saved.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cpu/arch/fields.h"

namespace ringside::test {

class KeptFields final : public Fields {
 public:
  void bytes(std::string_view name, void* data, std::size_t size) override {
    u8* const at = static_cast<u8*>(data);
    if (!giving_back_) {
      kept_.push_back({std::string(name), std::vector<u8>(at, at + size)});
      return;
    }
    REQUIRE(next_ < kept_.size());
    const Kept& field = kept_[next_++];
    REQUIRE(field.name == name);
    REQUIRE(field.bytes.size() == size);
    std::copy(field.bytes.begin(), field.bytes.end(), at);
  }
  bool restoring() const override { return giving_back_; }
  void give_back() {
    giving_back_ = true;
    next_ = 0;
  }
  bool all_given() const { return next_ == kept_.size(); }
  bool operator==(const KeptFields& other) const { return kept_ == other.kept_; }

 private:
  struct Kept {
    std::string name;
    std::vector<u8> bytes;
    bool operator==(const Kept&) const = default;
  };
  std::vector<Kept> kept_;
  bool giving_back_ = false;
  std::size_t next_ = 0;
};

}  // namespace ringside::test
