// Owns the rule that no file is two things in one run: an output is neither an input nor another output.
#pragma once

#include <string>
#include <string_view>

#include "frontend/program/options.h"

namespace ringside {

// Files are told apart by what they are, not by their names: hard and symbolic links, "./k.elf" and "k.elf"
// are one. Pipes, terminals and devices may be many things. False: one line in `error`; nothing was opened.
bool check_files(const RunOptions& options, std::string& error);
// The same for one more output, which `what` names to people.
bool check_one_more(const RunOptions& options, std::string_view what, const std::string& path,
                    std::string& error);

}  // namespace ringside
