// Owns the test of the installed library: a program in C that has the header only, by pkg-config and by
// CMake.
#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/cli/program.h"

using namespace ringside::cli;

namespace {

// False: the command failed, and its output is in `said`.
bool shell_runs(const Folder& folder, const std::string& command, std::string& said) {
  const std::string out = folder / "said";
  const bool good = std::system(("{ " + command + "\n} > " + out + " 2>&1").c_str()) == 0;
  said = read_file(out);
  return good;
}

}  // namespace

TEST_CASE("a program in C is built against what is installed, and runs") {
  const Folder folder;
  const std::string prefix = folder / "prefix", source = RINGSIDE_SOURCE_DIR "/tests/library";
  std::string said;
  if (!shell_runs(folder, "command -v cc && command -v pkg-config", said)) {
    MESSAGE("cc or pkg-config is not here: nothing was built");
    return;
  }
  REQUIRE_MESSAGE(
      shell_runs(folder, CMAKE_PROGRAM " --install " RINGSIDE_BINARY_DIR " --prefix " + prefix, said), said);
  // With sanitizers in the library, the program has them, too.
  const std::string flags = RINGSIDE_CLIENT_FLAGS,
                    libraries = prefix + "/lib:" + prefix + "/lib/x86_64-linux-gnu";
  const std::string built = "export LD_LIBRARY_PATH=" + libraries + " PKG_CONFIG_PATH=$(dirname $(find " +
                            prefix + " -name ringside.pc)); cc -std=c99 -Wall -Werror " + flags + " " +
                            source + "/client.c -o " + (folder / "client") +
                            " $(pkg-config --cflags --libs ringside) && " + (folder / "client");
  CHECK_MESSAGE(shell_runs(folder, built, said), said);
  CHECK(said == "good\n");
  const std::string by_cmake = CMAKE_PROGRAM " -S " + source + " -B " + (folder / "build") +
                               " -DCMAKE_C_FLAGS='" + flags + "' -DCMAKE_PREFIX_PATH=" + prefix +
                               " && " CMAKE_PROGRAM " --build " + (folder / "build") + " && " +
                               (folder / "build/client");
  CHECK_MESSAGE(shell_runs(folder, by_cmake, said), said);
}
