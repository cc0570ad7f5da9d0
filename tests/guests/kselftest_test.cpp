// Owns the kernel's own tests as a suite: what the image of kselftest.sh tells, as `ringside test` reads it.
// RINGSIDE_GUESTS names the folder with the image; without it the test says that it was skipped.
#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/cli/program.h"

namespace ringside::cli {

TEST_CASE(
    "the kernel's own tests of entries, exits, breakpoints, signals, ptrace and seccomp pass, each check a "
    "case") {
  const std::string at = guest_images("kselftest");
  if (at.empty()) return;
  const Folder folder;
  const Result done =
      run({"test", at + "/kselftest.toml", "--tag", "quick", "--json", folder / "result.json"});
  INFO(done.out);
  CHECK(done.status == 0);
  std::map<std::string, std::size_t> checks;
  std::istringstream lines(read_file(folder / "result.json"));
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("checks")) continue;
    checks[json.value("test", "")] = json["checks"].size();
    CHECK(json.value("protocol", "") == "ktap");
  }
  CHECK(checks["x86"] == 39);
  CHECK(checks["breakpoints, signals, ptrace, seccomp"] > 200);
}

}  // namespace ringside::cli
