// Owns the tests of the course: lessons that fail at the start, pass when they are solved, and know mistakes.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "frontend/conform/suites/toml_value.h"
#include "frontend/course/folders.h"
#include "frontend/course/lessons.h"
#include "frontend/course/student_build.h"
#include "tests/cli/program.h"

using namespace ringside;
using cli::Folder;
using cli::has;
using cli::read_file;
using cli::Result;

namespace {

namespace fs = std::filesystem;

const std::string course_folder = RINGSIDE_BINARY_DIR "/course";

// A home of the test's own; objects of the kit are kept beside the build, as they are for everybody.
class Home {
 public:
  Home() {
    setenv("XDG_DATA_HOME", (home_ / "data").c_str(), 1);
    setenv("XDG_CACHE_HOME", RINGSIDE_BINARY_DIR "/course-cache", 1);
    std::string error;
    REQUIRE_MESSAGE(course::load_lessons(course_folder, lessons_, error), error);
    REQUIRE(lessons_.size() >= 3);
  }
  std::string operator/(std::string_view name) const { return home_ / name; }
  const std::vector<course::Lesson>& lessons() const { return lessons_; }

 private:
  Folder home_;
  std::vector<course::Lesson> lessons_;
};

bool has_toolchain() {
  course::Toolchain tools;
  std::string error;
  if (course::find_toolchain(tools, error)) return true;
  MESSAGE("skipped: " << error);
  return false;
}

Result ringside_course(std::vector<std::string> words) {
  words.insert(words.begin(), "course");
  return cli::run(std::move(words));
}

std::string number(const course::Lesson& lesson) { return std::to_string(lesson.number); }

// Without line ends and repeated blanks, as people read it.
std::string words_of(const std::string& text) {
  std::istringstream stream(text);
  std::string all;
  for (std::string word; stream >> word;) all += word + " ";
  return all;
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  REQUIRE(file.good());
}

// A student's folder with the solution in it.
void solve(const Home& home, const course::Lesson& lesson, const std::string& folder) {
  const Result result = ringside_course({"solution", number(lesson), folder, "--yes"});
  CAPTURE(result.err);
  REQUIRE(result.status == 0);
  (void)home;
}

// The only place where `from` stands in the file becomes `to`.
void edit(const std::string& path, const std::string& from, const std::string& to) {
  std::string text = read_file(path);
  const auto at = text.find(from);
  CAPTURE(from);
  REQUIRE(at != text.npos);
  REQUIRE(text.find(from, at + 1) == text.npos);
  text.replace(at, from.size(), to);
  write_file(path, text);
}

std::string text_in(const conform::TomlValue& table, std::string_view key) {
  const conform::TomlValue* const value = table.find(key);
  return value ? value->text : "";
}

struct Mistake {
  std::string name, file, diagnosis;
  std::vector<std::pair<std::string, std::string>> edits;
};
std::vector<Mistake> mistakes_of(const course::Lesson& lesson) {
  const std::string path = RINGSIDE_SOURCE_DIR "/roms/course/" + lesson.name + "/mistakes.toml";
  std::vector<Mistake> mistakes;
  std::string error;
  conform::TomlValue document;
  CAPTURE(path);
  REQUIRE_MESSAGE(conform::parse_toml(read_file(path), document, error), error);
  const conform::TomlValue* const list = document.find("mistake");
  REQUIRE(list);
  for (const conform::TomlValue& one : list->items) {
    Mistake mistake{text_in(one, "name"), text_in(one, "file"), text_in(one, "diagnosis"), {}};
    mistake.edits.emplace_back(text_in(one, "old"), text_in(one, "new"));
    if (one.find("and_old")) mistake.edits.emplace_back(text_in(one, "and_old"), text_in(one, "and_new"));
    mistakes.push_back(mistake);
  }
  return mistakes;
}

// Is the line a mark of a hole, of one of these kinds?
bool is_mark(const std::string& line, std::string_view kinds) {
  const auto at = line.find_first_not_of(' ');
  if (at == line.npos) return false;
  const std::size_t leader = line.compare(at, 2, "//") == 0 ? 2 : line[at] == ';' ? 1 : 0;
  return leader > 0 && at + leader < line.size() && kinds.find(line[at + leader]) != kinds.npos;
}

// The exercise with one hole only, number `left` from 0 on; empty: there is no such hole.
std::string with_one_hole(const std::string& source, int left) {
  std::istringstream stream(source);
  std::string one, text, error;
  int hole = -1;
  for (std::string line; std::getline(stream, line);) {
    if (is_mark(line, "[")) ++hole;
    if (hole == left || !is_mark(line, "[:|]")) one += line + "\n";
  }
  if (hole < left) return "";
  REQUIRE_MESSAGE(course::cut("x", one, course::Version::exercise, text, error), error);
  return text;
}

// What is said of a program that is the first lesson's file in place of the exercise.
Result check_program(const Home& home, const std::string& text) {
  const course::Lesson& lesson = home.lessons().front();
  const std::string folder = home / "bad";
  solve(home, lesson, folder);
  for (const std::string& file : lesson.files)
    write_file(folder + "/" + file, file == lesson.files.front() ? text : "");
  return ringside_course({"check", number(lesson), folder});
}

std::string program(const std::string& body) {
  return "#include \"roms/course/common/ground.h\"\n#include \"roms/kit/print.h\"\nusing namespace course;\n"
         "void kit_main(const BootInformation&) {\n  begin(1);\n" +
         body + "\n}\n";
}

}  // namespace

