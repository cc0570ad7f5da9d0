// Owns the tests of the guests for VMX in roms/: every exit of the visor is told, every refusal comes back as
// the manual says.
#include <algorithm>
#include <fstream>
#include <regex>
#include <sstream>

#include "tests/machine/guest.h"
#include "vmx/rules.h"

using namespace ringside;

namespace {

struct Run {
  std::vector<std::string> lines;  // of the serial port
  Ending::Why why = Ending::Why::running;
  std::string reason;
  u64 instructions = 0;
};

Run run_rom(const std::string& name, Dispatcher dispatcher, VmxObserver* observer = nullptr) {
  MachineConfig config = Guest::config();
  config.dispatcher = dispatcher;
  config.boot.bios = RINGSIDE_BINARY_DIR "/roms/" + name + ".bin";
  std::string error, text;
  const auto machine = Machine::create(config, error);
  REQUIRE_MESSAGE(machine, error);
  machine->on_serial([&](u8 byte) { text += static_cast<char>(byte); });
  REQUIRE_MESSAGE(machine->cpu(0).vmx, "the default CPU model has VMX");
  Observers<VmxObserver>::Attachment looks;
  if (observer) looks = machine->cpu(0).vmx->observers.attach(*observer);
  const Ending& end = machine->run(50'000'000);
  Run run{{}, end.why, end.reason, machine->retired()};
  std::istringstream all(text);
  for (std::string line; std::getline(all, line);) {
    while (!line.empty() && line.back() == '\r') line.pop_back();
    run.lines.push_back(line);
  }
  return run;
}

// The matches of `row` in one of roms/'s sources: what its table says.
std::vector<std::smatch> rows(const std::string& path, const char* row, std::vector<std::string>& keep) {
  std::ifstream file(RINGSIDE_SOURCE_DIR "/roms/" + path);
  REQUIRE(file);
  for (std::string line; std::getline(file, line);) keep.push_back(line);
  std::vector<std::smatch> found;
  const std::regex pattern(row);
  for (const std::string& line : keep) {
    std::smatch match;
    if (std::regex_search(line, match, pattern)) found.push_back(match);
  }
  return found;
}

bool has(const Run& run, const std::string& words) {
  return std::any_of(run.lines.begin(), run.lines.end(),
                     [&](const std::string& line) { return line.find(words) != std::string::npos; });
}

// The reasons of the visor's exits, in the order of its lines "  1  18 VMCALL ...".
std::vector<int> reasons(const Run& run) {
  std::vector<int> found;
  const std::regex pattern("^ *([0-9]+) +([0-9]+) [A-Za-z]");
  for (const std::string& line : run.lines) {
    std::smatch match;
    if (!std::regex_search(line, match, pattern)) continue;
    CHECK(std::stoul(match[1]) == found.size() + 1);
    found.push_back(std::stoi(match[2]));
  }
  return found;
}

}  // namespace

TEST_CASE("the visor's guest makes each exit, and each is told") {
  for (const Dispatcher dispatcher : {Dispatcher::reference, Dispatcher::emitted}) {
    CAPTURE(static_cast<int>(dispatcher));
    const Run run = run_rom("visor", dispatcher);
    CHECK(run.why == Ending::Why::power_off);
    CHECK(reasons(run) == std::vector{18, 10, 16, 51, 15, 57, 61, 30, 30, 31, 32, 28, 28, 28,
                                      28, 28, 28, 28, 29, 14, 58, 54, 13, 55, 46, 47, 40, 39,
                                      36, 12, 0,  27, 0,  48, 49, 1,  7,  18, 52, 18, 37, 2});
    std::vector<std::string> source;
    const auto table = rows("visor/exits.inc", "^ +exit ([0-9]+), +\"([^\"]+)\"", source);
    CHECK(table.size() == 32);
    for (const std::smatch& row : table) {
      CHECK_MESSAGE(has(run, " " + row.str(1) + " " + row.str(2) + " "), row.str(2));
    }
    for (const char* words :
         {"guest: I run on RingsideVisr", "guest: #UD is handled", "guest: #PF is handled",
          "guest: an interrupt came", "guest: I have seen everything", "IN from port 80", "#PF at 8000000000",
          "at 205000, qualification 582", "at 206000: writable, not readable",
          "vector 40, but the guest has interrupts off", "42 exits of 32 kinds; VMXOFF, power off"}) {
      CHECK_MESSAGE(has(run, words), std::string(words));
    }
    CHECK(!has(run, "did not come"));
  }
}

TEST_CASE("twenty entries are refused as the manual says") {
  for (const Dispatcher dispatcher : {Dispatcher::reference, Dispatcher::emitted}) {
    CAPTURE(static_cast<int>(dispatcher));
    const Run run = run_rom("refusals", dispatcher);
    CHECK(run.why == Ending::Why::power_off);
    std::vector<std::string> source;
    const auto table = rows("refusals/cases.inc", "^ +refuse(_by)? \"([^\"]+)\", \"([^\"]+)\"", source);
    CHECK(table.size() == 21);  // one of them is not broken
    for (const std::smatch& row : table) {
      const auto line = std::find_if(run.lines.begin(), run.lines.end(), [&](const std::string& l) {
        return l.find(" " + row.str(2) + " ") != std::string::npos && l.find(row.str(3)) != std::string::npos;
      });
      REQUIRE_MESSAGE(line != run.lines.end(), row.str(2));
      CHECK_MESSAGE(line->find("NOT EXPECTED") == std::string::npos, *line);
    }
    CHECK(has(run, "0 of 21 came back otherwise than the manual says"));
  }
}

TEST_CASE("a refusal breaks the rule that its table names, and no other") {
  // All rules that the VMCS breaks when an entry is refused.
  struct Watch final : VmxObserver {
    std::vector<std::string> broken;
    void entered(Cpu&) override {}
    void exited(Cpu&, const ExitInfo&) override {}
    void refused(Cpu&, const RefusedEntry& entry) override {
      for (const Rule* rule : entry.broken) broken.emplace_back(rule->id);
    }
    void failed(Cpu&, const VmRefusal&) override {}
  } watch;
  run_rom("refusals", Dispatcher::emitted, &watch);
  std::vector<std::string> source, expected;
  for (const std::smatch& row : rows("refusals/cases.inc", "^ +refuse(_by)? \"([^\"]+)\"", source)) {
    if (find_rule(row.str(2))) expected.push_back(row.str(2));
  }
  CHECK(expected.size() == 15);
  CHECK(watch.broken == expected);
}

TEST_CASE("the guests for VMX run alike in both dispatchers") {
  for (const char* name : {"visor", "refusals"}) {
    const Run a = run_rom(name, Dispatcher::reference), b = run_rom(name, Dispatcher::emitted);
    CHECK(a.lines == b.lines);
    CHECK(a.instructions == b.instructions);
  }
}
