// Owns a folder for temporary files, which goes away with what is in it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace ringside {

class ScratchFolder {
 public:
  // `what` stands in its name.
  explicit ScratchFolder(const std::string& what) {
    std::error_code none;
    std::string name =
        (std::filesystem::temp_directory_path(none) / ("ringside-" + what + "-XXXXXX")).string();
    if (mkdtemp(name.data())) path_ = name;
  }
  ~ScratchFolder() {
    std::error_code none;
    if (!path_.empty()) std::filesystem::remove_all(path_, none);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  bool there() const { return !path_.empty(); }  // false: none could be made
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace ringside
