// Owns the tests of the search for a Linux module: a made-up kernel's list in the guest's memory, laid out as
// the DWARF of this program says.
#include "frontend/inspect/find_module.h"

#include <cstddef>

#include "tests/debug/linux_structures.h"
#include "tests/debug/prompt.h"

using namespace ringside;

namespace {

struct ModuleList : Prompt {
  static constexpr u64 list = 0x600000, text = 0x700000, names = 0x680000;
  std::string why;

  ModuleList() {
    REQUIRE(to_symbol("run_guest"));
    std::string error;
    REQUIRE_MESSAGE(symbols.load("/proc/self/exe", {.name = "linux"}, error), error);
    const auto offset = symbols.offset_for("linux", "modules", list);
    REQUIRE(offset.has_value());
    symbols.set_offset("linux", *offset);
    // An empty list, then modules "first" and "kvm_intel".
    write(list, list);
    add(0x610000, "first", 0x620000, 0);
    add(0x630000, "kvm_intel", 0x640000, 0);
  }
  void write(u64 at, u64 value, unsigned size = 8) { machine->memory().write(HostPhys(at), size, value); }
  void write_text(u64 at, const std::string& words) {
    for (std::size_t n = 0; n <= words.size(); ++n) write(at + n, static_cast<u8>(words.c_str()[n]), 1);
  }
  void add(u64 at, const std::string& name, u64 sections, unsigned state) {
    u64 last = list;
    while (machine->memory().read(HostPhys(last), 8) != list)
      last = machine->memory().read(HostPhys(last), 8);
    write(last, at + offsetof(module, list));
    write(at + offsetof(module, list), list);
    write(at + offsetof(module, state), state, 4);
    write_text(at + offsetof(module, name), name);
    write(at + offsetof(module, sect_attrs), sections);
    write(sections + offsetof(module_sect_attrs, nsections), 2, 4);
    const char* called[] = {".text", ".init.text"};
    for (u64 n = 0; n < 2; ++n) {
      const u64 row = sections + offsetof(module_sect_attrs, attrs) + n * sizeof(module_sect_attr);
      write_text(names + 32 * n, called[n]);
      write(
          row + offsetof(module_sect_attr, battr) + offsetof(bin_attribute, attr) + offsetof(attribute, name),
          names + 32 * n);
      write(row + offsetof(module_sect_attr, address), text + at + n * 0x1000);
    }
  }
  auto find(std::string_view name) {
    why.clear();
    return find_module(cpu(), symbols, name, World::any, why);
  }
};

}  // namespace

TEST_CASE("a file's name is its module's") {
  CHECK(module_name("a/b/kvm-intel.ko") == "kvm_intel");
  CHECK(module_name("kvm.ko.debug") == "kvm");
  CHECK(module_name("vmlinux").empty());
  CHECK(module_name("some.korn").empty());
  CHECK(module_name("").empty());
}

TEST_CASE("a module's sections are where the kernel's list says") {
  ModuleList m;
  const auto sections = m.find("kvm_intel");
  REQUIRE_MESSAGE(sections.has_value(), m.why);
  // What is only for the start is gone when the module lives.
  REQUIRE(sections->size() == 1);
  CHECK(sections->at(0).name == ".text");
  CHECK(sections->at(0).address == m.text + 0x630000);
  CHECK(m.why == "the kernel's list of modules has kvm_intel, its code at 0xd30000");
  m.write(0x630000 + offsetof(module, state), 1, 4);
  CHECK(m.find("kvm_intel")->size() == 2);
  CHECK_FALSE(m.find("kvm").has_value());
  CHECK(m.why == "the kernel has not loaded kvm; it has first, kvm_intel");
}

TEST_CASE("a list of modules that makes no sense ends the search") {
  ModuleList m;
  const auto refused = [&] {
    CHECK_FALSE(m.find("kvm_intel").has_value());
    CHECK_FALSE(m.why.empty());
    CHECK(m.why.find('\n') == std::string::npos);
    return m.why;
  };
  const u64 second = 0x630000;
  m.write(0x640000 + offsetof(module_sect_attrs, nsections), 0xffffffff, 4);
  CHECK(has(refused(), "cannot be read"));
  m.write(second + offsetof(module, sect_attrs), u64{1} << 50);
  CHECK(has(refused(), "cannot be read"));
  m.write(second + offsetof(module, name), 'x', 1);
  CHECK(has(refused(), "it has first, xvm_intel"));
  m.write(second + offsetof(module, list), second + offsetof(module, list));  // for ever
  CHECK(has(refused(), "cannot be read"));
  m.write(m.list, ~u64{0});
  CHECK(has(refused(), "cannot be read"));
  m.write(m.list, m.list);
  CHECK(has(refused(), "has no modules yet"));
  m.symbols.unload("linux");
  CHECK(has(refused(), "the kernel's own symbols come first"));
}

TEST_CASE("the command says what is missing") {
  Prompt p;
  CHECK(has(p.refused("symbols /no/such/kvm.ko find"), "symbols VMLINUX find"));
  CHECK(has(p.refused("symbols /no/such/kvm.ko"), "No such file"));
  CHECK(has(p.refused("symbols /no/such/kvm.ko as"), "the name is missing"));
  REQUIRE(p.into_guest());
  CHECK(has(p.refused("symbols " RINGSIDE_BINARY_DIR "/roms/hello.elf find root"), "run-to exit"));
  CHECK(has(p.run("symbols " RINGSIDE_BINARY_DIR "/roms/hello.elf as other"), "other "));
}