TEST_CASE("a source is cut into exercise and solution") {
  const std::string source =
      "a\n  //[ do it\n  //: well\n  b\n  //| c\n  //]\nd // [ no mark\n;[ in assembly\nmov\n;]\n";
  std::string text, error;
  CHECK(course::cut("x", source, course::Version::exercise, text, error));
  CHECK(text == "a\n  // YOUR CODE: do it\n  // well\n  c\nd // [ no mark\n; YOUR CODE: in assembly\n");
  CHECK(course::cut("x", source, course::Version::solution, text, error));
  CHECK(text == "a\n  b\nd // [ no mark\nmov\n");
  CHECK(!course::cut("x", "//[ open\n", course::Version::solution, text, error));
  CHECK(error == "x:1: the hole does not end");
  CHECK(!course::cut("x", "a\n//]\n", course::Version::solution, text, error));
  CHECK(error == "x:2: a mark of a hole stands outside of one");
  CHECK(!course::cut("x", "//[ a\n//[ b\n", course::Version::solution, text, error));
  CHECK(error == "x:2: a hole begins within a hole");
}

TEST_CASE("every lesson has what a lesson needs, and its script runs") {
  const Home home;
  for (const course::Lesson& lesson : home.lessons()) {
    CAPTURE(lesson.name);
    CHECK(lesson.hints.size() >= 3);
    CHECK(lesson.questions.size() >= 2);
    CHECK(!mistakes_of(lesson).empty());
    const std::string text = read_file(lesson.folder + "/lesson.md");
    CHECK(has(text, "# Lesson " + number(lesson) + ": " + lesson.title));
    CHECK(has(text, ".svg)"));
    if (lesson.watch == course::Watch::lesson && !has_toolchain()) continue;
    const Result watched = ringside_course({"watch", number(lesson)});
    CHECK(watched.status == 0);
    CHECK(watched.err == "");
    CHECK(has(watched.out, "----"));
  }
}

TEST_CASE("what is watched is the lesson's own program where the lesson says so, or the student's") {
  if (!has_toolchain()) return;
  const Home home;
  // What only the solved program shows, if its script is about the thing itself.
  const std::pair<unsigned, std::string_view> shown[] = {
      {6, "PTE        at 0x"},
      {11, "vector 0x61; external interrupt"},
      {12, "0900:0000 at 0x9000"},
      {14, "(anonymous namespace)::l1()"},
      {15, "why: the bit of MSR 0xc0000082 is 1 in the write bitmap for high MSRs"},
  };
  for (const auto& [lesson, text] : shown) {
    CAPTURE(lesson);
    const Result watched = ringside_course({"watch", std::to_string(lesson)});
    CAPTURE(watched.out);
    CHECK(has(watched.out, "lesson " + std::to_string(lesson) + ": begins\n"));
    CHECK(has(watched.out, text));
    CHECK(!has(watched.out, "\nok: all"));
  }
  // The exercise as it is at the start: the attacker goes through the border, and the script finds no exit
  // there.
  const std::string folder = home / "mine";
  REQUIRE(ringside_course({"start", "15", folder}).status == 0);
  const Result mine = ringside_course({"watch", "15", folder});
  CHECK(has(mine.out, "lesson 15: begins\n"));
  CHECK(!has(mine.out, shown[4].second));
  fs::remove(folder + "/attacker.asm");
  const Result without = ringside_course({"watch", "15", folder});
  CHECK(without.status == 1);
  CHECK(has(without.err, "attacker.asm: there is no such file; ringside course reset 15 " + folder));
  const Result visor = ringside_course({"watch", "3", folder});
  CHECK(visor.status == 1);
  CHECK(has(visor.err, "lesson 3 is shown on the guest that is built in"));
}

