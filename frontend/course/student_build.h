// Owns the way from a student's files to an image: with the host's compiler, nasm and ld, and the kit.
#pragma once

#include <string>
#include <vector>

namespace ringside::course {

struct Toolchain {
  std::string compiler, assembler, linker;  // programs
};

// On a host that is no x86-64 the cross compiler of the same name. False and one line in `error`: what is
// missing, and the package that brings it.
bool find_toolchain(Toolchain& toolchain, std::string& error);

enum class BuildEnd { built, refused, failed };  // refused: by the student's sources; failed: by the host

// Makes `image` of `sources`, of the course's roms/kit and of its roms/course/common; their objects are kept
// for the next time. `said` is what the tools say, and `error` one line, unless it was built. A tool that
// does not end is ended.
BuildEnd build_image(const Toolchain& toolchain, const std::string& course,
                     const std::vector<std::string>& sources, const std::string& image, std::string& said,
                     std::string& error);

}  // namespace ringside::course
