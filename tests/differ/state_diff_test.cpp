// Owns the tests of what differs between two machines, in words.
#include "frontend/differ/state_diff.h"

#include "tests/machine/guest.h"

namespace ringside {
namespace {

// Every row of it, a line each.
std::string text_of(const Sheet& sheet) {
  std::string text;
  for (const Section& section : sheet.sections) {
    for (const Row& row : section.rows) {
      for (const Cell& cell : row.cells)
        if (!cell.quiet) text += cell.text;
      text += '\n';
    }
  }
  return text;
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_CASE("two machines that differ are named once, and flags by those that have another value") {
  Guest one, other;
  CHECK(state_diff_sheet(*one.machine, *other.machine, {}).sections.empty());
  other.machine->cpu(0).gpr[RBX] = 7;
  other.machine->cpu(0).set_eflags(Eflags::ZF | Eflags::IF, ~u64{0});
  one.machine->cpu(0).set_eflags(Eflags::CF, ~u64{0});
  other.put(Guest::data, 9, 1);
  const std::string text = text_of(
      state_diff_sheet(*one.machine, *other.machine, {}, {"/a/long/way/before", "/a/long/way/after"}));
  CAPTURE(text);
  CHECK(holds(text, "A is /a/long/way/before, B is /a/long/way/after\n"));
  CHECK(text.find("/a/long/way") == text.find("/a/long/way/before"));
  CHECK(text.rfind("/a/long/way") == text.find("/a/long/way/after"));
  CHECK(holds(text, "rbx: 0x0 in A, 0x7 in B\n"));
  CHECK(holds(text, "0x0 in A, 0x9 in B\n"));
  CHECK(holds(text, "+ZF +IF -CF\n"));
  CHECK_FALSE(holds(text, "IOPL"));
  other.machine->cpu(0).set_eflags(Eflags::CF | Eflags::IOPL, ~u64{0});
  CHECK(holds(text_of(state_diff_sheet(*one.machine, *other.machine, {})), "+IOPL=3 -IOPL=0\n"));
}

}  // namespace
}  // namespace ringside
