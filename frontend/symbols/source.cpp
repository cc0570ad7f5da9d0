// Owns the search for source files and the reading of their lines.
#include "frontend/symbols/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace ringside {
namespace {

namespace fs = std::filesystem;

bool is_file(const fs::path& path) {
  std::error_code problem;
  return fs::is_regular_file(path, problem);
}

}  // namespace

bool SourceFiles::add_folder(const std::string& folder, std::string& why) {
  std::error_code problem;
  if (!fs::is_directory(folder, problem)) {
    why = fmt::format("{}: {}", folder,
                      fs::exists(folder, problem) ? "not a folder" : "there is no such folder");
    return false;
  }
  std::erase(folders_, folder);
  folders_.insert(folders_.begin(), folder);
  return true;
}

std::optional<std::string> SourceFiles::find(const std::string& recorded) const {
  const fs::path path = fs::path(recorded).lexically_normal();
  if (is_file(path)) return path.string();
  const fs::path inside = path.relative_path();
  const auto parts = std::distance(inside.begin(), inside.end());
  for (std::ptrdiff_t skipped = 0; skipped < parts; ++skipped) {
    fs::path end;
    for (auto part = std::next(inside.begin(), skipped); part != inside.end(); ++part) end /= *part;
    // What leads out of the folder again is not under it.
    if (end.begin() != end.end() && *end.begin() == "..") continue;
    for (const std::string& folder : folders_) {
      if (is_file(folder / end)) return (folder / end).string();
    }
  }
  return std::nullopt;
}

std::optional<SourceFiles::Lines> SourceFiles::read(const std::string& recorded, unsigned first,
                                                    unsigned count, std::string& why) const {
  const auto path = find(recorded);
  if (!path) {
    why = fmt::format("{} is not here; directory FOLDER says where its sources are", recorded);
    return std::nullopt;
  }
  std::ifstream in(*path);
  if (!in) {
    why = fmt::format("{} cannot be read", *path);
    return std::nullopt;
  }
  Lines lines;
  lines.first = std::max(first, 1u);
  for (std::string text; std::getline(in, text);) {
    ++lines.last;
    if (lines.last < lines.first || lines.text.size() >= count) continue;
    if (text.ends_with('\r')) text.pop_back();
    lines.text.push_back(std::move(text));
  }
  if (!lines.text.empty() || count == 0) return lines;
  why = fmt::format("{} has {} lines", *path, lines.last);
  return std::nullopt;
}

std::string SourceFiles::line(const std::string& recorded, unsigned number) const {
  std::string why;
  auto lines = number ? read(recorded, number, 1, why) : std::nullopt;
  return lines ? std::move(lines->text.front()) : std::string();
}

}  // namespace ringside
