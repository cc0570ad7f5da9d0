// Owns running Debian's gdb in batch mode on a machine of the program's, and looking at what it says.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <regex>

#include "tests/cli/program.h"

namespace ringside::cli {

inline bool gdb_is_there() {
  if (std::system("gdb --version >/dev/null 2>&1") == 0) return true;
  MESSAGE("skipped: there is no gdb on this host; apt-get install gdb");
  return false;
}

// What a command of the shell prints.
inline std::string output_of(const std::string& line) {
  const std::unique_ptr<FILE, int (*)(FILE*)> command(popen(line.c_str(), "r"), pclose);
  REQUIRE(command);
  std::string text;
  std::array<char, 4096> chunk;
  while (const std::size_t got = fread(chunk.data(), 1, chunk.size(), command.get()))
    text.append(chunk.data(), got);
  return text;
}

// What gdb says when it runs these commands on a machine that stands still at its start.
inline std::string gdb_on(const std::vector<std::string>& image, const std::string& commands,
                          const std::string& kind = "remote") {
  const Folder folder;
  const std::string place = folder / "gdb.socket";
  std::vector<std::string> words = {"-gdb", "unix:" + place, "-S", "-serial", "null", "-timeout", "100"};
  words.insert(words.end(), image.begin(), image.end());
  Running machine(words, Running::With::pipes);
  REQUIRE(machine.wait_for("waiting for gdb"));
  const std::string script = folder.write("script",
                                          "set confirm off\nset pagination off\nset width 0\n"
                                          "set remotetimeout 60\ntarget " +
                                              kind + " " + place + "\n" + commands);
  return output_of("timeout 90 gdb -nx -batch -x '" + script + "' 2>&1 </dev/null");
}

// The same on the visor, with its symbols.
inline std::string gdb_says(const std::string& commands, const std::vector<std::string>& flags = {}) {
  std::vector<std::string> image = {"-bios", RINGSIDE_BINARY_DIR "/roms/visor.bin"};
  image.insert(image.end(), flags.begin(), flags.end());
  return gdb_on(image, "symbol-file " RINGSIDE_BINARY_DIR "/roms/visor.elf\n" + commands);
}

// Checks that the text has each of the patterns somewhere.
inline void check_says(const std::string& text, std::initializer_list<const char*> patterns) {
  CAPTURE(text);
  for (const char* const pattern : patterns) {
    CAPTURE(std::string(pattern));
    CHECK(std::regex_search(text, std::regex(pattern)));
  }
}

}  // namespace ringside::cli
