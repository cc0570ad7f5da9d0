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

// Without the name of a number that happens to lie near a symbol of this program's.
static std::string unnamed(const std::string& text) {
  return text.substr(0, std::min(text.find(" <"), text.find('\n')));
}

TEST_CASE("expressions in C: members, elements, pointers, casts, what they count in") {
  Typed t;
  t.cpu().rip = t.code;
  t.cpu().gpr[RDI] = t.data;
  for (unsigned n = 0; n < 4; ++n) t.write(t.data + 4 * n, n == 2 ? 0xffff'fffe : 10 + n, 4);
  // "from" is a const volatile int*.
  CHECK(t.run("print from") == "const volatile int * from = 0x700000\n");
  CHECK(t.run("print *from") == "const volatile int *from = 10\n");
  CHECK(t.run("print from[2]") == "const volatile int from[2] = -2\n");
  CHECK(t.run("print *(from + 1)") == "const volatile int *(from + 1) = 11\n");
  CHECK(t.run("print/x from[2]") == "0xfffffffe\n");
  CHECK(t.run("print/d from[2]") == "-2\n");
  CHECK(has(t.run("print from[1] + from[0]"), "= 21"));
  CHECK(unnamed(t.run("print from[2] < 0")) == "0x1 = 1");
  CHECK(unnamed(t.run("print from[2] / 2 == 0 - 1")) == "0x1 = 1");
  CHECK(unnamed(t.run("print &from[3] - from")) == "0x3 = 3");
  CHECK(t.run("print &from[1]") == "const volatile int * &from[1] = 0x700004\n");
  CHECK(has(t.run("print $rdi"), "0x700000 = "));
  // By a cast, as any address; also of C's own types, which need no DWARF.
  t.write(t.data + offsetof(module, list), t.data + 0x100, 8);
  t.write(t.data + 0x100, 0x4711, 8);
  CHECK(t.run("print ((struct module *)rdi)->list.next") ==
        "struct list_head * ((struct module *)rdi)->list.next = 0x700100\n");
  CHECK(has(t.run("print ((struct module *)0x700000)->list.next->next"), " = 0x4711"));
  CHECK(has(t.run("print *((struct module *)rdi)->list.next"), "{next = 0x4711, prev = "));
  CHECK(has(t.run("print *(module *)rdi"), "{state = 10 (0xa), list = {"));
  CHECK(t.run("print *(unsigned char *)0x700000") == "unsigned char *(unsigned char *)0x700000 = 10 (0xa)\n");
  CHECK(t.run("print (char)0x1ff") == "char (char)0x1ff = -1\n");
  CHECK(t.run("whatis from") == "const volatile int *\n");
  CHECK(t.run("whatis ((struct module *)rdi)->list") == "struct list_head\n");
  CHECK(t.run("whatis rax") == "u64\n");
  // Structures without a name; text.
  const u64 name = t.data + offsetof(module, other) + 4;
  for (unsigned n = 0; n < 5; ++n) t.write(name + n, static_cast<u8>("inner"[n]), 1);
  CHECK(has(t.run("print ((struct module *)rdi)->name"), "\"inner"));
  CHECK(has(t.run("print ((struct module *)rdi)->name[0]"), " = 105"));
  // Written, watched, waited for.
  t.run("set var from[1] = 77");
  CHECK(t.run("print/d from[1]") == "77\n");
  t.run("set ((struct module *)rdi)->list.prev = 0x1234");
  CHECK(has(t.run("print ((struct module *)rdi)->list.prev"), "0x1234"));
  CHECK(has(t.run("watch from[1]"), "write of 4 bytes at 0x700004"));
  CHECK(has(t.run("watch *(unsigned long *)0x700010"), "write of 8 bytes at 0x700010"));
  CHECK(has(t.run("watch from"), "write of 8 bytes at 0x700000"));
  CHECK(has(t.run("x/1dw from"), "  10"));
  CHECK(has(t.run("x/1dw &from[1]"), "  77"));
  CHECK(has(t.run("break *0x1000 if from[1] == 77"), "execute at 0x1000"));
}

TEST_CASE(
    "variables outside functions: their values where they are printed, addresses where places are named") {
  Typed t;
  t.cpu().rip = t.code;
  // Moved so that it lies in RAM.
  t.symbols.set_offset("self", *t.symbols.offset_for("self", "one_module", t.data));
  REQUIRE(*t.symbols.address("one_module") == t.data);
  t.write(t.data + offsetof(module, state), 5, 4);
  CHECK(t.run("print one_module.state") == "unsigned int one_module.state = 5\n");
  CHECK(has(t.run("print one_module"), "struct module one_module = {state = 5, "));
  CHECK(t.run("print &one_module") == "struct module * &one_module = 0x700000\n");
  CHECK(has(t.run("x/1dw one_module"), "0x0000000000700000:  5"));
  CHECK(has(t.run("break one_module"), "execute at 0x700000"));
}

TEST_CASE("expressions in C that are wrong: one line") {
  Typed t;
  t.cpu().rip = t.code;
  t.cpu().gpr[RDI] = t.data;
  for (const std::string_view bad : {"print from->x",
                                     "print from.x",
                                     "print from[",
                                     "print from[1",
                                     "print from[nosuch]",
                                     "print *rax",
                                     "print *5",
                                     "print &rax",
                                     "print &5",
                                     "print from->",
                                     "print *(void *)rdi",
                                     "print ((struct module *)rdi)->nosuch",
                                     "print (struct nosuch *)rdi",
                                     "print *(module *)rdi + 1",
                                     "print/x *(module *)rdi",
                                     "print nosuch[1]",
                                     "print rax[1]",
                                     "print *(int *)0x7fffffff0000",
                                     "whatis",
                                     "whatis nosuch",
                                     "print ((struct module *)rdi"})
    t.refused(bad);
}
