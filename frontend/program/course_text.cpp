// Owns the wording of the course's answers.
#include "frontend/program/course_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <vector>

namespace ringside {
namespace {

constexpr std::size_t most_lines_printed = 6, most_lines_explained = 16, widest = 150, text_width = 100;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back(line.size() > widest ? line.substr(0, widest) + "..." : line);
  }
  return lines;
}

// What a program prints may hold anything.
std::string plain(std::string line) {
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) >= 0x7f) c = '.';
  }
  return line;
}

std::string quote(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += fmt::format("      | {}\n", plain(line));
  return text;
}

// Broken at blanks; the first line stands behind `head`.
std::string wrapped(const std::string& head, const std::string& text) {
  std::string all, line = head;
  std::istringstream words(text);
  bool first = true;
  for (std::string word; words >> word; first = false) {
    if (!first && line.size() + 1 + word.size() > text_width) {
      all += line + "\n";
      line = std::string(head.size(), ' ');
      line += word;
      continue;
    }
    line += first ? word : " " + word;
  }
  return all + line + "\n";
}

// The last thing that the explanation tells: a line at the margin with its lines below, and the emulator's
// own last words.
std::vector<std::string> last_explained(const std::string& explained) {
  std::vector<std::string> lines = lines_of(explained);
  const auto table = std::find_if(lines.begin(), lines.end(), [](const std::string& line) {
    return line.find("VM exits  reason  name") != line.npos;
  });
  lines.erase(table, lines.end());
  std::size_t begin = lines.size();
  for (std::size_t n = lines.size(); n-- > 1;) {
    if (lines[n].starts_with(" ") && !lines[n - 1].starts_with(" ")) {
      begin = n - 1;
      break;
    }
  }
  std::vector<std::string> block(lines.begin() + static_cast<std::ptrdiff_t>(begin), lines.end());
  if (block.empty() && !lines.empty())
    block.assign(lines.end() - static_cast<std::ptrdiff_t>(std::min<std::size_t>(2, lines.size())),
                 lines.end());
  if (block.size() > most_lines_explained) block.resize(most_lines_explained);
  return block;
}

std::string failure_text(const course::GradedTest& test, const std::string& image) {
  std::string text = fmt::format("      {}\n", plain(test.result.reason));
  std::vector<std::string> printed = lines_of(test.result.output);
  if (printed.size() > most_lines_printed)
    printed.erase(printed.begin(), printed.end() - static_cast<std::ptrdiff_t>(most_lines_printed));
  if (printed.empty())
    text += "      It printed nothing.\n";
  else
    text += "      It printed last:\n" + quote(printed);
  if (const auto told = last_explained(test.explained); !told.empty())
    text += "      ringside explain says:\n" + quote(told);
  for (const std::string& one : test.says) text += wrapped("      -> ", one);
  return text + fmt::format("      Look:  ringside debug {}-kernel {}\n", test.flags, image);
}

}  // namespace

std::string lessons_text(std::span<const course::Lesson> lessons, const course::Progress& progress) {
  std::string text;
  unsigned passed = 0;
  for (const course::Lesson& lesson : lessons) {
    const auto found = progress.lessons.find(lesson.name);
    const course::LessonProgress own =
        found == progress.lessons.end() ? course::LessonProgress() : found->second;
    passed += own.passed;
    text += fmt::format("{:>4}  {:<54} {}\n", lesson.number, lesson.title, state_of(own));
  }
  return text + fmt::format(
                    "\n{} of {} passed. ringside course start N begins a lesson; ringside course --help has "
                    "the other words.\n",
                    passed, lessons.size());
}

std::string started_text(const course::Lesson& lesson, const std::string& folder) {
  return fmt::format(
      "Lesson {0}, {1}, is in {2}.\n"
      "  read   {2}/lesson.md\n"
      "  watch  ringside course watch {0}\n"
      "  fill   the places marked YOUR CODE in {3}\n"
      "  check  ringside course check {0}\n",
      lesson.number, lesson.title, folder, fmt::join(lesson.files, ", "));
}

std::string grade_text(const course::Lesson& lesson, const course::Grade& grade,
                       const course::LessonProgress& own, bool colour) {
  std::string text = fmt::format("Lesson {}, {}\n", lesson.number, lesson.title);
  if (!grade.said.empty()) text += grade.said;
  if (!grade.built)
    return text + "It is not built: what the compiler, the assembler or the linker says stands above.\n";
  for (const course::GradedTest& test : grade.tests) {
    const bool failed = conform::counts_as_failure(test.result.verdict);
    const std::string verdict = failed ? "FAILED" : "passed";
    text += fmt::format("  {}  {}\n",
                        colour ? fmt::format("\033[{}m{}\033[0m", failed ? 31 : 32, verdict) : verdict,
                        test.result.name);
    if (failed) text += failure_text(test, grade.image);
  }
  if (!grade.passed()) {
    text += fmt::format("{} of {} passed.", own.passed_tests, own.tests);
    if (own.hints < lesson.hints.size())
      text += fmt::format(" Stuck? ringside course hint {} ({} of {} hints read)", lesson.number, own.hints,
                          lesson.hints.size());
    return text + "\n";
  }
  text += "All passed.\n";
  if (!lesson.questions.empty())
    text += "Two questions before you go on (ringside course answers has the answers):\n";
  for (const course::Question& question : lesson.questions) text += wrapped("  ? ", question.text);
  return text;
}

std::string hints_text(const course::Lesson& lesson, unsigned count) {
  if (lesson.hints.empty()) return "This lesson has no hints.\n";
  std::string text;
  for (unsigned n = 0; n < count; ++n)
    text += wrapped(fmt::format("  {} of {}  ", n + 1, lesson.hints.size()), lesson.hints[n]);
  if (count == lesson.hints.size()) text += "That was the last one.\n";
  return text;
}

std::string answers_text(const course::Lesson& lesson) {
  std::string text;
  for (const course::Question& question : lesson.questions)
    text += wrapped("  ? ", question.text) + wrapped("    ", question.answer);
  return text;
}

}  // namespace ringside
