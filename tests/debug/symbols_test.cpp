// Owns the tests of symbols and source lines: the ELF files of the guests that Ringside brings, lists of
// symbols, and files that are neither.
#include <doctest/doctest.h>

#include <algorithm>

#include "frontend/symbols/source.h"
#include "frontend/symbols/symbols.h"
#include "tests/debug/files.h"

using namespace ringside;

namespace {

const std::string visor = std::string(RINGSIDE_BINARY_DIR) + "/roms/visor.elf";

bool has_words(const std::string& text, std::string_view words) {
  return text.find(words) != std::string::npos;
}

std::string refusal(const std::string& path) {
  Symbols symbols;
  std::string error;
  CHECK_FALSE(symbols.load(path, error));
  CHECK(symbols.empty());
  CHECK(error.find('\n') == std::string::npos);
  return error;
}

}  // namespace

TEST_CASE("the symbols of a guest are those of its image") {
  const std::string elf = read_file(visor);
  const std::string image = read_file(std::string(RINGSIDE_BINARY_DIR) + "/roms/visor.bin");
  REQUIRE(image.size() == 0x10000);
  CHECK(elf.find(image) != std::string::npos);
}

TEST_CASE("addresses become symbols and lines, names become addresses") {
  Symbols symbols;
  std::string error;
  REQUIRE_MESSAGE(symbols.load(visor, error), error);
  const auto images = symbols.images();
  REQUIRE(images.size() == 1);
  CHECK(images[0].name == "visor");
  CHECK(images[0].elf);
  CHECK(images[0].has_lines);
  CHECK(images[0].low == 0xf0000);
  CHECK(images[0].high == 0x100000);
  const auto main = symbols.address("main");
  REQUIRE(main.has_value());
  CHECK(symbols.address("visor!main") == main);
  CHECK_FALSE(symbols.address("other!main").has_value());
  CHECK_FALSE(symbols.address("Main").has_value());
  CHECK(symbols.text(*main) == "main");
  CHECK(symbols.text(*main + 3) == "main+0x3");
  CHECK(symbols.text(0xeffff).empty());
  CHECK(symbols.text(0x100000).empty());
  // A constant has a value, and no place.
  CHECK(symbols.address("vmxon_region") == 0x9000);
  CHECK(symbols.text(0x9000).empty());
  const auto line = symbols.line(*symbols.address("run_guest"));
  REQUIRE(line.has_value());
  CHECK(line->text().starts_with("visor/run.inc:"));
  const std::string source = SourceFiles().line(line->file, line->line);
  CHECK(source.find_first_not_of(' ') != std::string::npos);
  const auto back = symbols.addresses_of_line("run.inc:" + std::to_string(line->line));
  REQUIRE(back.size() == 1);
  CHECK(symbols.line(back[0])->line == line->line);
  CHECK(symbols.addresses_of_line("visor!visor/run.inc:" + std::to_string(line->line)) == back);
  CHECK(symbols.addresses_of_line("un.inc:" + std::to_string(line->line)).empty());
  for (const char* bad : {"run.inc", "run.inc:", "run.inc:0", "run.inc:x", "run.inc:99999999999", ":", ""})
    CHECK(symbols.addresses_of_line(bad).empty());
}

TEST_CASE("symbols from memory are those of the file") {
  const std::string elf = read_file(visor);
  const std::span bytes(reinterpret_cast<const u8*>(elf.data()), elf.size());
  Symbols symbols, from_file;
  std::string error;
  REQUIRE_MESSAGE(symbols.load_bytes(bytes, "built in", {.name = "visor"}, error), error);
  REQUIRE(from_file.load(visor, error));
  CHECK(symbols.images().at(0).path == "built in");
  for (const char* name : {"main", "run_guest", "vm_exit", "guest_start"}) {
    const u64 address = symbols.address(name).value_or(0);
    CHECK(address != 0);
    CHECK(symbols.text(address, World::any, true) == from_file.text(address, World::any, true));
  }
  CHECK_FALSE(symbols.load_bytes(bytes.first(100), "half", {}, error));
  CHECK(error.starts_with("half: "));
  CHECK_FALSE(symbols.load_bytes({}, "nothing", {}, error));
  CHECK(symbols.images().size() == 1);
}

TEST_CASE("an object file is linked to where its sections are said to be") {
  Symbols symbols, linked;
  std::string error;
  REQUIRE_FALSE(symbols.load(visor + ".o", error));
  CHECK(has_words(error, "not linked"));
  REQUIRE(linked.load(visor, error));
  constexpr u64 moved = 0x7000'0000;
  REQUIRE_MESSAGE(
      symbols.load(visor + ".o", {.sections = {{".text", 0xf0000 + moved}, {".nosuch", 5}}}, error), error);
  CHECK(symbols.images().at(0).low == 0xf0000 + moved);
  CHECK(symbols.images().at(0).has_lines);
  for (const char* name : {"main", "run_guest", "vm_exit", "guest_start"}) {
    const u64 address = linked.address(name).value_or(0);
    CHECK(symbols.address(name) == address + moved);
    CHECK(symbols.text(address + moved, World::any, true) == linked.text(address, World::any, true));
    CHECK(symbols.text(address).empty());
  }
  CHECK(symbols.address("vmxon_region") == 0x9000);
  // Without its code there is nothing to tell.
  CHECK_FALSE(Symbols().load(visor + ".o", {.sections = {{".data", 0x1000}}}, error));
}

