// Owns the lint of the pages, and that each of its rules would notice.
#include "tests/lint/pages.h"

#include <doctest/doctest.h>

using namespace ringside::lint;

namespace {

const std::vector<File>& house() {
  static const std::vector<File> files = all_files(RINGSIDE_SOURCE_DIR);
  return files;
}

}  // namespace

TEST_CASE("what the pages name is there") {
  for (const File& file : house()) {
    for (const std::string& complaint : check_paths(file, house())) FAIL_CHECK(complaint);
  }
}

TEST_CASE("the glossary's words live where it says") {
  for (const std::string& complaint : check_glossary(house())) FAIL_CHECK(complaint);
}

TEST_CASE("each image of system behaviour is in the table") {
  for (const std::string& complaint : check_images(house())) FAIL_CHECK(complaint);
}

TEST_CASE("the rules of pages notice") {
  std::vector<File> all = {make_file("mmu/tlb.h", "// Owns a Fast tag.\n"),
                           make_file("tests/mmu/tlb_test.cpp", "TEST_CASE(\"tags lead\") {\n")};
  const auto paths = [&](const char* text) { return check_paths(make_file("X.md", text), all); };
  CHECK(
      paths("`mmu/tlb.h`, `mmu`, `mmu/`, `mmu/*.h`, `tests/*/tlb_test.cpp`, `build/x`, `mmu/<x>.h`").empty());
  CHECK(paths("`mmu/tbl.h`") == Complaints{"X.md:1: names mmu/tbl.h, which is not there"});
  CHECK(paths("`mmu/*.c`").size() == 1);
  CHECK(paths("`mmu/tlb`").size() == 1);
  CHECK(paths("`mmu/t`").size() == 1);
  CHECK(paths("`tests/*.cpp`").size() == 1);
  CHECK(paths("\"tags lead\" in `tests/mmu/tlb_test.cpp`").empty());
  CHECK(paths("\"tags follow\" in `tests/mmu/tlb_test.cpp`") ==
        Complaints{"X.md:1: tests/mmu/tlb_test.cpp does not say \"tags follow\""});
  CHECK(paths("\"tags lead\" in `tests/mmu/`").size() == 1);
  CHECK(check_paths(make_file("x.txt", "`mmu/tbl.h`"), all).empty());

  CHECK(check_glossary(all) == Complaints{"tests/glossary.md:1: is missing"});
  const auto glossary = [&](const char* text) {
    all.resize(2);
    all.push_back(make_file("tests/glossary.md", text));
    return check_glossary(all);
  };
  CHECK(glossary("| **fast tag** | A word. | `mmu/tlb.h` |\n| **owns**, **tag** | `x` | `mmu/tlb.h` |\n")
            .empty());
  CHECK(glossary("| **tag** | A word. | `mmu/tlb.h` |\n").size() == 1);
  CHECK(glossary("| **tag**, **slot** | A word. | `mmu/tlb.h` |\n") ==
        Complaints{"tests/glossary.md:1: mmu/tlb.h does not know the word \"slot\""});
  CHECK(glossary("| **tag**, **owns** | A word. | `mmu/tbl.h` |\n").size() == 2);

  std::vector<File> images = {make_file("tests/system/README.md", "| a | topic | 1 |\n"),
                              make_file("tests/system/a.asm", ""),
                              make_file("tests/system/common/b.asm", "")};
  CHECK(check_images(images).empty());
  images.push_back(make_file("tests/system/c.asm", ""));
  CHECK(check_images(images) == Complaints{"tests/system/c.asm:1: has no row in tests/system/README.md"});
}
