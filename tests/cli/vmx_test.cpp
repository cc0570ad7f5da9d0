// Owns the tests of what a run tells of VM entries and exits: rows, story, coverage, and the report on a
// model.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/cli/program.h"

using namespace ringside::cli;

namespace {

const std::string visor = RINGSIDE_BINARY_DIR "/roms/visor.bin",
                  refusals = RINGSIDE_BINARY_DIR "/roms/refusals.bin";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("a row for each VM exit") {
  const Folder folder;
  const std::string json = folder / "exits.jsonl", csv = folder / "exits.csv";
  const Result first = run({"-bios", visor, "--trace-exits", json});
  CHECK(first.status == 0);
  CHECK(run({"-bios", visor, "--trace-exits", csv}).status == 0);
  const auto rows = lines_of(read_file(json));
  REQUIRE(rows.size() == 42);
  CHECK(lines_of(read_file(csv)).size() == 43);  // the columns' names first
  std::set<int> reasons;
  for (const std::string& row : rows) {
    const auto j = nlohmann::json::parse(row);
    reasons.insert(j["reason"].get<int>());
    CHECK(j["cpu"] == 0);
    CHECK(!j["cause"].get<std::string>().empty());
  }
  CHECK(reasons.size() == 32);
  const auto hello = nlohmann::json::parse(rows[0]);
  CHECK(hello["reason"] == 18);
  CHECK(hello["in_guest"] == 39);
  // The summary counts what the rows say.
  CHECK(has(first.err, "42          in all, after 42 VM entries"));
}

TEST_CASE("a refused entry names its rules, values, writers and cure") {
  const Result result = run({"explain", "-bios", refusals});
  CHECK(result.status == 0);
  CHECK(has(result.err, "controls.cr3_target_count"));
  CHECK(has(result.err, "CR3_TARGET_COUNT = 0x5, VMWRITE at RIP"));
  CHECK(has(result.err, "cure: CR3_TARGET_COUNT = 0x4"));
  CHECK(has(result.err, "IA32_VMX_MISC (MSR 0x485)"));
  CHECK(has(result.err, "VMfailValid 26"));
  // Of an entry that fails with a VM exit, too, the instruction that entered is told.
  const std::size_t failed_at = result.err.find("VM entry refused, VM exit: reason 33");
  REQUIRE(failed_at != std::string::npos);
  const std::string failure =
      result.err.substr(failed_at, result.err.find("guest.cr0", failed_at) - failed_at);
  CHECK(has(failure, "by             RIP 0x"));
  CHECK(has(failure, "<enter (refusals/refusals.asm:"));
  CHECK(has(result.err, "10          in all, after 2 VM entries and 8 that failed"));
  const Folder folder;
  const std::string csv = folder / "rows.csv";
  CHECK(run({"-bios", refusals, "--trace-exits", csv}).status == 0);
  CHECK(has(read_file(csv), ",0,,\"VM entry refused\",0x0,\"controls.cr3_target_count\",,,\n"));
  CHECK(has(read_file(csv), ",0,33,\"VM entry refused\",0x4,\"guest.link_pointer.aligned\",,,\n"));
  const std::string rows = folder / "rows.json";
  CHECK(run({"-bios", refusals, "--trace-exits", rows}).status == 0);
  unsigned refused = 0;
  std::vector<std::string> failed;
  for (const std::string& line : lines_of(read_file(rows))) {
    const auto j = nlohmann::json::parse(line);
    if (j.contains("failed")) failed.push_back(j["detail"]);
    if (!j.contains("refused") || j["rules"].empty()) continue;
    ++refused;
    CHECK(j["rules"].size() == 1);
    CHECK(!j["rules"][0]["fields"].empty());
  }
  CHECK(refused == 15);  // five of the twenty break no rule of the VMCS
  // Rows and story tell of the same instructions; those that a rule refuses have their own row.
  REQUIRE(failed.size() == 4);
  for (const std::string& detail : failed) CHECK_MESSAGE(has(result.err, detail), detail);
  CHECK(has(failed[0], "VMfailInvalid"));
  CHECK(has(read_file(csv), ",\"VMfailValid\",,\"VMfailValid 26: "));
}

TEST_CASE("why a guest fell into a triple fault") {
  const Result result = run({"explain", "-bios", visor});
  CHECK(result.status == 0);
  CHECK(has(result.err, "reason 2, Triple fault"));
  CHECK(has(result.err, "chain          #"));
  CHECK(has(result.err, "EPT violation"));
}

TEST_CASE("coverage of exit reasons and entry rules") {
  const Folder folder;
  const std::string file = folder / "coverage";
  CHECK(run({"-bios", visor, "--vmx-coverage", file}).status == 0);
  CHECK(has(read_file(file), "32 of "));
  CHECK(run({"-bios", refusals, "--vmx-coverage", file}).status == 0);
  const std::string text = read_file(file);
  CHECK(has(text, "15 of 253 "));
  CHECK(has(text, "           1   26  VM entry with events blocked by MOV SS\n"));
  CHECK(has(text, "           5    7  VM entry with invalid control field(s)\n"));
  CHECK(has(text, "           1    0  VMfailInvalid\n"));
  CHECK(has(text, "\n6 of 26 errors were met.\n"));
}

TEST_CASE("coverage of two runs is added up, as text, JSON and a page") {
  const Folder folder;
  const std::string first = folder / "first.json", second = folder / "second.json", sum = folder / "sum.json",
                    page = folder / "sum.html";
  CHECK(run({"-bios", visor, "--vmx-coverage", first}).status == 0);
  CHECK(run({"-bios", refusals, "--vmx-coverage", second}).status == 0);
  const Result all = run({"coverage", first, second});
  CHECK(all.status == 0);
  CHECK(has(all.out, "15 of 253 "));
  CHECK(has(all.out, "\n2 runs, CPU models: "));
  CHECK(has(all.out, "  Enable EPT\n"));
  CHECK(has(all.out, "#GP, general protection"));
  // What was written is read back without loss, and the order of the files makes no difference.
  CHECK(run({"coverage", first, second, "-o", sum}).status == 0);
  CHECK(run({"coverage", sum}).out == all.out);
  CHECK(run({"coverage", second, first}).out == all.out);
  CHECK(run({"coverage", sum, "-o", page}).status == 0);
  CHECK(read_file(page).starts_with("<!DOCTYPE html>"));
  CHECK(has(read_file(page), "<td class=\"id\">guest.ss.dpl_is_rpl</td>"));
  // Once more the same: twice as often.
  const auto count = [](const std::string& text) {
    const auto json = nlohmann::json::parse(text);
    return json["groups"][0]["items"][8]["count"].get<int>();
  };
  CHECK(count(read_file(first)) > 0);
  CHECK(run({"coverage", first, first, "-o", sum}).status == 0);
  CHECK(count(read_file(sum)) == 2 * count(read_file(first)));
}

TEST_CASE("what a model lacks is not asked of a run's coverage") {
  const Folder folder;
  const std::string file = folder / "coverage";
  CHECK(run({"-bios", refusals, "-cpu", "max,-ept,-unrestricted-guest", "--vmx-coverage", file}).status >= 0);
  CHECK(has(read_file(file), " not offered   48  EPT violation\n"));
  CHECK(has(read_file(file), "0 of 0 kinds of EPT violations were met.\n"));
}

TEST_CASE("files that are no coverage are refused in a line") {
  const Folder folder;
  const auto line = [&](std::string_view bytes) {
    const Result result = run({"coverage", folder.write("file.json", bytes)});
    CHECK(result.status == 1);
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    return result.err;
  };
  CHECK(has(line("{"), "it is no JSON: byte 2"));
  CHECK(has(line("[]"), "not that of --vmx-coverage"));
  CHECK(has(line("{\"vmx_coverage\":9}"), "another version"));
  CHECK(has(line("{\"vmx_coverage\":1}"), "a member is missing"));
  CHECK(has(line("{\"vmx_coverage\":1,\"models\":[],\"runs\":-1,\"groups\":7}"), "coverage: "));
  CHECK(run({"coverage"}).status == 2);
  CHECK(run({"coverage", "-x"}).status == 2);
  CHECK(has(run({"coverage", folder / "absent"}).err, "absent"));
}

TEST_CASE("what a model's VMX offers") {
  const Result all = run({"vmx"});
  CHECK(all.status == 0);
  CHECK(has(all.out, "IA32_VMX_PROCBASED_CTLS2"));
  for (const char* who : {"KVM", "Xen", "Hyper-V", "VMware ESX"}) {
    CAPTURE(who);
    const auto lines = lines_of(all.out);
    CHECK(std::any_of(lines.begin(), lines.end(),
                      [&](const std::string& line) { return has(line, who) && has(line, " met ("); }));
  }
  const Result less = run({"vmx", "-cpu", "Icelake-Server,-ept,-hlt-exit"});
  CHECK(less.status == 0);
  CHECK(has(less.out, "not met: HLT exiting"));
  CHECK(has(less.out, "not met: Enable EPT"));
  CHECK(has(run({"vmx", "-cpu", "qemu64"}).out, "has no VMX"));
}

TEST_CASE("the story as JSON, on standard error and into a file") {
  const Folder folder;
  const std::string file = folder / "story.jsonl";
  const Result result =
      run({"explain", "--json", "--explain-json", file, "--explain-only", "cpuid", "-bios", visor});
  CHECK(has(result.err, "{\"sheet\":\"vm_exit\",\"sections\":"));
  CHECK(has(result.err, "\"reason\":{\"text\":\"10\",\"number\":10,"));
  CHECK(!has(result.err, "\"number\":48,"));
  CHECK(has(result.err, read_file(file)));
  CHECK(
      has(run({"--explain-only", "sixty", "-bios", visor}).err, "sixty: neither an exit reason nor refused"));
}
