// Owns what kind of thing an image is, by its first bytes, and so by which flag it is booted.
#include "frontend/conform/suites/boot_words.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string_view>

namespace ringside::conform {
namespace {

namespace fs = std::filesystem;

// As flags have it, whose values have commas between.
std::string doubled_commas(std::string text) {
  for (auto at = text.find(','); at != std::string::npos; at = text.find(',', at + 2)) text.insert(at, ",");
  return text;
}

}  // namespace

std::vector<std::string> words_to_boot(const std::string& image, std::string& error) {
  std::error_code none;
  if (!fs::is_regular_file(image, none)) {
    error = fmt::format("{}: the image is not there; build it, or name another", image);
    return {};
  }
  constexpr std::size_t enough = 0x8006;
  std::string head(enough, '\0');
  std::ifstream file(image, std::ios::binary);
  file.read(head.data(), static_cast<std::streamsize>(enough));
  if (file.gcount() == 0) {
    error = fmt::format("{}: the image is empty or cannot be read; build it anew", image);
    return {};
  }
  const auto at = [&](std::size_t offset, std::string_view text) {
    return head.compare(offset, text.size(), text) == 0;
  };
  if (at(0, "\177ELF") || at(0x202, "HdrS")) return {"-kernel", image};
  if (at(0x8001, "CD001")) return {"-cdrom", image, "-boot", "order=d"};
  const std::uintmax_t bytes = fs::file_size(image, none);
  constexpr std::uintmax_t flash_unit = 64 << 10;
  if (at(510, "\x55\xaa") && bytes % flash_unit != 0)
    return {"-drive", fmt::format("file={},format=raw,if=ide,snapshot=on", doubled_commas(image))};
  return {"-bios", image};
}

}  // namespace ringside::conform
