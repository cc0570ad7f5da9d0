// Owns the tests of the reports: what one reader makes of what another wrote, hostile text in every place,
// and merging.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <set>
#include <sstream>

#include "frontend/conform/protocols/protocol.h"
#include "frontend/conform/reports/baseline.h"
#include "frontend/conform/reports/reports.h"

using namespace ringside;
using namespace ringside::conform;

namespace {

// Markup, quotes, what XML has no character for, bytes that are no UTF-8, lines.
const std::string hostile =
    std::string("<a href='x'>\"&]]>\n\t\x01\x1b[0m\xff\xc3\xa4 ...\n---\n# SKIP \\") + '\0' + "end";

SuiteRun sample() {
  SuiteRun run;
  run.program = "Ringside 9";
  run.host_seconds = 1.5;
  TestResult good;
  good.suite = "s.toml";
  good.name = "boots";
  good.tags = {"quick", "vmx"};
  good.verdict = Verdict::passed;
  good.instructions = 12345678901234567890u;
  good.state_hash = "00ff";
  good.exit_status = 0;
  good.checks = {{"a", Verdict::passed, "", 3}, {"b", Verdict::skipped, "no device", 4}};
  TestResult bad = good;
  bad.name = hostile;
  bad.verdict = Verdict::failed;
  bad.reason = hostile;
  bad.output = hostile;
  bad.exit_status = std::nullopt;
  bad.checks = {{hostile, Verdict::failed, hostile, 7}, {"c", Verdict::expected_failure, "known", 8}};
  bad.bundle = {.reproduce = hostile, .debug = "debug", .explained = hostile, .folder = "f"};
  bad.words = {"ringside", hostile};
  run.tests = {good, bad};
  return run;
}

bool same(const Check& a, const Check& b) {
  return a.name == b.name && a.verdict == b.verdict && a.message == b.message && a.line == b.line;
}
bool same(const TestResult& a, const TestResult& b) {
  return a.suite == b.suite && a.name == b.name && a.tags == b.tags && a.verdict == b.verdict &&
         a.reason == b.reason && a.instructions == b.instructions && a.exit_status == b.exit_status &&
         a.state_hash == b.state_hash && a.output == b.output && a.words == b.words &&
         a.bundle.reproduce == b.bundle.reproduce && a.bundle.explained == b.bundle.explained &&
         std::equal(a.checks.begin(), a.checks.end(), b.checks.begin(), b.checks.end(),
                    [](const Check& x, const Check& y) { return same(x, y); });
}

// Well-formed as far as this looks: tags nest, and nothing stands in the text that XML has no character for.
bool sound(const std::string& xml) {
  std::vector<std::string> open;
  for (std::size_t at = 0; at < xml.size(); ++at) {
    const unsigned char c = static_cast<unsigned char>(xml[at]);
    if (c < 0x20 && c != '\n' && c != '\t') return false;
    if (c == '&' && xml.find(';', at) - at > 8) return false;
    if (c != '<') continue;
    if (xml.compare(at, 9, "<![CDATA[") == 0) {
      at = xml.find("]]>", at);
      if (at == xml.npos) return false;
      continue;
    }
    const std::size_t end = xml.find('>', at);
    if (end == xml.npos) return false;
    const std::string tag = xml.substr(at + 1, end - at - 1);
    const std::string name = tag.substr(0, tag.find_first_of(" \n"));
    if (tag.starts_with("?") || tag.ends_with("/")) {
    } else if (tag.starts_with("/")) {
      if (open.empty() || "/" + open.back() != name) return false;
      open.pop_back();
    } else {
      open.push_back(name);
    }
    at = end;
  }
  return open.empty();
}

}  // namespace

TEST_CASE("lines of JSON are read back without loss, whatever a guest has printed") {
  const SuiteRun run = sample();
  SuiteRun back;
  std::string error;
  REQUIRE_MESSAGE(parse_json_lines(json_lines(run), back, error), error);
  CHECK(back.program == run.program);
  REQUIRE(back.tests.size() == run.tests.size());
  for (std::size_t n = 0; n < run.tests.size(); ++n) CHECK(same(back.tests[n], run.tests[n]));
}

TEST_CASE("lines that are no results are refused with their number") {
  SuiteRun back;
  std::string error;
  const std::string good = json_lines(sample());
  CHECK_FALSE(parse_json_lines(good + "{\n", back, error));
  CHECK(error.find('4') != std::string::npos);
  CHECK_FALSE(parse_json_lines("", back, error));
  CHECK_FALSE(parse_json_lines("[]\n", back, error));
  CHECK_FALSE(parse_json_lines("{\"run\":7}\n", back, error));
  // Cut anywhere, it is refused or a run of fewer tests; it never crashes.
  for (std::size_t cut = 0; cut < good.size(); cut += 7) {
    SuiteRun part;
    if (parse_json_lines(good.substr(0, cut), part, error)) CHECK(part.tests.size() <= 2);
  }
}

