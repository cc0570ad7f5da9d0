// Owns the test that measured figures in a lesson's text are those of a run, so that the text cannot grow
// old.
#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "tests/cli/program.h"

using namespace ringside;
using cli::Folder;
using cli::has;
using cli::read_file;
using cli::Result;

namespace {

using Figures = nlohmann::json;

// A measured run takes minutes under the sanitizers, for which tests/compare has the same code in short runs.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool runs_are_measured = false;
#else
constexpr bool runs_are_measured = true;
#endif

std::string lesson_text(const std::string& lesson) {
  return read_file(RINGSIDE_SOURCE_DIR "/roms/course/" + lesson + "/lesson.md");
}

// The cells of the table's row that begins with `label`; empty: there is none.
std::vector<std::string> cells_of(const std::string& text, const std::string& label) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| " + label + " |")) continue;
    std::vector<std::string> cells;
    std::istringstream rest(line.substr(label.size() + 4));
    for (std::string cell; std::getline(rest, cell, '|');) cells.push_back(cell);
    return cells;
  }
  return {};
}

// The number `which` (from 0 on) in a cell, without the commas of thousands; -1: it has no such one.
double number_in(const std::string& cell, int which) {
  std::string digits;
  for (std::size_t at = 0; at <= cell.size(); ++at) {
    const char c = at < cell.size() ? cell[at] : ' ';
    const bool inside =
        c == ',' && at + 1 < cell.size() && std::isdigit(static_cast<unsigned char>(cell[at + 1]));
    if (std::isdigit(static_cast<unsigned char>(c)))
      digits += c;
    else if (!digits.empty() && !inside) {
      if (which-- == 0) return std::stod(digits);
      digits.clear();
    }
  }
  return -1;
}

// The sum of these rows of a group; a row that a subject has not is nothing.
double sum_of(const Figures& all, std::string_view group, const std::vector<std::string>& rows,
              const std::string& subject) {
  double sum = 0;
  for (const Figures& one : all["groups"])
    if (one["id"] == group)
      for (const Figures& each : one["rows"])
        if (std::count(rows.begin(), rows.end(), each["id"].get<std::string>()) &&
            each["figures"][subject].is_number())
          sum += each["figures"][subject].get<double>();
  return sum;
}

// A row of lesson 15's table: where its figures come from, and how far, in percent, another compiler may be
// from the one that the text was written with. `second` is the number behind the first one in each cell.
struct Row {
  const char *label, *group;
  std::vector<std::string> rows;
  double percent;
  std::vector<std::string> second;
};

}  // namespace

TEST_CASE("the figures in the text of lesson 15 are those of ringside compare") {
  if (!runs_are_measured) return;
  if (!std::filesystem::exists(RINGSIDE_BINARY_DIR "/roms/lodge.elf")) {
    MESSAGE("skipped: roms/lodge was not built, because the build's compiler is not one for x86-64");
    return;
  }
  const Folder folder;
  const Result compared =
      cli::run({"compare", "lodge", "loft", "loft-inside", "--json", folder / "all.json"});
  REQUIRE_MESSAGE(compared.status == 0, compared.err);
  const Figures all = Figures::parse(read_file(folder / "all.json"));
  const std::string text = lesson_text("15-escapes");
  CHECK(has(text, "\n| | `lodge` | `loft` | `loft-inside` |\n"));
  CHECK(has(text, "    build/ringside compare lodge loft loft-inside\n"));
  const Row rows[] = {
      {"a page written to a disk and read again: VM exits", "work", {"disk.exits"}, 0, {}},
      {"the same: world switches", "work", {"disk.switches"}, 0, {}},
      {"the same: instructions outside the guest",
       "work",
       {"disk.kernel", "disk.user", "disk.control"},
       12,
       {}},
      {"a packet sent and received: world switches", "work", {"net.switches"}, 0, {}},
      {"one VM exit, the median: instructions", "exit", {"instructions.median"}, 12, {}},
      {"VM exits that go on to CPL 3 in root operation", "exit", {"to_user"}, 1, {}},
      {"lines of source that the guest reached at CPL 0",
       "surface",
       {"kernel.lines"},
       17,
       {"kernel.lines.all"}},
      {"lines that it reached elsewhere", "surface", {"user.lines", "control.lines"}, 17, {}},
  };
  const char* const subjects[] = {"lodge", "loft", "loft-inside"};
  for (const Row& row : rows) {
    CAPTURE(row.label);
    const std::vector<std::string> cells = cells_of(text, row.label);
    REQUIRE(cells.size() == 3);
    for (std::size_t n = 0; n < 3; ++n) {
      CAPTURE(subjects[n]);
      const auto compare = [&](double told, double measured) {
        CAPTURE(measured);
        CHECK(std::fabs(told - measured) <= std::fmax(0.5, measured * row.percent / 100));
      };
      compare(number_in(cells[n], 0), sum_of(all, row.group, row.rows, subjects[n]));
      if (!row.second.empty())
        compare(number_in(cells[n], 1), sum_of(all, row.group, row.second, subjects[n]));
    }
  }
  // Who else sees the guest's memory: the control domain the two rings, or one.
  const std::vector<std::string> seen = cells_of(text, "who else sees the guest's memory when all is done");
  REQUIRE(seen.size() == 3);
  for (std::size_t n = 1; n < 3; ++n)
    for (const Figures& one : all["subjects"][n]["isolation"])
      if (one["who"] == "control" && one["whose"] == "guest 1")
        CHECK(one["pages_written"] == number_in(seen[n], 0));
  // What the text makes of the table.
  const std::vector<std::string> switches = cells_of(text, "the same: world switches"),
                                 lines = cells_of(text, "lines of source that the guest reached at CPL 0");
  const auto whole = [](double number) { return std::to_string(static_cast<int>(number)); };
  CHECK(has(text, whole(number_in(switches[1], 0)) + " of them for the disk, not " +
                      whole(number_in(switches[2], 0)) + ":"));
  CHECK(has(text, whole(number_in(lines[2], 0) - number_in(lines[1], 0)) + " lines less at CPL 0"));
}

