// Owns where Debian's packages put the media that tests boot, and what is said where one is not installed.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

namespace ringside::cli {

// Of the package debian-installer-12-netboot-amd64: the graphical installer's kernel, linux, and initrd.gz.
inline const std::string installer = "/usr/lib/debian-installer/images/12/amd64/gtk/debian-installer/amd64/";

// False: the test is skipped, with a line.
inline bool is_there(const std::string& file, const char* package) {
  if (std::filesystem::exists(file)) return true;
  MESSAGE("skipped: ", file, " is not there; install ", package);
  return false;
}
inline bool has_seabios() { return is_there("/usr/share/seabios/bios-256k.bin", "seabios"); }

}  // namespace ringside::cli
