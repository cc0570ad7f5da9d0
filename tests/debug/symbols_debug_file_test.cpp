// Owns the tests of what DWARF says of one's own program, and of separate files of debugging information.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>

#include "frontend/symbols/symbols.h"
#include "tests/debug/files.h"
#include "tests/debug/linux_structures.h"

using namespace ringside;

namespace {

namespace fs = std::filesystem;

const std::string visor = RINGSIDE_BINARY_DIR "/roms/visor.elf";

struct TemporaryFolder {
  std::string path = std::string(std::getenv("TMPDIR") ? std::getenv("TMPDIR") : "/tmp") + "/ringside-XXXXXX";

  TemporaryFolder() { REQUIRE(::mkdtemp(path.data())); }
  ~TemporaryFolder() {
    std::error_code problem;
    fs::remove_all(path, problem);
  }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
};

void shell(const std::string& line) { REQUIRE_MESSAGE(std::system(line.c_str()) == 0, line); }

}  // namespace

TEST_CASE("inlined functions: which, and where each was called") {
  Symbols symbols;
  std::string error;
  REQUIRE_MESSAGE(symbols.load("/proc/self/exe", {.name = "self"}, error), error);
  const auto named = symbols.find(*symbols.address("outer_function"));
  REQUIRE(named.has_value());
  REQUIRE(named->size > 0);
  bool deepest = false;
  for (u64 at = named->start; at < named->start + named->size; ++at) {
    const auto inner = symbols.inlined(at);
    if (inner.size() != 2) continue;
    deepest = true;
    CHECK(inner[0].function == "innermost_function");
    CHECK(inner[0].call.text() == fmt::format("debug/linux_structures.cpp:{}", middle_call));
    CHECK(inner[1].function == "middle_function");
    CHECK(inner[1].call.text() == fmt::format("debug/linux_structures.cpp:{}", outer_call));
    const std::string text = symbols.text(at, World::any, true);
    CHECK(text.ends_with(fmt::format(", inlined at debug/linux_structures.cpp:{})", outer_call)));
  }
  CHECK(deepest);
  // What lies just before is the compiler's choice; it is not inside this function.
  for (const auto& frame : symbols.inlined(named->start - 1)) CHECK(frame.function != "innermost_function");
  CHECK(symbols.inlined(0).empty());
}

TEST_CASE("C++ names are shown and found as they are written") {
  CHECK(demangled("_ZN8ringside7Symbols4loadEv") == "ringside::Symbols::load()");
  CHECK(demangled("_Znonsense!") == "_Znonsense!");
  CHECK(demangled("main") == "main");
  CHECK(demangled("") == "");
  Symbols symbols;
  std::string error;
  REQUIRE(symbols.load("/proc/self/exe", {.name = "self"}, error));
  const auto address = symbols.address("ringside::Symbols::unload");
  REQUIRE(address.has_value());
  CHECK(symbols.text(*address).starts_with("ringside::Symbols::unload(std::"));
  CHECK(symbols.address("self!ringside::Symbols::unload") == address);

  // The last part does where it is the only one, and an anonymous namespace hides nothing.
  Symbols listed;
  const TemporaryFolder folder;
  shell(
      "printf '1000 t _ZN12_GLOBAL__N_15vmxonEy\n1100 b _ZN12_GLOBAL__N_16regionE\n1200 T _ZN4left3runEv\n"
      "1300 T _ZN5right3runEv\n' >" +
      folder / "names.map");
  REQUIRE_MESSAGE(listed.load(folder / "names.map", {.name = "listed"}, error), error);
  CHECK(listed.address("vmxon") == 0x1000);
  CHECK(listed.address("(anonymous namespace)::region") == 0x1100);
  CHECK(listed.address("region") == 0x1100);
  CHECK(listed.address("left::run") == 0x1200);
  CHECK_FALSE(listed.address("run").has_value());
  CHECK_FALSE(symbols.address("ringside::Symbols::unloaded").has_value());
  CHECK_FALSE(symbols.address("::").has_value());
}

TEST_CASE("separate debugging information: by its name and checksum, by the build ID") {
  if (std::system("objcopy --version >/dev/null 2>&1") != 0) return;
  const TemporaryFolder folder;
  const std::string program = folder / "program", link = folder / "visor.debug";
  Symbols whole;
  std::string error;
  REQUIRE(whole.load(visor, error));
  const u64 main = *whole.address("main");
  const auto finds = [&](const std::vector<std::string>& folders, const std::string& file) {
    Symbols symbols;
    symbols.search(folders);
    if (!symbols.load(program, error)) {
      CHECK(error == program + ": has no symbols and no line information; it was stripped");
      return false;
    }
    CHECK(symbols.images().at(0).debug_file == file);
    CHECK(symbols.text(main, World::any, true) == whole.text(main, World::any, true));
    return true;
  };
  shell(fmt::format("objcopy --only-keep-debug {} {}", visor, link));
  shell(fmt::format("objcopy --strip-all --add-gnu-debuglink={} {} {}", link, visor, program));
  CHECK(finds({}, link));
  fs::create_directory(folder / ".debug");
  fs::rename(link, folder / ".debug/visor.debug");
  CHECK(finds({}, folder / ".debug/visor.debug"));
  fs::create_directory(folder / "elsewhere");
  fs::rename(folder / ".debug/visor.debug", folder / "elsewhere/visor.debug");
  CHECK_FALSE(finds({}, ""));
  CHECK(finds({folder / "nowhere", folder / "elsewhere"}, folder / "elsewhere/visor.debug"));
  // Of another build.
  std::ofstream(folder / "elsewhere/visor.debug", std::ios::app) << '.';
  CHECK_FALSE(finds({folder / "elsewhere"}, ""));

  shell(fmt::format("ld -m elf_x86_64 --build-id -e 0xf0000 -Ttext=0xf0000 -o {0}.whole {1}.o 2>/dev/null",
                    program, visor));
  const std::string linked = read_file(program + ".whole");
  const std::size_t note = linked.find(std::string("\x14\0\0\0\x03\0\0\0GNU\0", 12));
  REQUIRE(note != linked.npos);
  std::string name;
  for (const char byte : linked.substr(note + 12, 20)) name += fmt::format("{:02x}", static_cast<u8>(byte));
  const std::string by_id = folder / ("ids/.build-id/" + name.substr(0, 2) + "/" + name.substr(2) + ".debug");
  fs::create_directories(fs::path(by_id).parent_path());
  shell(fmt::format("objcopy --only-keep-debug {}.whole {}", program, by_id));
  shell(fmt::format("objcopy --strip-all {0}.whole {0}", program));
  CHECK_FALSE(finds({}, ""));
  CHECK(finds({folder / "ids"}, by_id));
  // Another program's under this name.
  fs::copy_file(visor, by_id, fs::copy_options::overwrite_existing);
  CHECK_FALSE(finds({folder / "ids"}, ""));
  std::ofstream(by_id, std::ios::binary) << "\x7f"
                                            "ELF";
  CHECK_FALSE(finds({folder / "ids"}, ""));
}
