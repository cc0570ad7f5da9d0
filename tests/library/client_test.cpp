// Owns the test of the installed library: a program in C that has the header only, by pkg-config and by
// CMake.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>

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
  const std::string example = "export LD_LIBRARY_PATH=" + libraries + " PKG_CONFIG_PATH=$(dirname $(find " +
                              prefix + " -name ringside.pc)); cc -std=c99 -Wall -Werror " + flags +
                              " " RINGSIDE_SOURCE_DIR "/frontend/library/examples/exits.c -o " +
                              (folder / "exits") + " $(pkg-config --cflags --libs ringside) && " +
                              (folder / "exits") +
                              " -bios " RINGSIDE_BINARY_DIR "/roms/visor.bin | tail -n 2";
  CHECK_MESSAGE(shell_runs(folder, example, said), said);
  CHECK_MESSAGE(said.find("VM exit, reason 2: Triple fault, guest RIP 0x") != said.npos, said);
  CHECK_MESSAGE(said.find("\n42 exits; power-off\n") != said.npos, said);
  const std::string by_cmake = CMAKE_PROGRAM " -S " + source + " -B " + (folder / "build") +
                               " -DCMAKE_C_FLAGS='" + flags + "' -DCMAKE_PREFIX_PATH=" + prefix +
                               " && " CMAKE_PROGRAM " --build " + (folder / "build") + " && " +
                               (folder / "build/client");
  CHECK_MESSAGE(shell_runs(folder, by_cmake, said), said);
}

TEST_CASE("the library shows its two faces and nothing else, and the C face keeps its functions") {
  const Folder folder;
  std::string said;
  if (!shell_runs(folder, "command -v nm", said)) {
    MESSAGE("nm is not here: the library's symbols were not looked at");
    return;
  }
  // A function that is gone or new is a change of the ABI: a new one belongs into the list, with a higher
  // ringside_api_version.
  REQUIRE_MESSAGE(shell_runs(folder, "nm -D --defined-only " RINGSIDE_BINARY_DIR "/libringside.so", said),
                  said);
  std::set<std::string> exported, listed, others;
  std::istringstream lines(said);
  for (std::string line; std::getline(lines, line);) {
    std::string symbol = line.substr(line.find_last_of(' ') + 1);
    symbol.resize(std::min(symbol.find('@'), symbol.size()));
    const bool of_instance = symbol.find("8ringside8Instance") != symbol.npos;
    if (symbol.starts_with("ringside_"))
      exported.insert(symbol);
    else if (!of_instance && symbol != "RINGSIDE_1" && !symbol.starts_with("_ZN8ringside4nameE"))
      others.insert(symbol);
  }
  unsigned newest = 0;
  std::istringstream list(read_file(RINGSIDE_SOURCE_DIR "/tests/library/functions.txt"));
  unsigned since = 0;
  for (std::string name; list >> since >> name;) {
    listed.insert(name);
    newest = std::max(newest, since);
  }
  CHECK(exported == listed);
  CHECK(others.empty());
  const std::string header = read_file(RINGSIDE_SOURCE_DIR "/frontend/library/ringside.h");
  CHECK(header.find("ringside_api_version = " + std::to_string(newest) + " ") != header.npos);
  for (const std::string& name : listed) CHECK_MESSAGE(header.find(name + "(") != header.npos, name);
}
