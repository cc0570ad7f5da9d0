// Owns the files that a run's machine is made of: which they are, what is in them, and where they are found
// again.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "frontend/program/options.h"
#include "frontend/replay/recording.h"

namespace ringside {

// A file, or a folder that is shown as a disk, in the options of a run.
struct ImagePlace {
  std::string role, path;
  std::function<void(RunOptions& options, const std::string& path)> set;
};

// In an order that follows from the flags alone.
std::vector<ImagePlace> image_places(const RunOptions& options);

// What they hold now. False: one cannot be read; `error` names it.
bool look_at_images(const RunOptions& options, std::vector<RecordedImage>& images, std::string& error);

// The options name the recorded images from here on: each is looked for where it was, beside the file
// `beside`, and in `folders`, but first in the bundle of `options`. Where each was is put behind `found`.
// False: one is not there or holds something else; `error` names it and the cure.
bool find_images(const std::vector<RecordedImage>& images, const std::string& beside,
                 const std::vector<std::string>& folders, RunOptions& options, std::string& error,
                 std::vector<std::string>* found = nullptr);

}  // namespace ringside
