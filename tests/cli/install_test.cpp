// Owns the tests of an installation: the program runs from there and finds its guests, the man page renders,
// completion completes.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "tests/cli/program.h"

using namespace ringside::cli;

namespace {

// By a shell, whose standard error goes to a file of the folder.
Result by_shell(const Folder& folder, const std::string& command) {
  const std::string out = folder / "out", err = folder / "err";
  Result result;
  const int status = std::system(("{ " + command + "\n} > " + out + " 2> " + err).c_str());
  result.status = status < 0 ? status : status >> 8;
  result.out = read_file(out);
  result.err = read_file(err);
  return result;
}

// What bash offers for the last of the words, one a line.
std::string completed(const Folder& folder, const std::string& words) {
  const std::string script = folder / "completion";
  by_shell(folder, RINGSIDE_BINARY_DIR "/ringside help bash > " + script);
  std::istringstream each(words);
  int count = 0;
  for (std::string word; each >> word;) ++count;
  const Result result = by_shell(folder, "bash --norc -c '. " + script + "; COMP_WORDS=(" + words +
                                             ") COMP_CWORD=" + std::to_string(count - 1) +
                                             "; _ringside; printf \"%s\\n\" \"${COMPREPLY[@]}\"'");
  CHECK(result.err == "");
  return "\n" + result.out;
}

}  // namespace

TEST_CASE("what is installed runs from its place and finds its guests") {
  const Folder folder;
  const std::string prefix = folder / "prefix";
  const Result installed =
      by_shell(folder, CMAKE_PROGRAM " --install " RINGSIDE_BINARY_DIR " --prefix " + prefix);
  REQUIRE_MESSAGE(installed.status == 0, installed.err);
  const std::string program = "cd / && " + prefix + "/bin/ringside ";
  const Result visor = by_shell(folder, program);
  CHECK(visor.status == 0);
  CHECK(has(visor.out, "VMXOFF, power off"));
  const Result hello = by_shell(folder, program + "-bios hello.bin");
  CHECK(hello.status == 0);
  CHECK(hello.out != visor.out);
  CHECK(hello.out.size() > 100);
  const Result absent = by_shell(folder, program + "-bios absent.bin");
  CHECK(absent.status == 1);
  CHECK(has(absent.err, "absent.bin"));
  CHECK(read_file(prefix + "/share/man/man1/ringside.1") == run({"help", "man"}).out);
  CHECK(read_file(prefix + "/share/bash-completion/completions/ringside") == run({"help", "bash"}).out);
}

TEST_CASE("the window and the VNC server are modules, which only those miss who ask for them") {
  const Folder folder;
  const std::string prefix = folder / "prefix";
  REQUIRE(by_shell(folder, CMAKE_PROGRAM " --install " RINGSIDE_BINARY_DIR " --prefix " + prefix).status ==
          0);
  const std::string program = "SDL_VIDEODRIVER=dummy " + prefix + "/bin/ringside ";
  const std::string hello = program + "-bios hello.bin ";
  // A program that was built without SDL says so, which is the module's word, too.
  const Result window = by_shell(folder, hello + "-display sdl");
  CHECK((window.status == 0 || has(window.err, "built without SDL")));
  const std::string modules = prefix + "/lib/ringside/";
  for (const auto& [file, flag] :
       {std::pair{"ringside-window.so", "-display sdl"}, {"ringside-vnc.so", "-vnc :77"}}) {
    CAPTURE(file);
    REQUIRE(std::filesystem::remove(modules + file));
    const std::string name = "ringside: " + std::string(flag, std::string_view(flag).find(' '));
    const Result without = by_shell(folder, hello + flag);
    CHECK(without.status == 1);
    CHECK(has(without.err, std::string(file) + " is neither beside the program nor in ../lib/ringside"));
    CHECK(without.err.starts_with(name));
    CHECK(std::count(without.err.begin(), without.err.end(), '\n') == 1);
    std::ofstream(modules + file) << "no shared object";
    const Result broken = by_shell(folder, hello + flag);
    CHECK(broken.status == 1);
    CHECK(has(broken.err, std::string(file) + " cannot be loaded: "));
    CHECK(std::count(broken.err.begin(), broken.err.end(), '\n') == 1);
  }
  const Result inspector = by_shell(folder, hello + "-inspector");
  CHECK(has(inspector.err, "ringside: --inspector: ringside-window.so cannot be loaded: "));
  CHECK(by_shell(folder, hello).status == 0);
}

