// Owns a machine's state as rows of names and values.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cpu/arch/fields.h"

namespace ringside {

// A row is "group.group.name" and the value's bytes, the highest first, in hexadecimal.
class NamedFields final : public Fields {
 public:
  void group(std::string_view name) override { groups_.emplace_back(name); }
  void end() override { groups_.pop_back(); }
  void bytes(std::string_view name, void* data, std::size_t size) override {
    std::string path, value;
    for (const std::string& group : groups_) path += group + ".";
    for (std::size_t n = size; n-- > 0;) value += fmt::format("{:02x}", static_cast<const u8*>(data)[n]);
    rows.emplace_back(path + std::string(name), value);
  }
  std::vector<std::pair<std::string, std::string>> rows;

 private:
  std::vector<std::string> groups_;
};

}  // namespace ringside
