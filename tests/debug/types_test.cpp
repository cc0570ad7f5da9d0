// Owns the tests of variables and structures in words, with the types of this program.
#include <cstddef>

#include "tests/debug/linux_structures.h"
#include "tests/debug/prompt.h"

using namespace ringside;

namespace {

struct Typed : Prompt {
  static constexpr u64 code = 0x600000, data = 0x700000;

  Typed() {
    REQUIRE(to_symbol("run_guest"));
    std::string error;
    REQUIRE_MESSAGE(symbols.load("/proc/self/exe", {.name = "self"}, error), error);
    const auto offset = symbols.offset_for("self", "outer_function", code);
    REQUIRE(offset.has_value());
    symbols.set_offset("self", *offset);
  }
  void write(u64 at, u64 value, unsigned size) { machine->memory().write(HostPhys(at), size, value); }
};

}  // namespace

TEST_CASE("a structure's members, and what they hold") {
  Typed t;
  const std::string layout = t.run("ptype module");
  CHECK(has(layout, "  +0x0    unsigned int state\n"));
  CHECK(has(layout, " struct list_head list\n"));
  CHECK(has(layout, " struct module_sect_attrs * sect_attrs\n"));
  t.write(t.data + offsetof(module, state), 0xffff'fffe, 4);
  t.write(t.data + offsetof(module, list), 0x1234, 8);
  t.write(t.data + offsetof(module, list) + 8, 0x5678, 8);
  t.write(t.data + offsetof(module, sect_attrs), 0xabcd, 8);
  const std::string held = t.run("ptype struct module 0x700000");
  CHECK(has(held, "unsigned int state = 4294967294 (0xfffffffe)\n"));
  CHECK(has(held, "struct list_head list = {next = 0x1234, prev = 0x5678}\n"));
  CHECK(has(held, "sect_attrs = 0xabcd\n"));
  CHECK(t.run("ptype self!module 0x700000") == held);
  CHECK(has(t.run("ptype module 0x7fffffff0000"), "<not readable>"));
  t.refused("ptype");
  t.refused("ptype nosuch");
  t.refused("ptype module 0x1000 extra");
  t.refused("ptype module gpa");
}

TEST_CASE("the parameters and variables of the function at the stop") {
  Typed t;
  CHECK(has(t.refused("locals"), "no variables are known here"));
  t.refused("locals extra");
  t.cpu().rip = t.code;
  t.cpu().gpr[RDI] = 0x123456;
  CHECK(has(t.run("locals"), "const volatile int * from = 0x123456\n"));
  // Where the outermost function's variable is out of use, and between instructions: words, and no harm.
  const auto named = t.symbols.find(t.code);
  REQUIRE(named.has_value());
  for (u64 at = t.code; at < t.code + named->size; ++at) {
    t.cpu().rip = at;
    CHECK(has(t.run("locals"), " from = "));
  }
}
