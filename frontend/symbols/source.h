// Owns the text of source files: where they lie on this machine, however the compiler was told their names.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

class SourceFiles {
 public:
  // A folder that holds sources, or folders of them. The one that was added last is asked first.
  // False: there is no such folder, which `why` says.
  bool add_folder(const std::string& folder, std::string& why);
  void forget_folders() { folders_.clear(); }
  const std::vector<std::string>& folders() const { return folders_; }

  // Where a file is that debugging information calls `recorded`: there, or under one of the folders by as
  // much of the end of its path as is found. nullopt: nowhere.
  std::optional<std::string> find(const std::string& recorded) const;

  struct Lines {
    unsigned first = 1;  // the number of text[0]
    unsigned last = 0;   // of the file's last line; 0: the file is empty
    std::vector<std::string> text;
  };
  // Up to `count` lines from `first` on, 1 is the file's first. nullopt: `why` says so in one line, with the
  // cure.
  std::optional<Lines> read(const std::string& recorded, unsigned first, unsigned count,
                            std::string& why) const;
  // One line; empty: it is not there.
  std::string line(const std::string& recorded, unsigned number) const;

 private:
  std::vector<std::string> folders_;
};

}  // namespace ringside