TEST_CASE("every lesson's start is built and fails, and its solution passes") {
  if (!has_toolchain()) return;
  const Home home;
  for (const course::Lesson& lesson : home.lessons()) {
    CAPTURE(lesson.name);
    const std::string folder = home / lesson.name;
    REQUIRE(ringside_course({"start", number(lesson), folder}).status == 0);
    const Result begun = ringside_course({"check", number(lesson)});
    CAPTURE(begun.out);
    CHECK(begun.status == 1);
    CHECK(has(begun.out, "FAILED"));
    CHECK(!has(begun.out, "not built"));
    const bool on_two = has(read_file(lesson.folder + "/suite.toml"), "\nsmp = 2\n");
    CHECK(has(begun.out, "ringside debug -smp 2 -kernel ") == on_two);
    // An entry that breaks many rules is explained in part, and the rest is a command away.
    if (lesson.number == 3) CHECK(has(begun.out, " lines more: ringside explain -nographic -kernel "));
    // A test with flags of its own is looked at with them.
    const bool open = has(read_file(lesson.folder + "/suite.toml"), "\"--feature-control\", \"open\"");
    CHECK(has(begun.out, "ringside -nographic --feature-control open -kernel ") == open);
    CHECK(!has(begun.out, "warning:"));
    solve(home, lesson, folder);
    const Result solved = ringside_course({"check", number(lesson)});
    CAPTURE(solved.out);
    CHECK(solved.status == 0);
    CHECK(has(solved.out, "All passed."));
    CHECK(has(solved.out, "the lesson's own solution"));
    CHECK(!has(solved.out, "warning:"));
  }
  // What passes is noted if it is the student's own.
  const course::Lesson& first = home.lessons().front();
  const std::string file = home / first.name + "/" + first.files.front();
  CHECK(has(ringside_course({"progress", "--csv"}).out, ",0 of 1,1,0,2,0,,\n"));
  write_file(file, read_file(file) + "// mine\n");
  const Result own = ringside_course({"check", number(first)});
  CHECK(own.status == 0);
  CHECK(!has(own.out, "the lesson's own solution"));
  const std::string table = ringside_course({"progress", "--csv"}).out;
  CHECK(std::count(table.begin(), table.end(), '\n') == static_cast<long>(home.lessons().size() + 1));
  for (const course::Lesson& lesson : home.lessons()) CHECK(has(table, lesson.name + ","));
  CHECK(has(table, ",passed,1,1,3,0,20"));
  const auto name = table.rfind(",s");  // no spreadsheet takes it for a number
  REQUIRE(name != table.npos);
  CHECK(table.find_first_not_of("0123456789abcdef", name + 2) == name + 18);
  const std::string grades = ringside_course({"progress", "--moodle", "Eve, the 2nd"}).out;
  CHECK(grades.starts_with("student,Lesson 1,Lesson 2,"));
  CHECK(has(grades, "\n\"Eve, the 2nd\",100,0,0,"));
  CHECK(std::count(grades.begin(), grades.end(), '\n') == 2);
}

// By the schema "classroom50/tests/v1": no other fields, names that differ and have at most 100 bytes, and no
// more than 600 seconds and 1000 points.
TEST_CASE("the tests for Classroom 50 are as its schema wants them, and their commands grade") {
  const Home home;
  const Result listed = ringside_course({"progress", "--classroom"});
  const auto tests = nlohmann::json::parse(listed.out, nullptr, false);
  REQUIRE(tests.is_array());
  REQUIRE(tests.size() == home.lessons().size());
  std::set<std::string> names;
  for (std::size_t n = 0; n < tests.size(); ++n) {
    const auto& test = tests[n];
    CAPTURE(test.dump());
    for (const auto& [field, value] : test.items())
      CHECK(
          (field == "name" || field == "type" || field == "run" || field == "timeout" || field == "points"));
    CHECK(test.at("name").get<std::string>().size() <= 100);
    CHECK(names.insert(test.at("name").get<std::string>()).second);
    CHECK(test.at("type") == "run");
    CHECK((test.at("timeout").get<unsigned>() >= 1 && test.at("timeout").get<unsigned>() <= 600));
    CHECK((test.at("points").get<unsigned>() >= 1 && test.at("points").get<unsigned>() <= 1000));
    CHECK(test.at("run") ==
          "ringside course check " + number(home.lessons()[n]) + " " + home.lessons()[n].name);
  }
  if (!has_toolchain()) return;
  // The first one's command, in a repository with that folder.
  const course::Lesson& first = home.lessons().front();
  solve(home, first, home / first.name);
  const auto graded = [&] {
    return std::system(("cd '" + (home / "") + "' && PATH=" RINGSIDE_BINARY_DIR ":$PATH " +
                        tests[0].at("run").get<std::string>() + " > /dev/null")
                           .c_str());
  };
  CHECK(graded() == 0);
  write_file(home / first.name + "/" + first.files.front(), "this is no C++\n");
  CHECK(graded() != 0);
}

