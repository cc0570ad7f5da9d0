// Owns the tests of suites in TOML: what they say, and what is said of their slips.
#include <doctest/doctest.h>

#include <algorithm>

#include "frontend/conform/suites/suite_keys.h"
#include "frontend/conform/suites/toml_suite.h"
#include "tests/cli/program.h"

using namespace ringside;
using namespace ringside::conform;

namespace {

std::vector<Test> read(std::string_view text, std::string* error = nullptr) {
  std::vector<Test> tests;
  std::string why;
  const bool good = read_toml_suite("suites/a.toml", text, tests, why);
  if (error) *error = why;
  if (!error) REQUIRE_MESSAGE(good, why);
  return tests;
}

bool has_words(const Test& test, const std::vector<std::string>& wanted) {
  return std::search(test.words.begin(), test.words.end(), wanted.begin(), wanted.end()) != test.words.end();
}

// What is wrong with the one test.
std::string slip(std::string_view text) {
  const auto tests = read(text);
  REQUIRE(tests.size() == 1);
  return tests[0].broken;
}

}  // namespace

TEST_CASE("a suite in TOML") {
  const auto tests = read(R"(
[defaults]
memory = "64M"
tags = "all"
host_seconds = 20

[[test]]
name = "boots"
kernel = "k.elf"
append = "quiet"
initrd = "a.gz x=1,,2, b.bin,/c"
build = "make k.elf"
drives = ["a.img", "file=b.img,if=floppy"]
cpu = "max"
smp = 2
expect = ["^one", "two"]
absent = "panic"
instructions = 1000
tags = ["slow"]

[[test]]
name = "status"
image = "rom.bin"
exit_status = 33
ending = "debug-exit"
known_failure = "not yet"
)");
  REQUIRE(tests.size() == 2);
  const Test& boots = tests[0];
  CHECK(boots.broken == "");
  CHECK(boots.suite == "suites/a.toml");
  CHECK(boots.place == "suites/a.toml:7");
  CHECK(boots.image == "suites/k.elf");
  CHECK(has_words(boots, {"-kernel", "suites/k.elf", "-append", "quiet"}));
  CHECK(has_words(boots, {"-initrd", "suites/a.gz x=1,,2,suites/b.bin,/c"}));
  CHECK(has_words(boots, {"-drive", "file=suites/a.img,format=raw,if=ide,snapshot=on"}));
  CHECK(has_words(boots, {"-drive", "file=suites/b.img,if=floppy"}));
  CHECK(has_words(boots, {"-cpu", "max", "-m", "64M", "-smp", "2"}));
  CHECK(boots.build == "make k.elf");
  CHECK(boots.build_folder == "suites");
  CHECK(boots.expect == std::vector<std::string>{"^one", "two"});
  CHECK(boots.absent == std::vector<std::string>{"panic"});
  CHECK(boots.tags == std::vector<std::string>{"all", "slow"});
  CHECK(boots.limits.instructions == 1000);
  CHECK(boots.limits.host_seconds == 20);
  CHECK(tests[1].image_by_look);
  CHECK(tests[1].status == 33);
  CHECK(tests[1].ending == "debug-exit");
  CHECK(tests[1].known_failure == "not yet");
}

TEST_CASE("a matrix is a test for each combination") {
  const auto tests = read(R"(
[[test]]
name = "vmx"
image = "k"
matrix = {cpu = ["max", "Skylake-Server"], features = ["+vmx", "-vmx"], smp = [1, 2]}
)");
  REQUIRE(tests.size() == 8);
  CHECK(std::any_of(tests.begin(), tests.end(), [](const Test& test) {
    return test.name == "vmx [cpu=Skylake-Server features=-vmx smp=2]" &&
           has_words(test, {"-cpu", "Skylake-Server,-vmx", "-smp", "2"});
  }));
}