TEST_CASE("a program that loads its tools says in one line that they are missing, and runs without") {
  const Folder folder;
  const std::string program = folder / "alone";
  REQUIRE(by_shell(folder, "cp " RINGSIDE_BINARY_DIR "/ringside " + program).status == 0);
  const Result alone = by_shell(folder, program + " debug --help");
  if (std::filesystem::exists(RINGSIDE_BINARY_DIR "/ringside-tools.so")) {
    CHECK(alone.status == 1);
    CHECK(alone.err.starts_with("ringside: debug: ringside-tools.so is neither beside the program nor in "));
    CHECK(has(alone.err, "; ./go build makes it"));
    CHECK(std::count(alone.err.begin(), alone.err.end(), '\n') == 1);
  } else {
    CHECK(alone.status == 0);
  }
  const Result explained = by_shell(folder, program + " explain");
  CHECK(explained.status == 0);
  CHECK(has(explained.err, "VM exit 1: "));
}

TEST_CASE("another project finds the installed program, and ctest each test of its suites") {
  const Folder folder;
  const std::string prefix = folder / "prefix", project = folder / "project", build = folder / "build";
  const auto shell = [&](const std::string& command) { return by_shell(folder, command); };
  REQUIRE(shell(CMAKE_PROGRAM " --install " RINGSIDE_BINARY_DIR " --prefix " + prefix).status == 0);
  // A name with characters that mean something to CMake and to a regular expression.
  const std::string suite = project + "/suite", odd = "h+(e) [llo;$].bin";
  const std::string image = prefix + "/share/ringside/roms/hello.bin ";
  REQUIRE(shell("mkdir -p " + suite + " && cp " + image + suite + "/fails.bin && cp " + image + "'" + suite +
                "/" + odd + "'")
              .status == 0);
  folder.write("project/suite/" + odd + ".expect", "made of [g]lass\n");
  folder.write("project/suite/fails.bin.expect", "nobody prints this\n");
  folder.write("project/CMakeLists.txt",
               "cmake_minimum_required(VERSION 3.18)\nproject(other NONE)\n"
               "find_package(ringside REQUIRED)\nenable_testing()\n"
               "ringside_discover_tests(suite PREFIX rom. LABELS emulated RUN_FLAGS -m 32)\n"
               "ringside_discover_tests(absent.cfg)\n");
  const Result configured = shell(CMAKE_PROGRAM " -G '" CMAKE_GENERATOR "' -S " + project + " -B " + build +
                                  " -DCMAKE_PREFIX_PATH=" + prefix);
  REQUIRE_MESSAGE(configured.status == 0, configured.err);
  const std::string ctest = "XDG_CACHE_HOME=" + (folder / "cache") + " " CTEST_PROGRAM " --test-dir " + build;
  const Result listed = shell(ctest + " -N -L emulated");
  CHECK(has(listed.out, ": rom." + odd + ": " + odd + "\n"));
  CHECK(has(listed.out, "Total Tests: 2\n"));
  const Result ran = shell(ctest + " -V");
  CHECK(ran.status != 0);
  CHECK_MESSAGE(has(ran.out, "33% tests passed, 2 tests failed out of 3"), ran.out);
  CHECK(has(ran.out, "PASSED 1 tests: 1 passed"));
  CHECK(has(ran.out, "0 passed, 1 failed"));
  CHECK(has(ran.out, "rom.fails.bin: fails.bin (Failed)"));
  CHECK(has(ran.out, "absent.cfg: no such suite"));
}

