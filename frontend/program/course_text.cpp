// Owns the wording of the course's answers.
#include "frontend/program/course_text.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <vector>

#include "frontend/conform/suites/shell_words.h"

namespace ringside {
namespace {

constexpr std::size_t most_lines_printed = 12, most_lines_explained = 16, widest = 150, text_width = 100;

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

// What the program printed: from the line before the first failure on, because the failures behind it often
// follow from that one; without a failure the last lines.
std::string quote_printed(const std::string& output) {
  std::vector<std::string> lines = lines_of(output);
  if (lines.empty()) return "      It printed nothing.\n";
  const auto failure = std::find_if(lines.begin(), lines.end(), [](const std::string& line) {
    return line.starts_with("WRONG") || line.starts_with("stopped");
  });
  if (lines.size() <= most_lines_printed) return "      It printed:\n" + quote(lines);
  if (failure == lines.end()) {
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(most_lines_printed));
    return "      It printed last:\n" + quote(lines);
  }
  lines.erase(lines.begin(), failure == lines.begin() ? failure : failure - 1);
  if (lines.size() > most_lines_printed) {
    // How it ended is worth knowing, too.
    constexpr std::ptrdiff_t first = most_lines_printed - 3, last = 2;
    const auto left_out = lines.end() - lines.begin() - first - last;
    lines.erase(lines.begin() + first, lines.end() - last);
    lines.insert(lines.begin() + first, fmt::format("... ({} lines more)", left_out));
  }
  return "      It printed, from the first failure on:\n" + quote(lines);
}

// Why the test failed, without the words of suites: students do not see the suite. Empty: what is quoted says
// it.
std::string reason_of(const conform::TestResult& result) {
  const std::string& reason = result.reason;
  if (result.ending == "max-instructions")
    return "It did not end: its instructions are limited, and it used them up.";
  if (result.ending == "output-limit")
    return "It did not end: its output is limited, and it went beyond that.";
  if (reason.ends_with(", which must not come")) return "";
  if (!reason.starts_with("no line")) return plain(reason);
  return result.ending == "power-off" ? "It ended before all of the lesson's checks were made."
                                      : "It did not come to its end.";
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
  return block;
}

std::string failure_text(const course::GradedTest& test, const std::string& path) {
  const std::string image = conform::quoted(path);
  const std::string reason = reason_of(test.result);
  std::string text = reason.empty() ? "" : fmt::format("      {}\n", reason);
  text += quote_printed(test.result.output);
  if (auto told = last_explained(test.explained); !told.empty()) {
    const std::size_t more = told.size() > most_lines_explained ? told.size() - most_lines_explained : 0;
    told.resize(told.size() - more);
    text += "      ringside explain says:\n" + quote(told);
    if (more > 0)
      text += fmt::format("      | ... ({} lines more: ringside explain -nographic {}-kernel {})\n", more,
                          test.flags, image);
  }
  for (const std::string& one : test.says) text += wrapped("      -> ", one);
  return text + fmt::format(
                    "      All of it:  ringside -nographic {0}-kernel {1}\n"
                    "      Look:       ringside debug {0}-kernel {1}\n",
                    test.flags, image);
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

namespace {

// The texts say "ringside". In a checkout that is no command before somebody says where it is.
std::string how_to_call(const std::string& program) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (access((folder + "/ringside").c_str(), X_OK) == 0) return "";
  }
  return fmt::format("This shell does not know ringside yet:\n  export PATH=\"{}:$PATH\"\n",
                     std::filesystem::path(program).parent_path().string());
}

}  // namespace

std::string started_text(const course::Lesson& lesson, const std::string& folder, const std::string& course,
                         const std::string& program) {
  // The others are there to be read.
  std::vector<std::string> to_fill;
  for (const std::string& file : lesson.files) {
    std::string text, none;
    const bool read = course::read_text((std::filesystem::path(folder) / file).string(), text, none);
    if (read && text.find("YOUR CODE") != text.npos) to_fill.push_back(file);
  }
  return fmt::format(
             "Lesson {0}, {1}, is in {2}.\n"
             "  read   {2}/lesson.md\n"
             "  watch  ringside course watch {0}\n"
             "  fill   the places marked YOUR CODE in {3}\n"
             "  check  ringside course check {0}\n"
             "Look up:\n"
             "  {4}/roms/kit  functions for instructions (instructions.h, vmx.h) and more, in each header\n"
             "  {4}/names.h   the manual's names: VMCS fields, controls, exit reasons, MSRs\n",
             lesson.number, lesson.title, folder, fmt::join(to_fill, ", "), course) +
         how_to_call(program);
}

std::string grade_text(const course::Lesson& lesson, const course::Grade& grade,
                       const course::LessonProgress& own, bool copied, bool colour) {
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
  if (copied) text += "These files are the lesson's own solution, so they are not noted as passed by you.\n";
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