TEST_CASE("JUnit's XML is sound, and has each check as a case") {
  const std::string xml = junit_xml(sample());
  CHECK(sound(xml));
  std::size_t cases = 0;
  for (std::size_t at = xml.find("<testcase"); at != xml.npos; at = xml.find("<testcase", at + 1)) ++cases;
  CHECK(cases >= 4);
  CHECK(xml.find("<failure") != xml.npos);
  CHECK(xml.find("<skipped") != xml.npos);
  CHECK(xml.find("<a href") == xml.npos);
}

// What the readers of Jenkins, GitLab and GitHub agree upon: which element stands where, what it must say of
// itself, and that the sums are right.
TEST_CASE("JUnit's XML has the elements, attributes and order that its readers know") {
  const std::map<std::string, std::set<std::string>> parents = {
      {"testsuites", {""}},          {"testsuite", {"testsuites"}}, {"testcase", {"testsuite"}},
      {"system-out", {"testsuite"}}, {"failure", {"testcase"}},     {"error", {"testcase"}},
      {"skipped", {"testcase"}}};
  const std::map<std::string, std::vector<std::string>> attributes = {
      {"testsuites", {"name", "time"}},
      {"testsuite", {"name", "tests", "failures", "errors", "skipped", "time"}},
      {"testcase", {"name", "classname", "time"}},
      {"failure", {"type", "message"}},
      {"error", {"type", "message"}},
      {"skipped", {"type", "message"}},
      {"system-out", {}}};
  SuiteRun run = sample();
  for (const Verdict verdict : {Verdict::broken, Verdict::unexpected_pass, Verdict::skipped}) {
    TestResult& test = run.tests.emplace_back();
    test.suite = "other.toml";
    test.name = std::string(verdict_name(verdict));
    test.verdict = verdict;
    test.reason = "as it is";
  }
  const std::string xml = junit_xml(run);
  std::vector<std::string> open = {""};
  std::map<std::string, std::size_t> children, sums;  // of the present suite: as they are, and as it says
  std::size_t outcomes = 0, suites = 0, cases = 0;    // the first: of the present case
  for (std::size_t at = xml.find("?>"); (at = xml.find('<', at)) != xml.npos;) {
    const std::size_t end = xml.find('>', at);
    REQUIRE(end != xml.npos);
    std::string tag = xml.substr(at + 1, end - at - 1);
    at = end;
    const bool closes = tag.starts_with('/'), empty = tag.ends_with('/');
    const std::string name = tag.substr(closes, tag.find_first_of(" /", closes) - closes);
    CAPTURE(name);
    if (!closes) {
      REQUIRE(parents.contains(name));
      CHECK(parents.at(name).contains(open.back()));
      std::vector<std::string> found;
      std::map<std::string, std::string> values;
      for (std::size_t from = name.size(), is; (is = tag.find("=\"", from)) != tag.npos;) {
        found.push_back(tag.substr(from + 1, is - from - 1));
        from = tag.find('"', is + 2) + 1;
        values[found.back()] = tag.substr(is + 2, from - is - 3);
      }
      CHECK(found == attributes.at(name));
      if (values.contains("time"))
        CHECK(values["time"].find_first_not_of("0123456789.") == std::string::npos);
      if (name == "testsuite") {
        ++suites;
        children.clear();
        for (const char* sum : {"tests", "failures", "errors", "skipped"})
          sums[sum] = std::stoul(values[sum]);
      }
      if (name == "testcase") {
        ++cases;
        outcomes = 0;
        CHECK(!children.contains("system-out"));  // comes last
      }
      if (open.back() == "testcase") CHECK(++outcomes == 1);
      ++children[name];
      if (!empty) open.push_back(name);
    } else {
      REQUIRE(open.back() == name);
      open.pop_back();
      if (name != "testsuite") continue;
      CHECK(children["testcase"] == sums["tests"]);
      CHECK(children["failure"] == sums["failures"]);
      CHECK(children["error"] == sums["errors"]);
      CHECK(children["skipped"] == sums["skipped"]);
    }
  }
  CHECK(open.size() == 1);
  CHECK(suites == 3);
  CHECK(cases == 7);
}

TEST_CASE("in JUnit's XML each failing check has the command that stops at its own line") {
  SuiteRun run;
  TestResult& test = run.tests.emplace_back();
  test.suite = "s";
  test.name = "t";
  test.verdict = Verdict::failed;
  test.line = 3;
  test.bundle.debug = "ringside debug -m 32 --at-line 3 $WORDS";
  test.bundle.explained = "CPU 0 is there";
  test.checks = {
      {"a", Verdict::failed, "", 3}, {"b", Verdict::failed, "", 40}, {"c", Verdict::broken, "", 0}};
  const std::string xml = junit_xml(run);
  const auto text_of = [&](const char* check) {
    const auto at = xml.find(fmt::format("<testcase name=\"{}\"", check));
    return xml.substr(at, xml.find("</testcase>", at) - at);
  };
  CHECK(text_of("a").find("debug -m 32 --at-line 3 $WORDS\nCPU 0 is there\n") != std::string::npos);
  CHECK(text_of("b").find("debug -m 32 --at-line 40 $WORDS\n") != std::string::npos);
  CHECK(text_of("b").find("CPU 0 is there") == std::string::npos);
  CHECK(text_of("c").find("debug -m 32 --at-line 3 $WORDS\n") != std::string::npos);
}

