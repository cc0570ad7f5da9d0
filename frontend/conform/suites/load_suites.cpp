// Owns how suites are found: a file of one of the kinds, an image with its expectation, a folder of them.
#include "frontend/conform/suites/load_suites.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "frontend/conform/suites/boot_words.h"
#include "frontend/conform/suites/toml_suite.h"
#include "frontend/conform/suites/unittests_cfg.h"

namespace ringside::conform {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t longest_suite = 16 << 20;
constexpr std::string_view beside = ".expect";

bool read_whole(const std::string& path, std::string& text, std::string& error) {
  std::error_code failure;
  const std::uintmax_t bytes = fs::file_size(path, failure);
  std::ifstream file(path, std::ios::binary);
  if (failure || !file) {
    error = fmt::format("{}: it cannot be read; name a suite", path);
  } else if (bytes > longest_suite) {
    error = fmt::format("{}: longer than a suite is ({} bytes at most); name a suite", path, longest_suite);
  } else {
    text.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return error.empty();
}

bool is_suite(const fs::path& path) { return path.extension() == ".cfg" || path.extension() == ".toml"; }

// Those of the folder, by their names.
bool load_folder(const std::string& folder, std::vector<Test>& tests, std::string& error) {
  std::vector<std::string> found;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    std::error_code none;
    const fs::path expectation = entry.path().string() + std::string(beside);
    if (entry.is_regular_file(none) && (is_suite(entry.path()) || fs::is_regular_file(expectation, none)))
      found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end());
  if (failure || found.empty()) {
    error = fmt::format(
        "{}: no suite in this folder; it wants unittests.cfg, NAME.toml, or IMAGE.expect beside IMAGE",
        folder);
    return false;
  }
  return std::all_of(found.begin(), found.end(),
                     [&](const std::string& path) { return load_suite(path, tests, error); });
}

}  // namespace

Test image_test(const std::string& image, std::string_view expectation) {
  constexpr double usual_seconds = 600;
  Test test;
  test.suite = image;
  test.name = fs::path(image).filename().string();
  test.place = image + std::string(beside);
  test.image = image;
  test.limits.host_seconds = usual_seconds;
  test.words = words_to_boot(image, test.broken);
  std::istringstream lines{std::string(expectation)};
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    if (line.starts_with("! ")) {
      test.absent.push_back(line.substr(2));
    } else {
      test.expect.push_back(line);
    }
  }
  if (test.expect.empty() && test.broken.empty())
    test.broken = fmt::format("{}: no expectation in it; write a pattern that a line must match", test.place);
  return test;
}

bool load_suite(const std::string& place, std::vector<Test>& tests, std::string& error) {
  std::error_code none;
  if (fs::is_directory(place, none)) return load_folder(place, tests, error);
  if (!fs::exists(place, none)) {
    error = fmt::format("{}: no such suite; name a file or a folder", place);
    return false;
  }
  std::string text;
  const fs::path path(place);
  if (!is_suite(path)) {
    if (!fs::is_regular_file(place + std::string(beside), none)) {
      error = fmt::format("{}: an image wants its expectation beside it; write patterns into {}{}", place,
                          place, beside);
      return false;
    }
    if (!read_whole(place + std::string(beside), text, error)) return false;
    tests.push_back(image_test(place, text));
    return true;
  }
  if (!read_whole(place, text, error)) return false;
  if (path.extension() == ".toml") return read_toml_suite(place, text, tests, error);
  const auto read = read_unittests_cfg(place, text, cfg_surroundings(place));
  if (read.empty()) error = fmt::format("{}: no test in it; one begins with [NAME]", place);
  tests.insert(tests.end(), read.begin(), read.end());
  return error.empty();
}

}  // namespace ringside::conform
