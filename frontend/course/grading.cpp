// Owns the way from a student's files to a grade.
#include "frontend/course/grading.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "frontend/conform/running/process.h"
#include "frontend/conform/suites/load_suites.h"
#include "frontend/course/folders.h"
#include "frontend/course/student_build.h"

namespace ringside::course {
namespace {

namespace fs = std::filesystem;
using conform::Test;

// A suite may set narrower ones.
constexpr u64 most_instructions = 20'000'000, most_output = 256 << 10;
constexpr double most_seconds = 600;
constexpr std::size_t most_explained = 64 << 10;

class Silent : public conform::RunWatcher {
 public:
  void finished(const conform::TestResult&, std::size_t) override {}
};

bool load_tests(const Lesson& lesson, const fs::path& build, std::vector<Test>& tests, std::string& error) {
  std::string text, why;
  if (!read_text((fs::path(lesson.folder) / "suite.toml").string(), text, error)) return false;
  const std::string suite = (build / "suite.toml").string();
  if (!conform::keep_file(suite, text, why)) {
    error = fmt::format("course: {}: {}", suite, why);
    return false;
  }
  if (!conform::load_suite(suite, tests, error)) return false;
  for (Test& test : tests) {
    conform::Limits& limits = test.limits;
    if (!limits.instructions) limits.instructions = most_instructions;
    if (!limits.output_bytes) limits.output_bytes = most_output;
    if (limits.host_seconds == 0) limits.host_seconds = most_seconds;
  }
  return true;
}

// What `ringside explain` tells of the test's run: each refusal, and how it ended.
std::string explanation_of(const Grader& grader, const Test& test, const conform::Surroundings& around) {
  std::vector<std::string> words = conform::command_of(test, around);
  words.insert(words.begin() + 1, {"explain", "--explain-only", "refused"});
  std::string said, why;
  conform::Processes processes;
  const bool started = processes.start({.words = words,
                                        .itself = grader.itself,
                                        .processor_seconds = 3 * most_seconds,
                                        .on_output = [](std::string_view) {},
                                        .on_errors =
                                            [&said](std::string_view text) {
                                              said += text;
                                              if (said.size() > 2 * most_explained)
                                                said.erase(0, said.size() - most_explained);
                                            },
                                        .on_end = [](const conform::ProcessEnd&) {}},
                                       why);
  while (started && processes.running() > 0) processes.wait();
  return said;
}

// What the person's own run needs to be the test's: its words, but for the image, which is told, and the
// usual memory.
std::string flags_of(const Test& test) {
  std::string flags;
  for (std::size_t n = 0; n < test.words.size(); ++n) {
    const bool known = test.words[n] == "-kernel" || test.words[n] == "-m";
    if (known)
      ++n;
    else
      flags += test.words[n] + " ";
  }
  return flags;
}

}  // namespace

bool Grade::passed() const {
  return built && !tests.empty() && std::all_of(tests.begin(), tests.end(), [](const GradedTest& test) {
           return !conform::counts_as_failure(test.result.verdict);
         });
}

bool grade(const Grader& grader, const Lesson& lesson, const std::string& folder, Grade& grade,
           std::string& error) {
  Toolchain tools;
  if (!find_toolchain(tools, error)) return false;
  std::vector<std::string> sources;
  if (!find_sources(lesson, folder, sources, error)) return false;
  const fs::path build = fs::path(folder) / "build";
  grade.image = (build / "lesson.elf").string();
  const BuildEnd end = build_image(tools, grader.course, sources, grade.image, grade.said, error);
  if (end == BuildEnd::failed) return false;
  grade.built = end == BuildEnd::built;
  if (!grade.built) {
    grade.said += error + "\n";
    error.clear();
    return true;
  }
  std::vector<Test> tests;
  if (!load_tests(lesson, build, tests, error)) return false;
  conform::RunSettings settings;
  settings.around.program = grader.program;
  settings.itself = grader.itself;
  settings.reader = [](const Test&, std::string*, std::string&) { return nullptr; };
  conform::LastRuns last;
  Silent silent;
  conform::SuiteRun run = conform::run_tests(tests, settings, last, silent);
  for (conform::TestResult& result : run.tests) {
    GradedTest graded;
    const Test* const test = conform::test_of(tests, result);
    if (test && conform::counts_as_failure(result.verdict)) {
      graded.explained = explanation_of(grader, *test, settings.around);
      graded.says = diagnose(lesson, result, graded.explained);
      graded.flags = flags_of(*test);
    }
    graded.result = std::move(result);
    grade.tests.push_back(std::move(graded));
  }
  return true;
}

}  // namespace ringside::course