TEST_CASE("numbers are found in the cells of a table") {
  CHECK(number_in(" 730 of 1,912 ", 0) == 730);
  CHECK(number_in(" 730 of 1,912 ", 1) == 1912);
  CHECK(number_in(" 99, in a process ", 0) == 99);
  CHECK(number_in(" 71 % ", 0) == 71);
  CHECK(number_in(" none ", 0) == -1);
  CHECK(cells_of("| a | 1 |\n| b | 2 | 3 |\n", "b") == std::vector<std::string>{" 2 ", " 3 "});
  CHECK(cells_of("| a | 1 |\n", "b").empty());
}

TEST_CASE("a file has as many holes as its lesson's text says") {
  const std::regex sentence("`([a-z_]+\\.cpp)` has ([a-z]+) holes"), mark("^ *//\\[");
  const std::string numbers[] = {"no", "one", "two", "three", "four", "five", "six", "seven", "eight"};
  int told = 0;
  for (const auto& entry : std::filesystem::directory_iterator(RINGSIDE_SOURCE_DIR "/roms/course")) {
    const std::string folder = entry.path().filename().string();
    if (!std::filesystem::exists(entry.path() / "lesson.md")) continue;
    CAPTURE(folder);
    const std::string text = lesson_text(folder);
    std::smatch found;
    if (!std::regex_search(text, found, sentence)) continue;
    ++told;
    std::istringstream source(read_file((entry.path() / found[1].str()).string()));
    std::size_t holes = 0;
    for (std::string line; std::getline(source, line);) holes += std::regex_search(line, mark);
    REQUIRE(holes < std::size(numbers));
    CHECK(found[2] == numbers[holes]);
  }
  CHECK(told == 14);  // all but the last, which tells of places
}

TEST_CASE("lesson 14 counts as many exits as its text says") {
  const Folder folder;
  setenv("XDG_DATA_HOME", (folder / "data").c_str(), 1);
  setenv("XDG_CACHE_HOME", RINGSIDE_BINARY_DIR "/course-cache", 1);
  REQUIRE(cli::run({"course", "solution", "14", folder / "mine", "--yes"}).status == 0);
  const Result checked = cli::run({"course", "check", "14", folder / "mine"});
  if (!std::filesystem::exists(folder / "mine/build/lesson.elf")) {
    MESSAGE("skipped: " << checked.err);
    return;
  }
  const Result result = cli::run({"-nographic", "-kernel", folder / "mine/build/lesson.elf"});
  const auto at = result.out.find("exits of L1: ");
  REQUIRE(at != result.out.npos);
  const double exits = number_in(result.out.substr(at + 12), 0);
  CAPTURE(exits);
  CHECK(std::fabs(exits - 100) <= 15);
  CHECK(has(lesson_text("14-nested"), "L1 needs a hundred exits before its guest has executed one CPUID"));
}

TEST_CASE("what the variant inside saves is what the hypervisors' pages tell") {
  if (!runs_are_measured) return;
  const std::string roms = RINGSIDE_BINARY_DIR "/roms/";
  if (!std::filesystem::exists(roms + "loft.elf")) return;
  // The nanoseconds in a tiny guest's line about this workload.
  const auto time_of = [](const std::vector<std::string>& words, const std::string& workload) {
    const Result result = cli::run(words);
    const auto line = result.out.find("tiny: " + workload + ": "), end = result.out.find(" ns each", line);
    REQUIRE(line != result.out.npos);
    return number_in(result.out.substr(result.out.rfind(' ', end - 1), end), 0);
  };
  const auto loft = [&](const std::string& variant) {
    return time_of({"-nographic", "-m", "64", "-kernel", roms + "loft.elf", "-append", variant, "-initrd",
                    roms + "loft-control.elf," + roms + "tiny.elf only=disk"},
                   "disk");
  };
  const auto lodge = [&](const std::string& variant) {
    return time_of(
        {"-nographic", "-kernel", roms + "lodge.elf", "-initrd", roms + "lodge-vmm.elf," + roms + "tiny.elf",
         "-append", variant + "lodge-vmm tiny.elf mem=32 -- only=ports"},
        "ports");
  };
  // The two numbers of a sentence that begins with the first one and has ", not " before the second one.
  const auto told = [](const std::string& page, const std::string& unit) {
    const std::string text = read_file(RINGSIDE_SOURCE_DIR "/roms/" + page + "/README.md");
    const auto at = text.find(unit), second = text.find(", not ", at);
    REQUIRE(at != text.npos);
    REQUIRE(second != text.npos);
    const auto first = text.find_last_of(" ;|", at - 1);
    return std::pair(std::stod(text.substr(first + 1)), std::stod(text.substr(second + 6)));
  };
  // Another compiler's programs have other times, by some percent.
  const auto near = [](double value) { return doctest::Approx(value).epsilon(0.12); };
  const auto disk = told("loft", " us for a page written and read over the ring");
  CHECK(disk.first * 1000 == near(loft("inside")));
  CHECK(disk.second * 1000 == near(loft("")));
  const auto ports = told("lodge", " ns a pair of accesses");
  CHECK(ports.first == near(lodge("inside; ")));
  CHECK(ports.second == near(lodge("")));
}
