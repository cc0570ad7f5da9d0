// Owns the two forms in which other programs read which code ran, drcov and lcov: written, read, and added
// up.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

// What a block's place is counted from: an image, or a piece of 4 GiB.
struct DrcovModule {
  std::string path;
  u64 low = 0, high = 0, entry = 0;
  auto operator<=>(const DrcovModule&) const = default;
};
struct DrcovBlock {
  u32 offset = 0;
  u16 bytes = 0, module = 0;
  auto operator<=>(const DrcovBlock&) const = default;
};
std::string drcov_text(const std::vector<DrcovModule>& modules, const std::vector<DrcovBlock>& blocks);

// A source file's record: how many runs met each line, and entered each function.
struct LcovFile {
  struct Function {
    unsigned line = 0;
    u64 count = 0;
  };
  std::map<unsigned, u64> lines;
  std::map<std::string, Function> functions;
};
// By the files' paths.
std::string lcov_text(const std::map<std::string, LcovFile>& files);

// What files of one form say together: the blocks that ran in any of them, the sums of lcov's counts. The
// order in which they are added makes no difference.
class CodeCoverageSum {
 public:
  // Whether the bytes begin as such a file does.
  static bool recognizes(std::string_view bytes);
  // False, and nothing of it was added: `error` says what is wrong, without the file's name.
  bool add(std::string_view bytes, std::string& error);
  // Of the form that was added; empty: nothing was.
  std::string text() const;

 private:
  bool add_drcov(std::string_view bytes, std::string& error);
  bool add_lcov(std::string_view bytes, std::string& error);

  bool drcov_ = false, lcov_ = false;
  std::map<DrcovModule, std::vector<DrcovBlock>> blocks_;  // sorted, each once
  std::map<std::string, LcovFile> files_;
};

}  // namespace ringside