TEST_CASE("our own reader of TAP reads the report's tests") {
  const auto reader = protocol_named("tap")->reader();
  std::istringstream in(tap(sample()));
  u64 number = 0;
  for (std::string line; std::getline(in, line);) reader->line(line, ++number);
  reader->end();
  CHECK(reader->complaint() == "");
  u64 passed = 0, failed = 0, broken = 0;
  for (const Check& check : reader->checks()) {
    passed += check.verdict == Verdict::passed;
    failed += check.verdict == Verdict::failed;
    broken += check.verdict == Verdict::broken;
  }
  CHECK(passed >= 1);
  CHECK(failed >= 1);
  CHECK(broken == 0);
}

TEST_CASE("the page fetches nothing and shows text as text") {
  const std::string page = html_page(sample());
  CHECK(page.starts_with("<!DOCTYPE html>"));
  CHECK(page.find("<a href='x'>") == page.npos);
  CHECK(page.find("http") == page.npos);
  CHECK(page.find("boots") != page.npos);
}

TEST_CASE("merging: shards in their order, a test in two of them once, and who disagrees") {
  SuiteRun first = sample(), second = sample(), all;
  std::string error;
  first.tests.pop_back();
  second.tests.erase(second.tests.begin());
  REQUIRE(merge(std::vector{first, second}, all, error));
  CHECK(all.tests.size() == 2);
  CHECK(totals(all).passed == 1);
  CHECK(totals(all).failed == 1);
  CHECK(check_totals(all).all() == 4);
  REQUIRE(merge(std::vector{first, first}, all, error));
  CHECK(all.tests.size() == 1);
  SuiteRun other = first;
  other.tests[0].verdict = Verdict::failed;
  CHECK_FALSE(merge(std::vector{first, other}, all, error));
  CHECK(error.find("boots") != std::string::npos);
  other = first;
  other.program = "Ringside 10";
  CHECK_FALSE(merge(std::vector{first, other}, all, error));
}

TEST_CASE("what failed in the baseline is expected, and nothing else is") {
  SuiteRun before;
  before.tests.push_back({.suite = "s", .name = "checks", .verdict = Verdict::failed});
  before.tests[0].checks = {{"a", Verdict::failed, "", 1}, {"b", Verdict::passed, "", 2}};
  before.tests.push_back({.suite = "s", .name = "whole", .verdict = Verdict::failed});
  before.tests.push_back({.suite = "s", .name = "good", .verdict = Verdict::passed});
  const Baseline baseline(before);

  TestResult now = before.tests[0];
  now.reason = "line 1: a";
  baseline.apply(now);
  CHECK(now.verdict == Verdict::expected_failure);
  CHECK(now.reason == "as in the baseline: line 1: a");
  CHECK(now.checks[0].verdict == Verdict::expected_failure);
  // Another check, and the same name once more, are news.
  for (const char* name : {"b", "a"}) {
    now = before.tests[0];
    now.checks.push_back({name, Verdict::failed, "", 9});
    baseline.apply(now);
    CHECK(now.verdict == Verdict::failed);
    CHECK(now.reason == fmt::format("1 check fails that did not in the baseline: {}", name));
    CHECK(now.line == 9);
    CHECK(now.checks[0].verdict == Verdict::expected_failure);
    CHECK(now.checks[2].verdict == Verdict::failed);
  }
  now = before.tests[1];
  now.verdict = Verdict::broken;
  now.reason = "a crash";
  baseline.apply(now);
  CHECK(now.verdict == Verdict::broken);
  CHECK(now.reason == "a crash (in the baseline it was failed)");
  for (const char* name : {"good", "unknown"}) {
    now = {.suite = "s", .name = name, .verdict = Verdict::failed};
    baseline.apply(now);
    CHECK(now.verdict == Verdict::failed);
  }
  // A run that was compared with a baseline is one, too.
  before.tests[1].verdict = Verdict::expected_failure;
  now = {.suite = "s", .name = "whole", .verdict = Verdict::failed};
  Baseline(before).apply(now);
  CHECK(now.verdict == Verdict::expected_failure);
}

TEST_CASE("verdicts have names that are read back") {
  for (const Verdict verdict : {Verdict::passed, Verdict::failed, Verdict::skipped, Verdict::expected_failure,
                                Verdict::unexpected_pass, Verdict::broken})
    CHECK(verdict_named(verdict_name(verdict)) == verdict);
  CHECK_FALSE(verdict_named("perhaps"));
}
