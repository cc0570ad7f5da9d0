// Owns the reading of lesson.toml.
#include "frontend/course/lessons.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "frontend/conform/suites/toml_value.h"

namespace ringside::course {
namespace {

namespace fs = std::filesystem;
using conform::TomlValue;
using Kind = TomlValue::Kind;

// A lesson.toml while it is read: the first slip ends it.
class Reader {
 public:
  Reader(std::string path, std::string& error) : path_(std::move(path)), error_(error) {}

  bool read(Lesson& lesson) {
    std::string text, slip;
    TomlValue document;
    if (!read_text(path_, text, error_)) return false;
    if (!conform::parse_toml(text, document, slip)) return fail(slip);
    return read_keys(document, lesson);
  }

 private:
  bool fail(const std::string& what) {
    error_ = fmt::format("{}:{}", path_, what);
    return false;
  }
  bool fail(const TomlValue& at, std::string_view what) {
    return fail(fmt::format("{}:{}: {}", at.line, at.column, what));
  }

  bool read_keys(const TomlValue& document, Lesson& lesson) {
    for (const auto& [name, value] : document.members) {
      if (name == "title"         ? !text(value, lesson.title)
          : name == "files"       ? !texts(value, lesson.files)
          : name == "hints"       ? !texts(value, lesson.hints)
          : name == "watch"       ? !watch(value, lesson.watch)
          : name == "watch_flags" ? !texts(value, lesson.watch_flags)
          : name == "diagnosis"
              ? !each(value,
                      [&](const TomlValue& one) { return diagnosis(one, lesson.diagnoses.emplace_back()); })
          : name == "question"
              ? !each(value,
                      [&](const TomlValue& one) { return question(one, lesson.questions.emplace_back()); })
              : !fail(value, name + ": a lesson has no such key"))
        return false;
    }
    if (lesson.title.empty() || lesson.files.empty()) return fail("1:1: a lesson has a title and files");
    return true;
  }

  bool watch(const TomlValue& value, Watch& to) {
    if (value.kind != Kind::text || (value.text != "visor" && value.text != "lesson"))
      return fail(value, "what is watched is \"visor\" or \"lesson\"");
    to = value.text == "visor" ? Watch::visor : Watch::lesson;
    return true;
  }
  bool text(const TomlValue& value, std::string& to) {
    if (value.kind != Kind::text) return fail(value, "a text stands here");
    to = value.text;
    return true;
  }
  bool texts(const TomlValue& value, std::vector<std::string>& to) {
    return each(value, [&](const TomlValue& one) { return text(one, to.emplace_back()); });
  }
  template <class Act>
  bool each(const TomlValue& value, Act act) {
    if (value.kind != Kind::list) return fail(value, "a list stands here");
    return std::all_of(value.items.begin(), value.items.end(), act);
  }
  bool patterns(const TomlValue& value, std::vector<conform::LineRegex>& to) {
    std::string slip;
    if (value.kind == Kind::list) return each(value, [&](const TomlValue& one) { return patterns(one, to); });
    return value.kind == Kind::text && to.emplace_back().compile(value.text, slip) ? true : fail(value, slip);
  }
  bool diagnosis(const TomlValue& value, Diagnosis& to) {
    for (const auto& [name, part] : value.members) {
      if (name == "name"          ? !text(part, to.name)
          : name == "explained"   ? !patterns(part, to.explained)
          : name == "printed"     ? !patterns(part, to.printed)
          : name == "not_printed" ? !patterns(part, to.not_printed)
          : name == "ending"      ? !text(part, to.ending)
          : name == "say"         ? !text(part, to.say)
                                  : !fail(part, name + ": a diagnosis has no such key"))
        return false;
    }
    return to.say.empty() || to.name.empty() ? fail(value, "a diagnosis has a name and something to say")
                                             : true;
  }
  bool question(const TomlValue& value, Question& to) {
    for (const auto& [name, part] : value.members) {
      if (name == "text"     ? !text(part, to.text)
          : name == "answer" ? !text(part, to.answer)
                             : !fail(part, name + ": a question has no such key"))
        return false;
    }
    return true;
  }

  std::string path_;
  std::string& error_;
};

}  // namespace

bool read_text(const std::string& path, std::string& text, std::string& error) {
  std::ifstream file(path, std::ios::binary);
  text.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  if (file && !file.bad()) return true;
  error = fmt::format("{}: it cannot be read", path);
  return false;
}

bool find_course(std::string& folder, std::string& error) {
  std::error_code none;
  const fs::path beside = fs::read_symlink("/proc/self/exe", none).parent_path();
  for (const fs::path& place : {beside / "course", beside.parent_path() / "share/ringside/course"}) {
    if (!fs::is_directory(place / "roms/course", none)) continue;
    folder = place.string();
    return true;
  }
  error = fmt::format("course: its lessons are not beside the program, in {}; build all, or install again",
                      (beside / "course").string());
  return false;
}

bool load_lessons(const std::string& course, std::vector<Lesson>& lessons, std::string& error) {
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(fs::path(course) / "roms/course", failure)) {
    Lesson lesson;
    lesson.name = entry.path().filename().string();
    lesson.folder = entry.path().string();
    const char* const end = lesson.name.data() + lesson.name.size();
    if (std::from_chars(lesson.name.data(), end, lesson.number).ec != std::errc{}) continue;
    if (!Reader((entry.path() / "lesson.toml").string(), error).read(lesson)) return false;
    lessons.push_back(std::move(lesson));
  }
  std::sort(lessons.begin(), lessons.end(),
            [](const Lesson& a, const Lesson& b) { return a.number < b.number; });
  return true;
}

const Lesson* lesson_named(const std::vector<Lesson>& lessons, std::string_view word) {
  unsigned number = 0;
  const auto [rest, wrong] = std::from_chars(word.data(), word.data() + word.size(), number);
  const bool digits = wrong == std::errc{} && rest == word.data() + word.size();
  const auto found = std::find_if(lessons.begin(), lessons.end(), [&](const Lesson& lesson) {
    return lesson.name == word || (digits && lesson.number == number);
  });
  return found == lessons.end() ? nullptr : &*found;
}

}  // namespace ringside::course