TEST_CASE("the same file for the hypervisor and for its guest is two images") {
  Symbols symbols;
  std::string error, name;
  REQUIRE(symbols.load(visor, {.world = World::root}, error, &name));
  CHECK(name == "visor");
  REQUIRE(symbols.load(visor, {.offset = 0x1000000, .world = World::non_root}, error, &name));
  CHECK(name == "visor-guest");
  CHECK(symbols.images().size() == 2);
  CHECK(*symbols.address("visor-guest!main") == *symbols.address("visor!main") + 0x1000000);
  REQUIRE(symbols.load(visor, {.world = World::non_root}, error, &name));
  CHECK(symbols.images().size() == 2);
  const TemporaryFile list("0000000000001000 T start\n");
  REQUIRE(symbols.load(list.path, {}, error, &name));
  CHECK(list.path.ends_with(name));
}

TEST_CASE("an image moves with its offset, and each world has its own") {
  Symbols symbols;
  std::string error;
  REQUIRE(symbols.load(visor, {.offset = 0x1000000, .world = World::non_root}, error));
  const u64 main = *symbols.address("main");
  CHECK((main >> 24) == 1);
  CHECK(symbols.text(main, World::non_root) == "main");
  CHECK(symbols.text(main, World::root).empty());
  CHECK_FALSE(symbols.line(main, World::root).has_value());
  CHECK(symbols.line(main, World::non_root).has_value());
  CHECK(symbols.offset_for("visor", "main", 0x7000000) == 0x7000000 - (main - 0x1000000));
  CHECK_FALSE(symbols.offset_for("visor", "vmxon_region", 0).has_value());
  REQUIRE(symbols.set_offset("visor", 0));
  CHECK(symbols.address("main") == main - 0x1000000);
  CHECK_FALSE(symbols.set_offset("hello", 0));
  // The image of a world goes before one of all worlds.
  REQUIRE(symbols.load(std::string(RINGSIDE_BINARY_DIR) + "/roms/hello.elf", error));
  CHECK(symbols.find(0xf1000, World::non_root)->image == "visor");
  CHECK(symbols.find(0xf1000, World::root)->image == "hello");
  CHECK(symbols.unload("visor"));
  CHECK_FALSE(symbols.unload("visor"));
  CHECK(symbols.find(0xf1000, World::non_root)->image == "hello");
}

TEST_CASE("names are completed, and a mistyped one has a neighbour") {
  Symbols symbols;
  std::string error;
  REQUIRE(symbols.load(visor, error));
  const auto names = symbols.complete("make_");
  CHECK(std::find(names.begin(), names.end(), "make_vmcs") != names.end());
  for (const std::string& name : names) CHECK(name.starts_with("make_"));
  CHECK(symbols.complete("make_", 1).size() == 1);
  CHECK(symbols.complete("visor!make_v") ==
        std::vector<std::string>{"visor!make_vmcs", "visor!make_vmcs.failed"});
  CHECK(symbols.complete("no such").empty());
  CHECK(symbols.nearest("make_vcms") == "make_vmcs");
  CHECK_FALSE(symbols.nearest("something else altogether").has_value());
}

TEST_CASE("a list of symbols: System.map, with constants and per-CPU addresses that have no place") {
  const TemporaryFile file(
      "0000000000000000 A fixed_percpu_data\n"
      "0000000000001000 D cpu_tss\n"
      "ffffffff81000000 T _text\n"
      "ffffffff81000000 t local_start\n"
      "ffffffff81000100 T start_kernel\n"
      "                 U missing\n"
      "ffffffffc0000010 t in_module\t[module]\r\n");
  Symbols symbols;
  std::string error;
  REQUIRE_MESSAGE(symbols.load(file.path, {.name = "linux"}, error), error);
  CHECK(symbols.text(0xffffffff81000000) == "_text");
  CHECK(symbols.text(0xffffffff81000123) == "start_kernel+0x23");
  CHECK(symbols.text(0xffffffffc0000010) == "in_module");
  CHECK(symbols.text(0x1000).empty());
  CHECK(symbols.address("cpu_tss") == 0x1000);
  CHECK(symbols.address("start_kernel") == 0xffffffff81000100);
  CHECK_FALSE(symbols.address("missing").has_value());
  CHECK_FALSE(symbols.line(0xffffffff81000123).has_value());
  CHECK(symbols.frames(0xffffffff81000123).tables.empty());
}

