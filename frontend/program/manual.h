// Owns the texts that an installation brings along: the man page, and the completion of command lines in
// bash.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringside {

struct FlagHelp {
  std::string_view name, argument, help;
};
// A subcommand as help shows it. `arguments` is "[FLAG...]" of a run, or the words it takes: "[one|other]";
// or `flags` are its own, beside files.
struct SubcommandHelp {
  std::string_view name, arguments, help;
  std::vector<FlagHelp> flags = {};
};

// ringside(1) in roff, made of the subcommands and of option_table().
std::string man_page(std::span<const SubcommandHelp> subcommands);

// A script for bash that completes subcommands, flags, files, CPU models, features and devices.
std::string bash_completion(std::span<const SubcommandHelp> subcommands);

}  // namespace ringside
