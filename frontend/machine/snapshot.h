// Owns the form of a saved state: fields as bytes with their names checked, and the two visitors that write
// and read them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cpu/arch/fields.h"

namespace ringside {

class FieldWriter final : public Fields {
 public:
  explicit FieldWriter(std::vector<u8>& out) : out_(out) {}
  void bytes(std::string_view name, void* data, std::size_t size) override;

 private:
  std::vector<u8>& out_;
};

// Fields that are missing, or of another name or size, stay as they are; ok() is false from then on.
class FieldReader final : public Fields {
 public:
  explicit FieldReader(std::span<const u8> in) : in_(in) {}
  void bytes(std::string_view name, void* data, std::size_t size) override;
  bool restoring() const override { return true; }
  u64 room() const override { return in_.size() / 3; }  // a field takes three bytes at least

  bool ok() const { return ok_; }
  bool at_end() const { return in_.empty(); }

 private:
  std::span<const u8> in_;
  bool ok_ = true;
};

}  // namespace ringside