TEST_CASE("Xen's list of symbols, whose addresses begin with 0x") {
  const TemporaryFile file(
      "0xffff82d040200000 T _stext\n"
      "0xffff82d040200008 t head.o#multiboot1_header\n"
      "0xffff82d0402045d0 T vmx_asm_vmexit_handler\n");
  Symbols symbols;
  std::string error;
  REQUIRE_MESSAGE(symbols.load(file.path, {.name = "xen"}, error), error);
  CHECK(symbols.address("vmx_asm_vmexit_handler") == 0xffff82d0402045d0);
  CHECK(symbols.text(0xffff82d0402045da) == "vmx_asm_vmexit_handler+0xa");
  CHECK(symbols.text(0xffff82d040200009) == "head.o#multiboot1_header+0x1");
}

TEST_CASE("what is no symbol file is refused in one line that names it") {
  CHECK(refusal("/no/such/file") == "/no/such/file: No such file or directory");
  CHECK(refusal("/") == "/: a folder, not a symbol file");
  CHECK(refusal("/dev/null") == "/dev/null: not a regular file");
  const auto of = [](std::string bytes) {
    const TemporaryFile file(bytes);
    return refusal(file.path).substr(file.path.size());
  };
  const std::string neither = ": neither an ELF file nor a list of symbols such as System.map";
  CHECK(of("") == neither);
  CHECK(of("hello\n") == neither);
  CHECK(of("ffffffff81000000") == neither);
  CHECK(of("ffffffff81000000 T") == neither);
  CHECK(of(std::string(5000, '\0')) == neither);
  CHECK(has_words(of("ffffffffffffffff B The real System.map is in the linux-image-6.1.0-dbg package\n"),
                  "debug symbols"));
  CHECK(of(std::string("\x1f\x8b\x08\x00", 4)) == ": the file is compressed; unpack it first");
  CHECK(of(std::string(0x202, ' ') + "HdrS    ") ==
        ": a bootable kernel image has no symbols; give its vmlinux or System.map");
  CHECK(of("\x7f"
           "ELF")
            .starts_with(": a damaged ELF file"));
  std::string other = read_file(visor);
  other[18] = 20;  // e_machine: PowerPC
  CHECK(of(other).starts_with(": an ELF file for another kind of processor"));
  other[18] = 62;
  other[16] = 1;  // e_type: relocatable
  CHECK(of(other).starts_with(": an object file that is not linked"));
}

namespace {

// Damages headers and debug sections, not the code.
struct Damage {
  std::string good;
  u64 random = 1;

  u64 next() { return random = random * 6364136223846793005 + 1442695040888963407, random >> 33; }
  std::string bytes(unsigned round) {
    const std::size_t code_end = 0x11000;
    std::string damaged = good;
    for (unsigned n = 0; n < 1 + round % 8; ++n) {
      const std::size_t at = round % 3 == 0 ? next() % 64 : code_end + next() % (damaged.size() - code_end);
      damaged[at] = static_cast<char>(next());
    }
    if (round % 5 == 0) damaged.resize(next() % damaged.size());
    return damaged;
  }
};

void ask_everything(Symbols& symbols) {
  for (u64 address = 0xf0000; address < 0x100000; address += 0x777) {
    symbols.text(address, World::any, true);
    symbols.inlined(address);
    symbols.orc(address);
  }
  symbols.addresses_of_line("run.inc:30");
  symbols.source_file("run.inc");
  symbols.complete("m");
  symbols.frames(0xf1000);
  for (const Symbols::Image& image : symbols.images()) {
    symbols.member(image.name, "module", "name");
    symbols.members(image.name + "!module", 0x1000, World::any,
                    [](u64, unsigned) { return std::optional<u64>(1); });
  }
}

}  // namespace

// Whatever the bytes are: an answer or an error, and no access beyond the file.
TEST_CASE("damaged ELF files do no harm") {
  Damage damage{read_file(visor)};
  unsigned loaded = 0;
  for (unsigned round = 0; round < 300; ++round) {
    const TemporaryFile file(damage.bytes(round));
    Symbols symbols;
    std::string error;
    if (!symbols.load(file.path, error)) {
      CHECK(error.starts_with(file.path));
      continue;
    }
    ++loaded;
    ask_everything(symbols);
  }
  CHECK(loaded > 50);
}

TEST_CASE("damaged object files do no harm") {
  Damage damage{read_file(visor + ".o")};
  unsigned loaded = 0;
  for (unsigned round = 0; round < 150; ++round) {
    const TemporaryFile file(damage.bytes(round));
    Symbols symbols;
    std::string error;
    if (!symbols.load(file.path, {.sections = {{".text", 0xf0000}}}, error)) continue;
    ++loaded;
    ask_everything(symbols);
  }
  CHECK(loaded > 25);
}
