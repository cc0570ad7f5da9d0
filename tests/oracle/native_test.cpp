// Owns the tests of the oracle itself: what a host may do besides running the instruction.
#include <doctest/doctest.h>

#include "tests/oracle/native.h"

using namespace oracle;

namespace {

// True, with a message, where this host runs nothing.
bool skipped(const Native& native) {
  if (!native.ready()) MESSAGE("skipped: ", native.absent());
  return !native.ready();
}

}  // namespace

TEST_CASE("a fault with a stack pointer that is not canonical is judged, whatever the host returns to") {
  Native native;
  if (skipped(native)) return;
  static constexpr u8 push[] = {0x50};
  for (unsigned n = 0; n < Native::batch; ++n) native.cases()[n].in.gpr[RSP] = bit(62) + n * 8;
  REQUIRE(native.run({.code = push}, Native::batch));
  for (unsigned n = 0; n < Native::batch; ++n) {
    const Case& c = native.cases()[n];
    for (unsigned k = 1; k < Native::attempts && fault_name(c.out) != "vector 12, error 0"; ++k)
      REQUIRE(native.repeat(n));
    REQUIRE_MESSAGE(c.judged, text(c.stray));
    CHECK(fault_name(c.out) == "vector 12, error 0");
    CHECK(c.out.rip == code_at);
    CHECK(c.out.registers.gpr[RSP] == c.in.gpr[RSP]);
  }
}

TEST_CASE("a state that the host refuses on the way to the instruction is not judged, and says where") {
  Native native;
  if (skipped(native)) return;
  static constexpr u8 nop[] = {0x90};
  for (unsigned n = 0; n < 3; ++n) {
    native.cases()[n].vectors = {};
    native.cases()[n].vectors.bytes[27] = n == 1 ? 0x80 : 0;  // a reserved bit of MXCSR
  }
  REQUIRE(native.run({.code = nop, .vectors = true}, 3));
  CHECK(native.cases()[0].judged);
  CHECK(native.cases()[2].judged);
  const Case& refused = native.cases()[1];
  REQUIRE_FALSE(refused.judged);
  const std::string why = text(refused.stray);
  CHECK_MESSAGE(why.starts_with("signal 11 (vector 13, error 0) at 33:100000"), why);
  CHECK_MESSAGE(why.ends_with(", on the way to the instruction"), why);
}

TEST_CASE("a child that is ended by a case is replaced, and the other cases are judged") {
  Native native;
  if (skipped(native)) return;
  static constexpr u8 syscall[] = {0x0f, 0x05};
  for (unsigned n = 0; n < 3; ++n) native.cases()[n].in.gpr[RAX] = n == 1 ? 60 : 1;  // exit; write to nothing
  for (unsigned n = 0; n < 3; ++n) native.cases()[n].in.gpr[RDI] = ~u64{0};
  REQUIRE(native.run({.code = syscall}, 3));
  CHECK(native.cases()[0].judged);
  CHECK(native.cases()[2].judged);
  REQUIRE_FALSE(native.cases()[1].judged);
  CHECK(text(native.cases()[1].stray) == "the host ended the child process");
  CHECK(native.ready());
}

TEST_CASE("an instruction that goes astray is judged by where it went") {
  Native native;
  if (skipped(native)) return;
  static constexpr u8 jump[] = {0xff, 0xe0};
  native.cases()[0].in.gpr[RAX] = data_base - 0x1000;
  native.cases()[1].in.gpr[RAX] = code_page;  // a breakpoint in front of the frame
  REQUIRE(native.run({.code = jump}, 2));
  CHECK(fault_name(native.cases()[0].out) == "vector 14, error 14, address 1000f000");
  CHECK(native.cases()[0].out.rip == data_base - 0x1000);
  CHECK(fault_name(native.cases()[1].out).starts_with("vector 3"));
}

TEST_CASE("a case is repeated from its own input") {
  Native native;
  if (skipped(native)) return;
  static constexpr u8 increment[] = {0xff, 0x00};  // inc dword [rax]
  for (unsigned n = 0; n < 2; ++n) {
    native.cases()[n].in.gpr[RAX] = data_base;
    native.cases()[n].memory[0] = static_cast<u8>(n);
  }
  REQUIRE(native.run({.code = increment}, 2));
  REQUIRE(native.repeat(1));
  CHECK(native.cases()[0].memory[0] == 1);
  CHECK(native.cases()[1].memory[0] == 2);
}
