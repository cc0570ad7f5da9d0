// Owns reading a file to be loaded, and the words for what can be wrong with it.
#include "frontend/machine/load_image.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>

#include <fmt/format.h>

namespace ringside {

bool read_image(const std::string& name, std::string_view role, u64 limit, Image& image, std::string& error) {
  image.name = name;
  image.bytes.clear();
  std::error_code status_error;
  if (std::filesystem::is_directory(name, status_error)) {
    error = fmt::format("{}: is a directory; give the {}'s file", name, role);
    return false;
  }
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(name.c_str(), "rb"), &std::fclose);
  if (!file) {
    const int why = errno;
    error = why == ENOENT ? fmt::format("{}: no such file; could not load {}, check its path", name, role)
            : why == EACCES
                ? fmt::format("{}: may not be read; give yourself the right to read the {}", name, role)
                : fmt::format("{}: cannot be opened as the {}: {}", name, role, std::strerror(why));
    return false;
  }
  // A regular file comes in one piece, with room for a byte more, which shows its end.
  const u64 known = std::filesystem::file_size(name, status_error);
  constexpr u64 usual_step = u64{1} << 20;
  std::size_t step = status_error ? usual_step : std::max<u64>(std::min(known, limit) + 1, page_bytes);
  while (true) {
    const std::size_t have = image.bytes.size();
    image.bytes.resize(have + step);
    const std::size_t got = std::fread(image.bytes.data() + have, 1, step, file.get());
    image.bytes.resize(have + got);
    if (image.bytes.size() > limit) {
      error = fmt::format("{}: the {} is larger than the machine's memory; give the machine more with -m",
                          name, role);
      return false;
    }
    if (got < step) break;
    step = usual_step;
  }
  if (std::ferror(file.get())) {
    error = fmt::format("{}: cannot be read to its end: {}", name, std::strerror(errno));
    return false;
  }
  if (image.bytes.empty()) {
    error = fmt::format("{}: is empty, and no {}; check its path", name, role);
    return false;
  }
  return true;
}

}  // namespace ringside
