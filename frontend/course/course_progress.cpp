// Owns the file of a student's progress.
#include "frontend/course/course_progress.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "frontend/conform/running/last_runs.h"

namespace ringside::course {
namespace {

namespace fs = std::filesystem;

// A value of the wrong kind is as none.
template <class T>
void take(const nlohmann::json& from, const char* name, T& to) {
  const auto found = from.find(name);
  if (found == from.end()) return;
  if constexpr (std::is_same_v<T, std::string>) {
    if (found->is_string()) to = found->get<std::string>();
  } else if constexpr (std::is_same_v<T, bool>) {
    if (found->is_boolean()) to = found->get<bool>();
  } else {
    if (found->is_number_unsigned()) to = found->get<T>();
  }
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n") == text.npos) return text;
  std::string cell = "\"";
  for (const char c : text) cell += c == '"' ? "\"\"" : std::string(1, c);
  return cell + "\"";
}

// The letter keeps spreadsheets from reading 16 digits, or 12e3456, as a number.
std::string cell_of_sources(const LessonProgress& progress) {
  return progress.sources.empty() ? "" : "s" + progress.sources;
}

}  // namespace

std::string progress_file() {
  const char* const data = std::getenv("XDG_DATA_HOME");
  if (data && data[0] == '/') return (fs::path(data) / "ringside/course.json").string();
  const char* const home = std::getenv("HOME");
  return home && home[0] == '/' ? (fs::path(home) / ".local/share/ringside/course.json").string() : "";
}

Progress load_progress() {
  Progress progress;
  std::string text, none;
  if (progress_file().empty() || !read_text(progress_file(), text, none)) return progress;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return progress;
  take(json, "last", progress.last);
  const auto lessons = json.find("lessons");
  if (lessons == json.end() || !lessons->is_object()) return progress;
  for (const auto& [name, kept] : lessons->items()) {
    if (!kept.is_object()) continue;
    LessonProgress& lesson = progress.lessons[name];
    take(kept, "folder", lesson.folder);
    take(kept, "checks", lesson.checks);
    take(kept, "hints", lesson.hints);
    take(kept, "tests", lesson.tests);
    take(kept, "passed_tests", lesson.passed_tests);
    take(kept, "passed", lesson.passed);
    take(kept, "day", lesson.day);
    take(kept, "sources", lesson.sources);
  }
  return progress;
}

bool save_progress(const Progress& progress, std::string& error) {
  const std::string path = progress_file();
  if (path.empty()) {
    error = "course: progress is not kept, because neither HOME nor XDG_DATA_HOME names a folder";
    return false;
  }
  nlohmann::json json = {{"last", progress.last}, {"lessons", nlohmann::json::object()}};
  for (const auto& [name, lesson] : progress.lessons) {
    json["lessons"][name] = {{"folder", lesson.folder}, {"checks", lesson.checks},
                             {"hints", lesson.hints},   {"tests", lesson.tests},
                             {"passed", lesson.passed}, {"passed_tests", lesson.passed_tests},
                             {"day", lesson.day},       {"sources", lesson.sources}};
  }
  constexpr auto other = nlohmann::json::error_handler_t::replace;
  std::string why;
  if (conform::keep_file(path, json.dump(1, ' ', false, other) + "\n", why)) return true;
  error = fmt::format("course: progress is not kept: {}: {}", path, why);
  return false;
}

std::string state_of(const LessonProgress& progress) {
  if (progress.passed) return "passed";
  if (progress.checks > 0) return fmt::format("{} of {}", progress.passed_tests, progress.tests);
  return progress.folder.empty() ? "" : "started";
}

std::string moodle_csv(std::span<const Lesson> lessons, const Progress& progress,
                       const std::string& student) {
  std::string head = "student", row = csv_cell(student);
  for (const Lesson& lesson : lessons) {
    head += fmt::format(",Lesson {}", lesson.number);
    const auto found = progress.lessons.find(lesson.name);
    const LessonProgress own = found == progress.lessons.end() ? LessonProgress() : found->second;
    if (own.passed)
      row += ",100";
    else if (own.checks > 0)
      row += fmt::format(",{}", own.tests == 0 ? 0 : 100 * own.passed_tests / own.tests);
    else
      row += ",";  // no grade
  }
  return head + "\n" + row + "\n";
}

std::string classroom_json(std::span<const Lesson> lessons) {
  constexpr int seconds = 120, points = 100;  // the compiler takes most of the time
  auto tests = nlohmann::ordered_json::array();
  for (const Lesson& lesson : lessons)
    tests.push_back({{"name", fmt::format("Lesson {}: {}", lesson.number, lesson.title)},
                     {"type", "run"},
                     {"run", fmt::format("ringside course check {} {}", lesson.number, lesson.name)},
                     {"timeout", seconds},
                     {"points", points}});
  return tests.dump(2) + "\n";
}

std::string progress_csv(std::span<const Lesson> lessons, const Progress& progress) {
  std::string text = "lesson,title,state,tests,passed,checks,hints,day,sources\n";
  for (const Lesson& lesson : lessons) {
    const auto found = progress.lessons.find(lesson.name);
    const LessonProgress own = found == progress.lessons.end() ? LessonProgress() : found->second;
    text += fmt::format("{},{},{},{},{},{},{},{},{}\n", lesson.name, csv_cell(lesson.title), state_of(own),
                        own.tests, own.passed_tests, own.checks, own.hints, own.day, cell_of_sources(own));
  }
  return text;
}

}  // namespace ringside::course