TEST_CASE("each classic mistake is answered with its hint") {
  if (!has_toolchain()) return;
  const Home home;
  for (const course::Lesson& lesson : home.lessons()) {
    CAPTURE(lesson.name);
    const std::string folder = home / lesson.name;
    for (const Mistake& mistake : mistakes_of(lesson)) {
      CAPTURE(mistake.name);
      solve(home, lesson, folder);
      for (const auto& [from, to] : mistake.edits) edit(folder + "/" + mistake.file, from, to);
      const Result result = ringside_course({"check", number(lesson), folder});
      CAPTURE(result.out);
      CHECK(result.status == 1);
      const auto known = std::find_if(lesson.diagnoses.begin(), lesson.diagnoses.end(),
                                      [&](const auto& one) { return one.name == mistake.diagnosis; });
      REQUIRE(known != lesson.diagnoses.end());
      const std::string said = words_of(result.out);
      CHECK(std::any_of(known, lesson.diagnoses.end(), [&](const auto& one) {
        return one.name == mistake.diagnosis && has(said, "-> " + words_of(one.say));
      }));
    }
  }
}

TEST_CASE("a hole that is left alone is found, and something is said of it") {
  if (!has_toolchain()) return;
  const Home home;
  for (const course::Lesson& lesson : home.lessons()) {
    CAPTURE(lesson.name);
    const std::string folder = home / lesson.name;
    solve(home, lesson, folder);
    int holes = 0;
    for (const std::string& file : lesson.files) {
      CAPTURE(file);
      const std::string solution = read_file(folder + "/" + file);
      for (int hole = 0;; ++hole) {
        CAPTURE(hole);
        const std::string text = with_one_hole(read_file(lesson.folder + "/" + file), hole);
        if (text.empty()) break;
        ++holes;
        write_file(folder + "/" + file, text);
        const Result result = ringside_course({"check", number(lesson), folder});
        CAPTURE(result.out);
        CHECK(result.status == 1);
        CHECK(has(result.out, "      -> "));
      }
      write_file(folder + "/" + file, solution);
    }
    CHECK(holes >= 3);
  }
}

TEST_CASE("a program may do anything, and what it did is told within its limits") {
  if (!has_toolchain()) return;
  const Home home;
  struct Bad {
    const char *body, *said;
  };
  const Bad bad[] = {
      {"for (;;) asm volatile(\"\");", "it hangs"},
      {"for (;;) print(\"again and again\\n\");", "It prints without end."},
      {"asm volatile(\"xor %%esp, %%esp; lidt (%0); ud2\" : : \"r\"(at<u64>(0x500000)));", "A triple fault"},
      {"*at<volatile u64>(reinterpret_cast<u64>(&kit_main)) = 0;", "It wrote over its own code"},
      {"*at<volatile u64>(0x123456789000) = 0;", "A page fault that nothing handles"},
      {"asm volatile(\"ud2\");", "An exception that nothing handles"},
      {"asm volatile(\"cli; hlt\");", "It sleeps for ever"},
      {"print(\"all is well\\n\"); stop(\"or not\");", "or not"},
  };
  for (const Bad& one : bad) {
    CAPTURE(one.body);
    const Result result = check_program(home, program(one.body));
    CAPTURE(result.out);
    CHECK(result.status == 1);
    CHECK(has(words_of(result.out), one.said));
  }
  const Result short_cut = check_program(home, program("check(\"that\", 1, 1); end();"));
  CAPTURE(short_cut.out);
  CHECK(short_cut.status == 1);
  CHECK(has(short_cut.out, "It ended before all of the lesson's checks were made."));
  const Result early =
      check_program(home, program("print(\"first\\n\"); check(\"that\", 1, 2);\n"
                                  "for (u64 n = 0; n < 40; ++n) check(\"this\", n, n); stop(\"here\");"));
  CAPTURE(early.out);
  CHECK(has(early.out, "from the first failure on:\n      | first\n      | WRONG: that"));
  CHECK(has(early.out, "      | ... (32 lines more)\n      | ok: this\n      | stopped: here\n"));
  CHECK(!has(early.out, "| lesson 1: begins"));
  const Result large = check_program(home, "char room[100 << 20];\n" + program("room[0] = 1; end();"));
  CAPTURE(large.out);
  CHECK(large.status == 1);
  CHECK(has(words_of(large.out), "It never came to kit_main"));
  const Result broken = check_program(home, "this is no C++\n");
  CHECK(broken.status == 1);
  CHECK(has(broken.out, "error:"));
  CHECK(has(broken.out, "It is not built"));
}

