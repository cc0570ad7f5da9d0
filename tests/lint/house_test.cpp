// Owns the lint: the house keeps its rules, and each rule would notice if not.
#include "tests/lint/house.h"

#include <doctest/doctest.h>

#include <filesystem>

using namespace ringside::lint;

namespace {

const std::vector<File>& house() {
  static const std::vector<File> files = all_files(RINGSIDE_SOURCE_DIR);
  return files;
}

void none(const Complaints& complaints) {
  for (const std::string& complaint : complaints) FAIL_CHECK(complaint);
}

template <class Rule>
void for_each_file(Rule rule) {
  REQUIRE(house().size() > 50);
  for (const File& file : house()) none(rule(file));
}

}  // namespace

TEST_CASE("includes go down the list of rooms") {
  for_each_file([](const File& file) { return check_includes(file, house()); });
}
TEST_CASE("no file is too long") { for_each_file(check_length); }
TEST_CASE("every source opens with what it owns") { for_each_file(check_opening); }
TEST_CASE("no tabs, no blanks at the end of a line") { for_each_file(check_blanks); }
TEST_CASE("no places of one machine") { for_each_file(check_words); }
TEST_CASE("the top level") { none(check_layout(house())); }
TEST_CASE("no two files of one name") { none(check_names(house())); }
TEST_CASE("every group of rows is in the table") { none(check_rows_listed(house())); }

TEST_CASE("each rule notices") {
  const std::vector<File> all = {
      make_file("cpu/arch/a.h", "// Owns a.\n"), make_file("mmu/m.h", "// Owns m.\n"),
      make_file("cpu/state/s.h", "// Owns s.\n"), make_file("devices/bus/b.h", "// Owns b.\n")};
  const auto includes = [&](const char* path, const char* text) {
    return check_includes(make_file(path, text), all);
  };
  CHECK(
      includes("mmu/m.cpp", "#include \"cpu/arch/a.h\"\n#include \"mmu/m.h\"\n#include <vector>\n").empty());
  CHECK(includes("devices/d.cpp", "#include \"devices/bus/b.h\"\n#include \"cpu/state/s.h\"\n").empty());
  CHECK(includes("cpu/state/s.cpp", "#include \"mmu/m.h\"\n").empty());
  CHECK(includes("cpu/arch/a.cpp", "\n#include \"mmu/m.h\"\n") ==
        Complaints{"cpu/arch/a.cpp:2: a file of cpu/arch/ includes mmu/m.h, but includes go down the list of "
                   "rooms only"});
  CHECK(includes("mmu/m.cpp", "#include \"devices/bus/b.h\"\n").size() == 1);
  CHECK(includes("mmu/m.cpp", "#include \"m.h\"\n").size() == 1);
  CHECK(includes("mmu/m.cpp", "#include \"cpu/arch/gone.h\"\n").size() == 1);
  CHECK(includes("attic/x.cpp", "").size() == 1);

  std::string text = "// Owns x.\n";
  for (int n = 1; n < 600; ++n) text += "\n";
  CHECK(check_length(make_file("mmu/x.cpp", text)).empty());
  CHECK(check_length(make_file("mmu/x.cpp", text + "\n")).size() == 1);
  CHECK(check_length(make_file("x.json", text + "\n")).empty());

  CHECK(check_opening(make_file("mmu/x.cpp", "// Owns x.\n")).empty());
  CHECK(check_opening(make_file("mmu/x.cpp", "// About x.\n")).size() == 1);
  CHECK(check_opening(make_file("mmu/x.cpp", "")).size() == 1);
  CHECK(check_opening(make_file("x.sh", "#!/bin/sh\n# Owns x.\n")).empty());
  CHECK(check_opening(make_file("x.sh", "#!/bin/sh\nset -e\n")).size() == 1);

  CHECK(check_blanks(make_file("x.h", "a\n b\n")).empty());
  CHECK(check_blanks(make_file("x.h", "a\tb\n")) == Complaints{"x.h:1: holds a tab"});
  CHECK(check_blanks(make_file("x.h", "a\nb \n")) == Complaints{"x.h:2: ends in a blank"});

  const std::string place = std::string("/") + "work" + "/x", scratch = std::string("/") + "tmp" + "/x";
  CHECK(check_words(make_file("tests/x.cpp", place)).size() == 1);
  CHECK(check_words(make_file("mmu/x.cpp", scratch)).size() == 1);
  CHECK(check_words(make_file("tests/x.cpp", scratch)).empty());

  std::vector<File> top = {make_file("CMakeLists.txt", ""), make_file("CMakePresets.json", ""),
                           make_file("LICENSE", ""),        make_file("README.md", ""),
                           make_file("go", "#!/bin/sh\n"),  make_file("mmu/x.h", "")};
  CHECK(check_layout(top).empty());
  top.push_back(make_file("stay", "#!/bin/sh\n"));
  CHECK(check_layout(top).size() == 1);
  top.back() = make_file("notes.txt", "");
  CHECK(check_layout(top).size() == 1);
  top.back() = make_file("docs/notes.md", "");
  CHECK(check_layout(top).size() == 1);
  top.erase(top.begin());
  CHECK(check_layout(top).size() == 2);

  std::vector<File> names = {make_file("cpu/a/x.h", ""), make_file("cpu/a/x.cpp", ""),
                             make_file("tests/x.h", ""), make_file("vmx/y.h", "")};
  CHECK(check_names(names).empty());
  names.push_back(make_file("vmx/x.h", ""));
  CHECK(check_names(names) == Complaints{"vmx/x.h:1: has the name of cpu/a/x.h"});

  std::vector<File> rows = {make_file("cpu/decode/rows/all.inc", "#include \"cpu/decode/rows/x.inc\"\n"),
                            make_file("cpu/decode/rows/x.inc", "")};
  CHECK(check_rows_listed(rows).empty());
  rows.push_back(make_file("cpu/decode/rows/y.inc", ""));
  CHECK(check_rows_listed(rows).size() == 1);
}