TEST_CASE("the man page is roff without a fault, and has every flag and exit status") {
  const std::string page = run({"help", "man"}).out;
  const std::string markdown = run({"help", "markdown"}).out;
  std::istringstream lines(markdown);
  int flags = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `")) continue;
    std::string name;
    for (const char c : line.substr(3, line.find_first_of(" `", 3) - 3))
      name += c == '-' ? "\\-" : std::string(1, c);
    CHECK_MESSAGE(has(page, "\n\\fB" + name + "\\fR"), name);
    ++flags;
  }
  CHECK(flags > 30);
  CHECK(has(page, ".TP\n\\fBShift\\-F11\\fR\nuntil the function has returned\n"));
  // The README's table of exit statuses is that of the man page.
  const std::string readme = read_file(RINGSIDE_SOURCE_DIR "/README.md");
  std::istringstream table(readme.substr(readme.find("## Exit statuses")));
  int statuses = 0;
  for (std::string line; std::getline(table, line) && !line.starts_with("Every failure");) {
    if (!line.starts_with("| ") || line.starts_with("| status")) continue;
    std::string text;
    bool bold = false;
    for (std::size_t n = 2; n + 2 < line.size(); ++n) {
      const char c = line[n];
      if (c == '\\') continue;
      if (c == '`') bold = !bold;
      text += c == '-' ? "\\-" : c == '`' ? (bold ? "\\fB" : "\\fR") : std::string(1, c);
    }
    const std::size_t bar = text.rfind(" | ");
    CHECK_MESSAGE(has(page, ".TP\n\\fB" + text.substr(0, bar) + "\\fR\n" + text.substr(bar + 3) + "\n"),
                  text);
    ++statuses;
  }
  CHECK(statuses == 6);
  const Folder folder;
  if (by_shell(folder, "command -v groff").status != 0) {
    MESSAGE("groff is not here: the page was not rendered");
    return;
  }
  const std::string file = folder.write("ringside.1", page);
  const Result rendered = by_shell(folder, "groff -man -ww -Tascii " + file);
  CHECK(rendered.status == 0);
  CHECK(rendered.err == "");
  CHECK(has(rendered.out, "the command line is wrong"));
}

TEST_CASE("bash completes subcommands, flags, files, CPU models, features and devices") {
  const Folder folder;
  if (by_shell(folder, "command -v bash").status != 0) {
    MESSAGE("bash is not here: nothing was completed");
    return;
  }
  CHECK(completed(folder, "ringside exp") == "\nexplain\n");
  CHECK(completed(folder, "ringside -ker") == "\n-kernel\n");
  CHECK(completed(folder, "ringside run --time") == "\n--timeout\n");
  CHECK(completed(folder, "ringside help ma") == "\nmarkdown\nman\n");
  CHECK(completed(folder, "ringside --msrs stri") == "\nstrict\n");
  CHECK(completed(folder, "ringside --msrs = len") == "\nlenient\n");
  CHECK(has(completed(folder, "ringside -cpu m"), "\nmax\n"));
  CHECK(has(completed(folder, "ringside -cpu max,+vm"), "\nmax,+vmx\n"));
  CHECK(has(completed(folder, "ringside -cpu max,+vmx,-avx"), "\nmax,+vmx,-avx\n") ==
        has(run({"cpus"}).out, " avx"));
  CHECK(completed(folder, "ringside -device isa") == "\nisa-debug-exit\n");
  CHECK(completed(folder, "ringside -m 5") == "\n\n");
  folder.write("kernel.elf", "");
  CHECK(completed(folder, "ringside -kernel " + (folder / "ker")) == "\n" + (folder / "kernel.elf") + "\n");
  CHECK(completed(folder, "ringside -serial file : " + (folder / "ker")) ==
        "\n" + (folder / "kernel.elf") + "\n");
}
