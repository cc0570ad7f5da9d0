// Owns the words of `ringside course`.
#include "frontend/program/course_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>

#include "cpu/exec/engine/handler_table.h"
#include "frontend/course/course_progress.h"
#include "frontend/course/folders.h"
#include "frontend/course/grading.h"
#include "frontend/course/watching.h"
#include "frontend/inspect/nearest.h"
#include "frontend/program/course_text.h"
#include "frontend/program/options.h"
#include "frontend/program/output.h"

namespace ringside {
namespace {

namespace fs = std::filesystem;
using course::Lesson;

struct Call {
  std::string course, program;
  std::vector<Lesson> lessons;
  course::Progress progress;
  std::vector<std::string> words;  // behind the act, without flags
  bool yes = false, csv = false, classroom = false;
  std::string student;  // of --moodle
  int (*itself)(std::span<const std::string_view>) = nullptr;
};

int fail(const std::string& error) {
  say(error);
  return exit_failed;
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[16] = {};
  return std::strftime(text, sizeof text, "%Y-%m-%d", std::localtime(&now)) ? text : "";
}

// The lesson of the first word; without one that of this folder, else the last one. nullptr: it was refused.
const Lesson* chosen(const Call& call) {
  std::string word = course::lesson_in(".");
  if (word.empty()) word = call.progress.last;
  if (!call.words.empty()) word = call.words[0];
  const Lesson* const lesson = word.empty() ? nullptr : course::lesson_named(call.lessons, word);
  if (!lesson)
    refuse(word.empty()
               ? "course: which lesson? write its number; ringside course lists them"
               : fmt::format("course {}: there is no such lesson; ringside course lists them", word));
  return lesson;
}

// The student's folder: the second word, else this one if it is the lesson's, else where it was started.
std::string folder_of(const Call& call, const Lesson& lesson) {
  if (call.words.size() > 1) return call.words[1];
  if (course::lesson_in(".") == lesson.name) return ".";
  const auto found = call.progress.lessons.find(lesson.name);
  return found == call.progress.lessons.end() ? "" : found->second.folder;
}

bool ask_person(const std::vector<std::string>& files) {
  std::string list;
  for (const std::string& file : files) list += "  " + file + "\n";
  if (!isatty(STDIN_FILENO)) {
    say(fmt::format("course: {} is yours and would be written over; name another folder, or add --yes",
                    files[0]));
    return false;
  }
  tell(fmt::format("These files are yours, and would be written over:\n{}Write them over? [y/N] ", list));
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "yes";
}

// Keeps what has changed. What cannot be kept is said, and is no failure of the act.
void keep(const Call& call) {
  std::string error;
  if (!course::save_progress(call.progress, error)) say("warning: " + error);
}

int list(Call& call) {
  const std::string text = !call.student.empty()
                               ? course::moodle_csv(call.lessons, call.progress, call.student)
                           : call.classroom ? course::classroom_json(call.lessons)
                           : call.csv       ? course::progress_csv(call.lessons, call.progress)
                                            : lessons_text(call.lessons, call.progress);
  return print(text) ? exit_ok : exit_failed;
}

int put(Call& call, const Lesson& lesson, const std::string& folder, course::Version version) {
  std::string error;
  const auto ask = [&](const std::vector<std::string>& files) { return call.yes || ask_person(files); };
  if (course::put_lesson(lesson, folder, version, ask, error)) return exit_ok;
  return error.empty() ? exit_failed : fail(error);
}

int start(Call& call) {
  if (call.words.empty())
    return refuse("course start: which lesson? write its number; ringside course lists them");
  const Lesson* const lesson = chosen(call);
  if (!lesson) return exit_usage;
  const std::string folder = call.words.size() > 1 ? call.words[1] : lesson->name;
  if (const int status = put(call, *lesson, folder, course::Version::exercise)) return status;
  std::error_code none;
  call.progress.last = lesson->name;
  call.progress.lessons[lesson->name].folder = fs::absolute(folder, none).lexically_normal().string();
  keep(call);
  return print(started_text(*lesson, folder, call.course, call.program)) ? exit_ok : exit_failed;
}

int solution(Call& call) {
  if (call.words.size() < 2)
    return refuse(
        "course solution: write its lesson and a folder for it: ringside course solution 3 solution-3");
  const Lesson* const lesson = chosen(call);
  return lesson ? put(call, *lesson, call.words[1], course::Version::solution) : exit_usage;
}

int reset(Call& call) {
  const Lesson* const lesson = chosen(call);
  if (!lesson) return exit_usage;
  const std::string folder = folder_of(call, *lesson);
  if (folder.empty())
    return refuse(
        fmt::format("course reset: lesson {0} is not started; ringside course start {0}", lesson->number));
  return put(call, *lesson, folder, course::Version::exercise);
}

int check(Call& call) {
  const Lesson* const lesson = chosen(call);
  if (!lesson) return exit_usage;
  const std::string folder = folder_of(call, *lesson);
  if (folder.empty())
    return refuse(
        fmt::format("course check: lesson {0} is not started; ringside course start {0}", lesson->number));
  all_handlers();  // built on first use: once here, not again in each test's process
  course::Grader grader{.course = call.course, .program = call.program};
  grader.itself = [itself = call.itself](const std::vector<std::string>& all) {
    return itself(std::vector<std::string_view>(all.begin() + 1, all.end()));
  };
  course::Grade grade;
  std::string error;
  if (!course::grade(grader, *lesson, folder, grade, error)) return fail(error);
  course::LessonProgress& own = call.progress.lessons[lesson->name];
  std::error_code none;
  call.progress.last = lesson->name;
  if (own.folder.empty()) own.folder = fs::absolute(folder, none).lexically_normal().string();
  ++own.checks;
  own.tests = static_cast<unsigned>(grade.tests.size());
  own.passed_tests =
      static_cast<unsigned>(std::count_if(grade.tests.begin(), grade.tests.end(), [](const auto& test) {
        return !conform::counts_as_failure(test.result.verdict);
      }));
  const bool copied = grade.passed() && course::is_solution(*lesson, folder);
  if (copied) own.passed_tests = 0;
  if (grade.passed() && !copied && !own.passed) {
    own.passed = true;
    own.day = today();
    own.sources = course::number_of_sources(*lesson, folder);
  }
  keep(call);
  const bool told = print(grade_text(*lesson, grade, own, copied, isatty(STDOUT_FILENO)));
  return told && grade.passed() ? exit_ok : exit_failed;
}

int hint(Call& call) {
  const Lesson* const lesson = chosen(call);
  if (!lesson) return exit_usage;
  course::LessonProgress& own = call.progress.lessons[lesson->name];
  const unsigned all = static_cast<unsigned>(lesson->hints.size());
  own.hints = std::min(own.hints + 1, all);
  keep(call);
  return print(hints_text(*lesson, own.hints)) ? exit_ok : exit_failed;
}

int answers(Call& call) {
  const Lesson* const lesson = chosen(call);
  if (!lesson) return exit_usage;
  return print(answers_text(*lesson)) ? exit_ok : exit_failed;
}

// Becomes the debugger, which reads the lesson's script and stays for the person.
int watch(Call& call) {
  const Lesson* const lesson = chosen(call);
  if (!lesson) return exit_usage;
  const std::string script = (fs::path(lesson->folder) / "watch.txt").string();
  std::vector<std::string> all = {call.program, "debug"}, flags;
  std::string said, error;
  if (!course::watched_machine(*lesson, call.course, call.words.size() > 1 ? call.words[1] : "", flags, said,
                               error)) {
    tell(said);
    return fail(error);
  }
  all.insert(all.end(), flags.begin(), flags.end());
  all.insert(all.end(), {"-x", script});
  if (!isatty(STDIN_FILENO)) all.emplace_back("--batch");
  std::vector<char*> words;
  for (std::string& word : all) words.push_back(word.data());
  words.push_back(nullptr);
  execv(words[0], words.data());
  return fail(fmt::format("course watch: {}: {}", all[0], std::strerror(errno)));
}

struct Act {
  std::string_view name, arguments, help;
  int (*act)(Call& call);
  std::size_t most_words;
};
constexpr Act acts[] = {
    {"list", "", "the lessons, and how far you are; this is what ringside course alone does, too", list, 0},
    {"start", "N [FOLDER]", "copy lesson N's text and exercise into a folder of yours", start, 2},
    {"watch", "[N [FOLDER]]", "something to see in the debugger; FOLDER: on your own program", watch, 2},
    {"check", "[N [FOLDER]]", "build your files, run them, and say what is wrong", check, 2},
    {"hint", "[N]", "the next of the lesson's hints", hint, 1},
    {"reset", "[N [FOLDER]]", "the exercise as it was; asks before it writes over yours", reset, 2},
    {"answers", "[N]", "the answers to the lesson's questions", answers, 1},
    {"solution", "N FOLDER", "a solution, to read when yours passes", solution, 2},
    {"progress", "[--csv | --moodle STUDENT]", "the same as list, or as a teacher's table", list, 0},
};

static_assert(std::all_of(std::begin(acts), std::end(acts),
                          [](const Act& act) {
                            return course_arguments.find(act.name) != course_arguments.npos;
                          }),
              "help names each word");

std::string course_help() {
  std::string text = "ringside course [WORD...] [--yes] [--csv] [--moodle STUDENT] [--classroom]\n\n";
  for (const Act& act : acts)
    text += fmt::format("  {:<37} {}\n", fmt::format("{} {}", act.name, act.arguments), act.help);
  return text +
         "\nN is a lesson's number. Without it: the lesson of this folder, else the last one. --yes answers "
         "yes when\n"
         "files of yours would be written over. --csv: a row for each lesson. --moodle: a heading, and a row "
         "with "
         "this\n"
         "student's grades from 0 to 100; STUDENT is an ID number, an address or a name by which Moodle "
         "knows "
         "the person.\n--classroom: the tests of an assignment with all lessons, for Classroom 50.\n";
}

}  // namespace

int run_course(std::span<const std::string_view> words, int (*itself)(std::span<const std::string_view>)) {
  Call call;
  call.itself = itself;
  std::string name = "list", error;
  bool named = false, wants_student = false;
  for (const std::string_view word : words) {
    if (wants_student) {
      call.student = word;
      wants_student = word.empty();
      continue;
    }
    if (word == "--help" || word == "-h") return print(course_help()) ? exit_ok : exit_failed;
    if (word == "--yes") {
      call.yes = true;
    } else if (word == "--csv") {
      call.csv = true;
    } else if (word == "--classroom") {
      call.classroom = true;
    } else if (word == "--moodle") {
      wants_student = true;
    } else if (word.starts_with("-")) {
      return refuse(fmt::format("course {}: there is no such flag; ringside course --help lists all", word));
    } else if (!named) {
      name = word;
      named = true;
    } else {
      call.words.emplace_back(word);
    }
  }
  if (wants_student)
    return refuse("course --moodle: whose grades? write the student's ID number, address or name behind it");
  std::vector<std::string_view> names;
  for (const Act& act : acts) names.push_back(act.name);
  const auto act =
      std::find_if(std::begin(acts), std::end(acts), [&](const Act& one) { return one.name == name; });
  if (act == std::end(acts)) {
    const auto near = nearest(name, names);
    return refuse(
        near ? fmt::format("course {}: there is no such word; did you mean {}?", name, *near)
             : fmt::format("course {}: there is no such word; ringside course --help lists all", name));
  }
  if (call.words.size() > act->most_words)
    return refuse(fmt::format("course {}: {} is one word too many; write ringside course {} {}", name,
                              call.words[act->most_words], name, act->arguments));
  std::error_code none;
  call.program = fs::read_symlink("/proc/self/exe", none).string();
  if (!course::find_course(call.course, error) || !course::load_lessons(call.course, call.lessons, error))
    return fail(error);
  call.progress = course::load_progress();
  return act->act(call);
}

}  // namespace ringside
