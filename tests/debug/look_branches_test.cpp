// Owns the test of last branch records as they are looked at: where the visor came from, with its names.
#include <algorithm>

#include "cpu/state/msrs.h"
#include "frontend/inspect/look_branches.h"
#include "frontend/render/json.h"
#include "frontend/render/sheet_text.h"
#include "tests/debug/visor_machine.h"

using namespace ringside;

namespace {

constexpr u32 IA32_DEBUGCTL = 0x1d9, MSR_LBR_SELECT = 0x1c8;

}  // namespace

TEST_CASE("last branch records are told with symbols, the newest first, and with what is left out") {
  VisorMachine m;
  std::string text = ringside::text(branches_sheet(m.cpu(), &m.symbols));
  CHECK(has(text, "last branch records, 32 deep: off (IA32_DEBUGCTL.LBR is 0)\n"));
  CHECK(has(text, "nothing was recorded yet"));

  REQUIRE(write_msr(m.cpu(), IA32_DEBUGCTL, DebugControl::LBR, 0));
  REQUIRE(m.to_symbol("run_guest"));
  text = ringside::text(branches_sheet(m.cpu(), &m.symbols));
  CHECK(has(text, "last branch records, 32 deep: on\n"));
  const auto newest = text.find("   0  ");
  REQUIRE(newest != std::string::npos);
  const std::string line = text.substr(newest, text.find('\n', newest) - newest);
  CHECK_MESSAGE(has(line, " -> "), line);
  CHECK_MESSAGE(has(line, "<run_guest (visor/run.inc:"), line);
  CHECK_MESSAGE(has(line, " cycles"), line);
  CHECK(has(text, "  31  "));
  CHECK_FALSE(has(text, "leaves out"));
  const std::string as_json = json(branches_sheet(m.cpu(), &m.symbols));
  CHECK(has(as_json, "\"recording\":{\"text\":\"on\"}"));
  CHECK(has(as_json, "\"from\""));

  REQUIRE(write_msr(m.cpu(), MSR_LBR_SELECT, bit(2) | bit(9), 0));
  m.cpu().msr.last_exception_to = 0x1234;
  text = ringside::text(branches_sheet(m.cpu(), &m.symbols));
  CHECK(has(text, "MSR_LBR_SELECT leaves out: JCC EN_CALLSTACK\n"));
  CHECK(has(text, "before the last exception or interrupt: 0x0 -> 0x1234"));
}

TEST_CASE("a machine with records is not changed by looking at them") {
  std::string hashes[2];
  for (const bool looks : {false, true}) {
    VisorMachine m;
    REQUIRE(write_msr(m.cpu(), IA32_DEBUGCTL, DebugControl::LBR, 0));
    for (unsigned n = 0; n < 20; ++n) {
      m.machine->run(1000);
      if (looks) branches_sheet(m.cpu(), &m.symbols);
    }
    hashes[looks] = m.machine->state_hash();
  }
  CHECK(hashes[0] == hashes[1]);
}

TEST_CASE("a model without last branch records says so") {
  VisorMachine m;
  CpuModel none = *m.cpu().model;
  none.last_branches = {};
  const CpuModel* const own = m.cpu().model;
  m.cpu().model = &none;
  CHECK(has(text(branches_sheet(m.cpu())), "this CPU model has no last branch records"));
  m.cpu().model = own;
}