TEST_CASE("nothing of the student's is written over without asking") {
  const Home home;
  const course::Lesson& lesson = home.lessons().front();
  const std::string folder = home / "mine", file = folder + "/" + lesson.files.front();
  const Result started = ringside_course({"start", number(lesson), folder});
  REQUIRE(started.status == 0);
  CHECK(has(started.out, "YOUR CODE in " + lesson.files.front() + "\n"));  // and in no file without a hole
  CHECK(has(started.out, course_folder + "/names.h"));
  CHECK(fs::exists(course_folder + "/names.h"));
  CHECK(has(started.out, "export PATH=") != has(std::getenv("PATH"), RINGSIDE_BINARY_DIR));
  const std::string exercise = read_file(file);
  CHECK(has(exercise, "YOUR CODE"));
  CHECK(ringside_course({"start", number(lesson), folder}).status == 0);  // nothing would be lost
  write_file(file, "mine\n");
  for (const char* act : {"start", "reset"}) {
    const Result result = ringside_course({act, number(lesson), folder});
    CHECK(result.status == 1);
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    CHECK(has(result.err, "--yes"));
    CHECK(read_file(file) == "mine\n");
  }
  CHECK(ringside_course({"reset", number(lesson), "--yes"}).status == 0);
  CHECK(read_file(file) == exercise);
  const Result other = ringside_course({"start", number(home.lessons()[1]), folder});
  CHECK(other.status == 1);
  CHECK(has(other.err, "is the folder of lesson " + lesson.name));
}

TEST_CASE("what is wrong with the words, the folder or the tools is one line") {
  const Home home;
  const course::Lesson& lesson = home.lessons().front();
  const auto one_line = [](const Result& result, std::string_view part) {
    CAPTURE(result.err);
    CHECK(result.status != 0);
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    CHECK(has(result.err, part));
  };
  one_line(ringside_course({"strat"}), "did you mean start?");
  one_line(ringside_course({"start"}), "which lesson?");
  one_line(ringside_course({"start", "77"}), "course 77: there is no such lesson");
  one_line(ringside_course({"check", number(lesson)}), "is not started; ringside course start");
  one_line(ringside_course({"list", "all"}), "one word too many");
  one_line(ringside_course({"--cvs"}), "no such flag");
  const std::string folder = home / "empty";
  fs::create_directory(folder);
  one_line(ringside_course({"check", number(lesson), folder}),
           "there is no such file; ringside course reset " + number(lesson) + " " + folder);
  one_line(ringside_course({"progress", "--moodle"}), "whose grades?");
  const std::string path = std::getenv("PATH");
  setenv("PATH", folder.c_str(), 1);
  one_line(ringside_course({"check", number(lesson), folder}), "sudo apt install ");
  setenv("PATH", path.c_str(), 1);
  setenv("CXX", "no-such-compiler", 1);
  one_line(ringside_course({"check", number(lesson), folder}), "unset CXX");
  unsetenv("CXX");
  // What is to be pasted into a shell is quoted.
  const std::string wide = home / "a b";
  REQUIRE(ringside_course({"start", number(lesson), wide}).status == 0);
  if (has_toolchain())
    CHECK(has(ringside_course({"check", number(lesson), wide}).out,
              "debug -kernel '" + wide + "/build/lesson.elf'\n"));
  CHECK(has(ringside_course({"hint", number(lesson)}).out, "1 of "));
  CHECK(has(ringside_course({"hint", number(lesson)}).out, "2 of "));
  CHECK(has(ringside_course({"answers", number(lesson)}).out, "?"));
  CHECK(has(ringside_course({}).out, lesson.title));
}