TEST_CASE("a slip says where it is, what was expected, and what may be meant; the other tests stand") {
  CHECK(slip("[[test]]\nname = \"a\"\nimgae = \"k\"\n") ==
        "suites/a.toml:3:9: imgae: there is no such key; did you mean image?");
  CHECK(
      slip("[[test]]\nname = \"a\"\nimage = \"k\"\ncoverage = [\"exit EPT violatoin\"]\n") ==
      "suites/a.toml:4:12: coverage: wanted is a name that there is; \"exit EPT violatoin\" is none, did you "
      "mean \"exit EPT violation\"?");
  CHECK(slip("[[test]]\nname = \"a\"\nimage = \"k\"\ncoverage = \"exits 3\"\n")
            .find("begins with exit, error, ") != std::string::npos);
  CHECK(slip("[[test]]\nname = \"a\"\nimage = 3\n") ==
        "suites/a.toml:3:9: image: text in quotes was expected, not a whole number");
  CHECK(slip("[[test]]\nname = \"a\"\nimage = \"k\"\nexit_status = 256\n") ==
        "suites/a.toml:4:15: exit_status: wanted is a whole number from 0 to 255");
  CHECK(slip("[[test]]\nimage = \"k\"\n").find("name: text in quotes was expected") != std::string::npos);
  CHECK(slip("[[test]]\nname = \"a\"\nimage = \"k\"\nexpect = \"(\"\n").find("POSIX extended") !=
        std::string::npos);
  CHECK(slip("[[test]]\nname = \"a\"\nimage = \"k\"\nexpect = \"a\"\nexit_status = 1\n").find("to_the_end") !=
        std::string::npos);
  CHECK(
      slip("[[test]]\nname = \"a\"\nimage = \"k\"\nmatrix = {cpus = [\"a\"]}\n").find("did you mean cpu?") !=
      std::string::npos);
  CHECK(slip("[[test]]\nname = \"a\"\nlines = [{pattern = \"x\", verdict = \"pass\"}]\n")
            .find("pass is none") != std::string::npos);
  CHECK(slip("[[test]]\nname = \"a\"\n").find("nothing to boot") != std::string::npos);
  const auto tests = read(
      "[[test]]\nname = \"a\"\nimage = 3\n[[test]]\nname = \"b\"\nimage = \"k\"\n"
      "[[test]]\nname = \"b\"\nimage = \"k\"\n");
  REQUIRE(tests.size() == 3);
  CHECK(tests[0].broken != "");
  CHECK(tests[1].broken == "");
  CHECK(tests[2].broken.find("a test of this name stands above") != std::string::npos);
}

TEST_CASE("what is no suite in TOML is told in a line") {
  std::string error;
  for (const auto& [text, line] :
       {std::pair<std::string_view, std::string_view>{"[[test]\n", "suites/a.toml:1:"},
        {"", "suites/a.toml: no test in it"},
        {"[[tests]]\nname = \"a\"\n", "did you mean test?"},
        {"test = 3\n", "write [defaults], and [[test]]"},
        {"[defaults]\nimage = 1\n[[test]]\nname = \"a\"\n", "suites/a.toml:2:9: image"}}) {
    CAPTURE(text);
    const auto tests = read(text, &error);
    CHECK(tests.empty());
    CHECK(error.find(line) != std::string::npos);
    CHECK(error.find('\n') == std::string::npos);
  }
}

TEST_CASE("the schema for editors is that of the table of keys") {
  CHECK_MESSAGE(
      cli::read_file(RINGSIDE_SOURCE_DIR "/frontend/conform/suites/suite.schema.json") == suite_schema(),
      "write the output of `ringside test --schema` into frontend/conform/suites/suite.schema.json");
}

TEST_CASE("a fixture is described as a test is, and tests name it") {
  const auto tests = read(R"(
[defaults]
memory = "64M"

[[fixture]]
name = "booted"
kernel = "k.elf"
expect = "^#"

[[test]]
name = "one"
fixture = "booted"
send = "a\\b\n"
expect = "b"
)");
  REQUIRE(tests.size() == 1);
  CHECK(tests[0].broken == "");
  REQUIRE(tests[0].fixture);
  CHECK(tests[0].fixture->name == "fixture booted");
  CHECK(has_words(*tests[0].fixture, {"-kernel", "suites/k.elf"}));
  CHECK(has_words(*tests[0].fixture, {"-m", "64M"}));
  CHECK(has_words(tests[0], {"--send", "a\\\\b\\n"}));
  const auto broken = [](const std::string& fixture) {
    const auto all =
        read("[[fixture]]\nname = \"f\"\n" + fixture + "[[test]]\nname = \"t\"\nfixture = \"f\"\n");
    REQUIRE(all.size() == 1);
    REQUIRE(all[0].fixture);
    return all[0].fixture->broken;
  };
  CHECK(broken("") ==
        "suites/a.toml:1:1: a fixture is saved where its lines have matched; add expect, or expect_screen");
  CHECK(
      broken("expect = \"x\"\nfixture = \"f\"\n").ends_with("a fixture begins with no other; leave it out"));
  CHECK(broken("expect = \"x\"\nto_the_end = true\n").find("to_the_end") != std::string::npos);
  CHECK(broken("expect = \"x\"\nmatrix = {smp = [1, 2]}\n").find("one machine") != std::string::npos);
}
