// Owns the tests of suites as files: unittests.cfg, images with their expectation, words as a shell reads
// them.
#include <doctest/doctest.h>

#include <algorithm>

#include "frontend/conform/suites/load_suites.h"
#include "frontend/conform/suites/shell_words.h"
#include "frontend/conform/suites/unittests_cfg.h"
#include "tests/cli/program.h"

using namespace ringside;
using namespace ringside::conform;
using cli::Folder;

namespace {

bool has_words(const Test& test, const std::vector<std::string>& wanted) {
  return std::search(test.words.begin(), test.words.end(), wanted.begin(), wanted.end()) != test.words.end();
}

std::vector<Test> read(const Folder& folder, std::string_view text, CfgSurroundings around = {}) {
  around.folder = folder / "";
  return read_unittests_cfg("unittests.cfg", text, around);
}

}  // namespace

TEST_CASE("words as a shell reads them") {
  using Words = std::vector<std::string>;
  CHECK(plain_words("-cpu max,+vmx  -m 256") == Words{"-cpu", "max,+vmx", "-m", "256"});
  CHECK(plain_words(R"(-append 'a b' "c \"d\"" e\ f '')") == Words{"-append", "a b", "c \"d\"", "e f", ""});
  CHECK(plain_words("") == Words{});
  CHECK_FALSE(plain_words("\"1 `date`\""));
  CHECK_FALSE(plain_words("$HOME"));
  CHECK_FALSE(plain_words("'open"));
  CHECK(quoted("-cpu") == "-cpu");
  CHECK(quoted("it's") == R"('it'\''s')");
  CHECK(quoted("") == "''");
}

TEST_CASE("a section of unittests.cfg is a test as the suite's own runner starts it") {
  const Folder folder;
  folder.write("a.flat", "x");
  const auto tests = read(folder, R"(# a comment
[first]
file = a.flat
smp = 2
test_args = 'one two'
qemu_params = -cpu max,+vmx
groups = vmx long
timeout = 2m
unknown = 1

[second]
file = a.flat
extra_params = """-m 256 \
  -cpu max"""
)");
  REQUIRE(tests.size() == 2);
  CHECK(tests[0].name == "first");
  CHECK(tests[0].suite == "unittests.cfg");
  CHECK(tests[0].place == "unittests.cfg:2");
  CHECK(tests[0].tags == std::vector<std::string>{"vmx", "long"});
  CHECK(tests[0].limits.host_seconds == 120);
  CHECK(tests[0].skip == "");
  CHECK(has_words(tests[0], {"-device", "isa-debug-exit,iobase=0xf4,iosize=0x4"}));
  CHECK(has_words(tests[0], {"-smp", "2", "-append", "one two", "-cpu", "max,+vmx"}));
  CHECK(tests[0].environment == "TARGET=\nQEMU_ACCEL=tcg\nERRATA_FORCE=y\n");
  CHECK(tests[1].limits.host_seconds == 90);
  CHECK(has_words(tests[1], {"-smp", "1", "-m", "256", "-cpu", "max"}));
}

TEST_CASE("what only a shell can expand is left to one") {
  const Folder folder;
  folder.write("a.flat", "x");
  const auto tests = read(folder, "[clock]\nfile = a.flat\ntest_args = \"1 `date +%s`\"\n");
  REQUIRE(tests.size() == 1);
  CHECK(tests[0].shell_words == "-smp 1 -append \"1 `date +%s`\"");
}

TEST_CASE("tests of unittests.cfg that its runner passes over") {
  const Folder folder;
  folder.write("a.flat", "x");
  folder.write("level", "Y\n");
  const std::string level = folder / "level";
  const auto tests = read(folder,
                          "[other]\nfile = a.flat\narch = i386\n"
                          "[kvm]\nfile = a.flat\naccel = kvm\n"
                          "[manual]\nfile = a.flat\ngroups = slow nodefault\n"
                          "[met]\nfile = a.flat\ncheck = " +
                              level +
                              "=Y\n"
                              "[unmet]\nfile = a.flat\ncheck = " +
                              level + "=Y " + level +
                              "=N\n"
                              "[gone]\nfile = b.flat\n"
                              "[met]\nfile = a.flat\n");
  REQUIRE(tests.size() == 7);
  CHECK(tests[0].skip == "i386 only");
  CHECK(tests[1].skip == "kvm only, but ACCEL=tcg");
  CHECK(tests[2].skip == "test marked as manual run only");
  CHECK(tests[2].manual);
  CHECK(tests[3].skip == "");
  CHECK(tests[4].skip == level + " not equal to N");
  CHECK(tests[5].skip.find("not found") != std::string::npos);
  CHECK(tests[6].broken.find("a test of this name stands above") != std::string::npos);
  CHECK(tests[3].broken == "");
}

TEST_CASE("an image with its expectation beside it") {
  const Folder folder;
  const std::string image = folder.write("rom.bin", std::string(0x10000, '\xff'));
  folder.write("rom.bin.expect", "first\n\nsecond.*\n! panic\n");
  std::vector<Test> tests;
  std::string error;
  REQUIRE(load_suite(image, tests, error));
  REQUIRE(tests.size() == 1);
  CHECK(tests[0].name == "rom.bin");
  CHECK(tests[0].words == std::vector<std::string>{"-bios", image});
  CHECK(tests[0].expect == std::vector<std::string>{"first", "second.*"});
  CHECK(tests[0].absent == std::vector<std::string>{"panic"});
  CHECK(image_test(image, "").broken.find("no expectation") != std::string::npos);
  folder.write("kernel", std::string("\177ELF") + std::string(100, '\0'));
  CHECK(image_test(folder / "kernel", "x").words == std::vector<std::string>{"-kernel", folder / "kernel"});
  CHECK(image_test(folder / "none", "x").broken.find("not there") != std::string::npos);
}

TEST_CASE("a folder's suites come by their names; places without one are told in a line") {
  const Folder folder;
  folder.write("b.cfg", "[b]\nfile = none\n");
  folder.write("a.bin", std::string(0x10000, '\xff'));
  folder.write("a.bin.expect", "x\n");
  std::vector<Test> tests;
  std::string error;
  REQUIRE(load_suite(folder / "", tests, error));
  REQUIRE(tests.size() == 2);
  CHECK(tests[0].name == "a.bin");
  CHECK(tests[1].name == "b");
  const Folder empty;
  for (const std::string& place :
       {empty / "", empty / "none", empty.write("bare", "x"), empty.write("empty.cfg", "file = x\n")}) {
    CAPTURE(place);
    error.clear();
    CHECK_FALSE(load_suite(place, tests, error));
    CHECK(error.starts_with(place));
    CHECK(error.find('\n') == std::string::npos);
  }
}

TEST_CASE("disabled_if is a condition of the shell's, as the suite's own runner has it") {
  const Folder folder;
  folder.write("a.flat", "x");
  const auto tests = read(folder, R"([off]
file = a.flat
disabled_if = [[ "$ACCEL" == "tcg" ]]
[on]
file = a.flat
disabled_if = [ "$ACCEL" = kvm ] && echo "quotes ' and ends"; false
)");
  REQUIRE(tests.size() == 2);
  CHECK(tests[0].skip == "disabled because: [[ \"$ACCEL\" == \"tcg\" ]]");
  CHECK(tests[1].skip == "");
}
