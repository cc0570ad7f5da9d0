// Owns the bytes of a file that is to be loaded, and reading them without ever leaving the file.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

struct Image {
  std::string name;  // as the user gave it: for messages
  std::vector<u8> bytes;

  u64 size() const { return bytes.size(); }
  bool covers(u64 offset, u64 count) const { return offset <= size() && count <= size() - offset; }
  // The little-endian value at `offset`; 0 if it does not lie wholly inside the file.
  template <class T>
  T at(u64 offset) const {
    T value = 0;
    if (covers(offset, sizeof(T))) std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
  }
  bool starts_with(std::string_view magic) const {
    return covers(0, magic.size()) && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
  }
};

// Reads a whole file (or what a pipe delivers) of at most `limit` bytes. False: one line in `error` that
// names the file and the cure. `role` says what the file is for: "kernel", "initrd".
bool read_image(const std::string& name, std::string_view role, u64 limit, Image& image, std::string& error);

}  // namespace ringside
