// Owns the tests of source text: where files are found, and the commands that show them.
#include "frontend/symbols/source.h"

#include <fmt/format.h>

#include <filesystem>

#include "tests/debug/files.h"
#include "tests/debug/prompt.h"

using namespace ringside;

namespace {

namespace fs = std::filesystem;

struct TemporaryFolder {
  std::string path = std::string(std::getenv("TMPDIR") ? std::getenv("TMPDIR") : "/tmp") + "/ringside-XXXXXX";

  TemporaryFolder() { REQUIRE(::mkdtemp(path.data())); }
  ~TemporaryFolder() {
    std::error_code problem;
    fs::remove_all(path, problem);
  }
  std::string write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(path + "/" + name).parent_path());
    std::ofstream(path + "/" + name, std::ios::binary) << text;
    return path + "/" + name;
  }
};

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

}  // namespace

TEST_CASE("a source file is found by as much of the end of its path as there is") {
  const TemporaryFolder folder, second;
  const std::string deep = folder.write("arch/x86/kvm/mmu.c", "deep\n"),
                    flat = folder.write("mmu.c", "flat\n"), other = second.write("mmu.c", "other\n");
  SourceFiles sources;
  CHECK_FALSE(sources.find("/build/linux/arch/x86/kvm/mmu.c").has_value());
  CHECK(sources.find(deep) == deep);
  std::string why;
  REQUIRE_MESSAGE(sources.add_folder(folder.path, why), why);
  CHECK(sources.find("/build/linux/arch/x86/kvm/mmu.c") == deep);
  CHECK(sources.find("/build/linux/./arch/x86/lib/../kvm/mmu.c") == deep);
  CHECK(sources.find("arch/x86/kvm/mmu.c") == deep);
  CHECK(sources.find("../../kvm/mmu.c") == flat);
  CHECK(sources.find("/build/linux/mm/mmu.c") == flat);
  CHECK_FALSE(sources.find("/build/linux/mm/xmmu.c").has_value());
  for (const char* nothing : {"", "/", ".", "..", "/build/linux/arch", "arch"})
    CHECK_FALSE(sources.find(nothing).has_value());
  // The folder that came last goes first, but the longer end of the path before both.
  REQUIRE(sources.add_folder(second.path, why));
  CHECK(sources.find("/build/linux/mm/mmu.c") == other);
  CHECK(sources.find("/build/linux/arch/x86/kvm/mmu.c") == deep);
  REQUIRE(sources.add_folder(folder.path, why));
  CHECK(sources.folders().size() == 2);
  CHECK(sources.find("/build/linux/mm/mmu.c") == flat);
  CHECK_FALSE(sources.add_folder(folder.path + "/none", why));
  CHECK(why == folder.path + "/none: there is no such folder");
  CHECK_FALSE(sources.add_folder(flat, why));
  CHECK(why == flat + ": not a folder");
}

TEST_CASE("lines of a file, up to its end") {
  const TemporaryFile file("one\r\ntwo\n\nfour");
  const SourceFiles sources;
  std::string why;
  const auto lines = sources.read(file.path, 2, 10, why);
  REQUIRE(lines.has_value());
  CHECK(lines->first == 2);
  CHECK(lines->last == 4);
  CHECK(lines->text == std::vector<std::string>{"two", "", "four"});
  CHECK(sources.read(file.path, 0, 1, why)->text.at(0) == "one");
  CHECK_FALSE(sources.read(file.path, 5, 1, why).has_value());
  CHECK(why == file.path + " has 4 lines");
  CHECK_FALSE(sources.read("/no/such/file.c", 1, 1, why).has_value());
  CHECK(why == "/no/such/file.c is not here; directory FOLDER says where its sources are");
  CHECK(sources.line(file.path, 4) == "four");
  CHECK(sources.line(file.path, 0).empty());
  CHECK(sources.line(file.path, 5).empty());
}

TEST_CASE("list shows the lines around the stop, then those after, then those before") {
  Prompt p;
  p.run("tbreak run_guest");
  const std::string stop = p.run("continue");
  const unsigned line = p.symbols.line(*p.symbols.address("run_guest"))->line;
  REQUIRE(line > 5);
  const auto number = [](unsigned n) { return fmt::format(" {:>5}  ", n); };
  const std::string text = SourceFiles().line(p.symbols.line(*p.symbols.address("run_guest"))->file, line);
  CHECK(has(stop, fmt::format("{:>6}  {}\n", line, text)));
  const std::string first = p.run("list");
  CHECK(std::count(first.begin(), first.end(), '\n') == 10);
  CHECK(has(first, "=>" + number(line) + text + "\n"));
  CHECK(first.starts_with("  " + number(line - 5)));
  CHECK(p.run("list").starts_with("  " + number(line + 5)));
  CHECK(p.run("l -").starts_with("  " + number(line - 5)));
  CHECK(p.run("l -").starts_with("  " + number(line > 15 ? line - 15 : 1)));
  // A new stop begins anew.
  p.run("step");
  CHECK(has(p.run("list"), "=>"));
}

TEST_CASE("list shows a place: a line, a symbol, an address, a range") {
  Prompt p;
  const auto place = p.symbols.line(*p.symbols.address("guest_start"));
  REQUIRE(place.has_value());
  const std::string around = p.run("list guest_start");
  CHECK(has(around, SourceFiles().line(place->file, place->line)));
  CHECK(p.run(fmt::format("list {:#x}", *p.symbols.address("guest_start"))) == around);
  CHECK(p.run(fmt::format("list guest.inc:{}", place->line)) == around);
  CHECK(p.run(fmt::format("list {}", place->line)) == around);
  CHECK(p.run("list 3,4") == "       3  " + SourceFiles().line(place->file, 3) + "\n       4  " +
                                 SourceFiles().line(place->file, 4) + "\n");
  // The first line of a file has no code.
  CHECK(p.run("list visor/guest.inc:1").starts_with("       1  "));
  p.refused("list -5,2");
  CHECK(p.run("list 1,2").starts_with("       1  "));
  CHECK(has(p.refused("list -"), "begins there"));
  CHECK(has(p.refused("list guest.inc:99999"), "lines"));
  for (const char* bad : {"list nosuch.c:1", "list guest.inc:", "list guest.inc:0", "list guest.inc:x",
                          "list nosuch", "list 4,2", "list 4,x", "list 0x10", "list main extra",
                          "list phys 0x1000", "list 99999999999,1", "list :", "list ,"})
    p.refused(bad);
}

TEST_CASE("sources that are elsewhere: what to do, and directory does it") {
  const TemporaryFile moved(replaced(read_file(RINGSIDE_BINARY_DIR "/roms/visor.elf"), "/roms/", "/nome/"));
  Prompt p;
  std::string error;
  REQUIRE_MESSAGE(p.symbols.load(moved.path, {.name = "visor"}, error), error);
  CHECK(has(p.run("tbreak run_guest"), "breakpoint"));
  const std::string stop = p.run("continue");
  CHECK(has(stop, "visor/run.inc:"));
  CHECK(has(p.refused("list"), "/nome/visor/run.inc is not here; directory FOLDER says where"));
  p.refused("directory /no/such/folder");
  CHECK(has(p.run("directory " RINGSIDE_SOURCE_DIR "/roms"), "then in " RINGSIDE_SOURCE_DIR "/roms"));
  CHECK(has(p.run("list"), "=>"));
  p.run("step");
  CHECK(has(p.run("list run_guest"), "run_guest"));
  CHECK_FALSE(has(p.run("directory none"), "then in"));
  p.refused("list run_guest");
}
