// Owns the run of the assembled images of this folder: every check that a source names is reported, and none
// failed.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "frontend/machine/machine.h"

using namespace ringside;

namespace {

constexpr u64 longest_run = 20'000'000;

std::vector<std::string> lines_of(std::istream& stream) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    while (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

// "        faults "NAME", ..." makes a check; what only has text in quotes does not.
std::string check_named_by(const std::string& line) {
  const auto word = line.find_first_not_of(' ');
  if (word == 0 || word == std::string::npos) return {};
  const auto quote = line.find('"');
  const auto space = line.find(' ', word);
  if (quote == std::string::npos || quote != space + 1) return {};
  const std::string macro = line.substr(word, space - word);
  if (macro == "db" || macro == "%include" || macro == "%error" || macro.starts_with("say")) return {};
  return line.substr(quote + 1, line.find('"', quote + 1) - quote - 1);
}

struct Source {
  std::string name;
  std::set<std::string> checks;
};

// The image's source, with what it includes beside the common files.
void add_checks(const std::string& file, Source& source) {
  std::ifstream stream(RINGSIDE_SOURCE_DIR "/tests/system/" + file);
  REQUIRE_MESSAGE(stream, file);
  for (const std::string& line : lines_of(stream)) {
    if (const std::string check = check_named_by(line); !check.empty()) source.checks.insert(check);
    if (line.starts_with("%include \"") && line.find('/') == std::string::npos)
      add_checks(line.substr(10, line.find('"', 10) - 10), source);
  }
}

std::vector<Source> all_sources() {
  std::vector<Source> sources;
  for (const auto& entry : std::filesystem::directory_iterator(RINGSIDE_SOURCE_DIR "/tests/system")) {
    if (entry.path().extension() != ".asm") continue;
    Source source{entry.path().stem().string(), {}};
    add_checks(entry.path().filename().string(), source);
    sources.push_back(source);
  }
  std::sort(sources.begin(), sources.end(), [](const Source& a, const Source& b) { return a.name < b.name; });
  return sources;
}

struct Run {
  std::vector<std::string> lines;
  Ending ending;
  u64 instructions = 0;
};

// With slices of `slice` instructions.
Run run_image(const std::string& name, Dispatcher dispatcher, u64 slice) {
  MachineConfig config;
  std::string error, text;
  config.model = *parse_cpu_model("max", error);
  config.ram_bytes = 16 << 20;
  if (name.ends_with("_smp")) config.cpus = 2;
  config.dispatcher = dispatcher;
  config.debug_exit = MachineConfig::DebugExit{};
  config.boot.bios = RINGSIDE_BINARY_DIR "/tests/system/" + name + ".bin";
  const auto machine = Machine::create(config, error);
  REQUIRE_MESSAGE(machine, error);
  machine->on_serial([&](u8 byte) { text += static_cast<char>(byte); });
  const auto goes_on = [&](const Ending& ending) {
    if (ending.why == Ending::Why::reset) return machine->perform_reset(error);
    return ending.why == Ending::Why::running;
  };
  while (machine->retired() < longest_run && goes_on(machine->run(slice))) {
  }
  std::istringstream stream(text);
  return {lines_of(stream), machine->ending(), machine->retired()};
}

void judge(const Source& source, const Run& run) {
  CAPTURE(source.name);
  CHECK_MESSAGE(run.ending.why == Ending::Why::debug_exit, run.ending.reason);
  CHECK(run.ending.status == 1);  // no failures
  std::set<std::string> reported;
  for (const std::string& line : run.lines) {
    CHECK_MESSAGE(!line.starts_with("FAIL"), line);
    if (line.starts_with("ok ")) reported.insert(line.substr(3));
  }
  // A macro that makes several checks of one name adds to it: "NAME: ...".
  std::set<std::string> families;
  for (const std::string& check : reported) families.insert(check.substr(0, check.find(": ")));
  for (const std::string& check : source.checks)
    CHECK_MESSAGE(reported.count(check) + families.count(check) != 0, check);
  for (const std::string& check : reported) {
    CHECK_MESSAGE(source.checks.count(check) + source.checks.count(check.substr(0, check.find(": "))) != 0,
                  "reported, but named nowhere: ", check);
  }
}

}  // namespace

TEST_CASE("each basic exit reason has a check in an image, or a reason why not") {
  const std::map<unsigned, std::string> cannot_be_met = {
      {11, "no CPU model has SMX"},
      {17, "there is no system-management mode"},
      {41, "no machine check happens"},
      {63, "no CPU model has a supervisor state component, so IA32_XSS is 0 and no instruction selects one"},
      {64, "the same as 63"},
  };
  std::set<unsigned> met, all;
  for (const auto& entry : std::filesystem::directory_iterator(RINGSIDE_SOURCE_DIR "/tests/system")) {
    std::ifstream stream(entry.path());
    for (const std::string& line : lines_of(stream)) {
      const auto macro = line.find("exits \"");
      if (macro == std::string::npos || line[0] == ';') continue;
      std::string reason = line.substr(line.find("\", ", macro) + 3);
      if (reason.starts_with("1 << 31 | ")) reason = reason.substr(10);
      if (reason[0] >= '0' && reason[0] <= '9') met.insert(static_cast<unsigned>(std::stoul(reason)));
    }
  }
  std::ifstream table(RINGSIDE_SOURCE_DIR "/cpu/arch/exits.inc");
  for (const std::string& line : lines_of(table)) {
    if (line.starts_with("EXIT(")) all.insert(static_cast<unsigned>(std::stoul(line.substr(5))));
  }
  CHECK(all.size() > 50);
  for (const unsigned reason : all) {
    CAPTURE(reason);
    CHECK(met.count(reason) + cannot_be_met.count(reason) == 1);
  }
}

TEST_CASE("the images of system behaviour find what they expect, in both dispatchers and in slices") {
  const std::vector<Source> sources = all_sources();
  REQUIRE(!sources.empty());
  for (const Source& source : sources) {
    CAPTURE(source.name);
    CHECK(!source.checks.empty());
    const Run emitted = run_image(source.name, Dispatcher::emitted, longest_run);
    judge(source, emitted);
    const Run reference = run_image(source.name, Dispatcher::reference, longest_run);
    CHECK(reference.lines == emitted.lines);
    CHECK(reference.instructions == emitted.instructions);
    // What waits for another CPU is long, and not worth single steps.
    const u64 slice = emitted.instructions < 300'000 ? 1 : 17;
    const Run stepped = run_image(source.name, Dispatcher::emitted, slice);
    CHECK(stepped.lines == emitted.lines);
    CHECK(stepped.instructions == emitted.instructions);
  }
}
