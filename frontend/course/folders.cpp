// Owns the writing of a student's folder.
#include "frontend/course/folders.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "frontend/conform/running/last_runs.h"
#include "frontend/conform/suites/shell_words.h"

namespace ringside::course {
namespace {

namespace fs = std::filesystem;

// All that a student gets, by name. False: `error`.
bool texts_of(const Lesson& lesson, Version version, std::map<std::string, std::string>& texts,
              std::string& error) {
  for (const std::string& file : lesson.files) {
    std::string source;
    if (!read_text((fs::path(lesson.folder) / file).string(), source, error) ||
        !cut(file, source, version, texts[file], error))
      return false;
  }
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(lesson.folder, failure)) {
    const std::string name = entry.path().filename().string(), kind = entry.path().extension().string();
    if (kind != ".md" && kind != ".svg" && name != "watch.txt") continue;
    if (!read_text(entry.path().string(), texts[name], error)) return false;
  }
  return true;
}

}  // namespace

bool put_lesson(const Lesson& lesson, const std::string& folder, Version version, const Ask& ask,
                std::string& error) {
  std::map<std::string, std::string> texts;
  if (!texts_of(lesson, version, texts, error)) return false;
  const std::string other = lesson_in(folder);
  if (!other.empty() && other != lesson.name) {
    error = fmt::format("course: {} is the folder of lesson {}; name another folder", folder, other);
    return false;
  }
  std::vector<std::string> theirs;
  std::error_code failure;
  for (const auto& [name, text] : texts) {
    std::string there, none;
    const fs::path path = fs::path(folder) / name;
    if (fs::exists(fs::symlink_status(path, failure)) &&
        (!read_text(path.string(), there, none) || there != text))
      theirs.push_back(path.string());
  }
  if (!theirs.empty() && !ask(theirs)) return false;
  texts[mark_file] = lesson.name + "\n";
  for (const auto& [name, text] : texts) {
    std::string why;
    const std::string path = (fs::path(folder) / name).string();
    if (conform::keep_file(path, text, why)) continue;
    error = fmt::format("course: {}: {}; name another folder", path, why);
    return false;
  }
  return true;
}

std::string lesson_in(const std::string& folder) {
  std::string name, none;
  if (!read_text((fs::path(folder) / mark_file).string(), name, none)) return "";
  return name.substr(0, name.find('\n'));
}

bool find_sources(const Lesson& lesson, const std::string& folder, std::vector<std::string>& sources,
                  std::string& error) {
  for (const std::string& file : lesson.files) {
    sources.push_back((fs::path(folder) / file).string());
    std::error_code none;
    if (fs::is_regular_file(sources.back(), none)) continue;
    error = fmt::format("course: {}: there is no such file; ringside course reset {} {} brings it back",
                        sources.back(), lesson.number, conform::quoted(folder));
    return false;
  }
  return true;
}

std::string number_of_sources(const Lesson& lesson, const std::string& folder) {
  std::string all;
  for (const std::string& file : lesson.files) {
    std::string text, none;
    read_text((fs::path(folder) / file).string(), text, none);
    all += text;
  }
  return conform::name_of(all);
}

bool is_solution(const Lesson& lesson, const std::string& folder) {
  return std::all_of(lesson.files.begin(), lesson.files.end(), [&](const std::string& file) {
    std::string source, solution, theirs, none;
    return read_text((fs::path(lesson.folder) / file).string(), source, none) &&
           cut(file, source, Version::solution, solution, none) &&
           read_text((fs::path(folder) / file).string(), theirs, none) && theirs == solution;
  });
}

}  // namespace ringside::course
