// Owns the list of modules that multiboot and PVH kernels are given.
#pragma once

#include "frontend/machine/load_protocols.h"

namespace ringside {

// The modules that an -initrd names, each "file args". One file whose name has a comma or a blank in it is
// taken for what it is, and `whole` says so.
std::vector<std::string> module_items(const std::string& initrd, bool& whole);

struct LoadedModule {
  u64 address, bytes;
  u64 command_line;  // address of the string: the file's name without its folder, and arguments
  std::string text;  // the same
};

// Reads the modules of request.initrd, "file args,file args" (",," is a comma in an argument), and plans each
// at the first free page from `from` on, below 4 GiB. False: job.error names the file, what is wrong and the
// cure.
bool load_modules(const LoadJob& job, u64 from, std::vector<LoadedModule>& modules);

// "name args": what multiboot kernels get as their command line. The name has no folder, so that a guest is
// the same wherever its files lie.
std::string command_line_with_name(const LoadJob& job);

}  // namespace ringside
