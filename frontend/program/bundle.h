// Owns bundles: a recorded run in one file, with all that it takes to look at it on another machine.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "frontend/machine/scratch_folder.h"
#include "frontend/program/options.h"

namespace ringside {

// What goes into one, beside the recording and its images.
struct BundleWords {
  std::string note;     // of who packs it
  std::string ending;   // how the run ended, one line
  std::string console;  // what the guest printed on its first serial port
  std::string looked;   // what the debugger says of the end
  bool images = true;   // false: their hashes alone
};

// Packs the recording of `run`, which replays it: options() of it have found all images. What was packed, and
// what was not, is in `summary`, a line each. False: one line in `error`.
bool pack_bundle(const std::string& path, const RunOptions& run, const BundleWords& words,
                 std::vector<std::string>& summary, std::string& error);

// One that was opened: its files are in a folder of their own, as long as this lives.
class OpenBundle {
 public:
  // Whether the file begins as one; false also if it cannot be read.
  static bool is_one(const std::string& path);
  // nullptr: one line in `error` that begins with the path.
  static std::shared_ptr<const OpenBundle> open(const std::string& path, std::string& error);

  std::string recording() const { return folder_ / "recording"; }
  // Where an image of this hash is; empty: it is not in the bundle.
  std::string image(const std::string& hash) const;
  const std::vector<SymbolFile>& symbols() const { return symbols_; }

 private:
  OpenBundle() = default;
  ScratchFolder folder_{"bundle"};
  std::map<std::string, std::string> images_;
  std::vector<SymbolFile> symbols_;
};

}  // namespace ringside
