// Owns a file that appears whole under its name, with its bytes on the disk, or not at all.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "cpu/arch/types.h"

namespace ringside {

// It grows beside the one that it will replace.
class NewFile {
 public:
  // nullptr: one line in `error` that names the file and the cure.
  static std::unique_ptr<NewFile> create(const std::string& path, std::string& error);
  ~NewFile();  // what was not finished is gone
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  // A failure of the host's is told by finish(); nothing is written from then on.
  void append(const void* data, std::size_t size);
  void write_at(u64 at, const void* data, std::size_t size);
  u64 bytes() const { return bytes_; }
  bool failed() const { return failure_ != 0; }
  void fail(int why) { failure_ = why; }  // an errno
  // It is on the disk, and has its name. False: `error`, and what had the name before is as it was.
  bool finish(std::string& error);

 private:
  NewFile(std::string path, std::string part, int file);

  std::string path_, part_;
  int file_;
  int failure_ = 0;  // errno of the first thing that the host could not do
  u64 bytes_ = 0;
};

}  // namespace ringside
