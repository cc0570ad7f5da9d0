// Owns a run of suites as JUnit XML.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/conform/reports/markup.h"
#include "frontend/conform/reports/reports.h"

namespace ringside::conform {
namespace {

// What becomes a testcase: a check, or a test that has none.
struct Case {
  std::string name, class_name;
  Verdict verdict;
  std::string message, text;
  double seconds = 0;
};

double seconds(double value) { return value > 0 && value < 1e9 ? value : 0; }

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

// What a failure says beyond its message: how to come back to it.
std::string bundle_text(const TestResult& test) {
  std::string text;
  const auto part = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) text += fmt::format("{}: {}\n", name, value);
  };
  part("run it again", test.bundle.reproduce);
  part("debug it", test.bundle.debug);
  part("files", test.bundle.folder);
  part("ending", test.ending);
  part("state", test.state_hash);
  if (!test.bundle.explained.empty()) text += test.bundle.explained + "\n";
  return text;
}

// The test's command leads to its first failure; that of a check to the check's own line.
TestResult at_check(TestResult test, const Check& check) {
  const std::string first = fmt::format(" --at-line {}", test.line);
  const auto at = test.bundle.debug.rfind(first);
  if (test.line > 0 && check.line > 0 && at != std::string::npos)
    test.bundle.debug.replace(at, first.size(), fmt::format(" --at-line {}", check.line));
  if (check.line != test.line) test.bundle.explained.clear();
  return test;
}

std::string case_element(const Case& one) {
  std::string text =
      fmt::format("    <testcase name=\"{}\" classname=\"{}\" time=\"{:.3f}\"", markup_attribute(one.name),
                  markup_attribute(one.class_name), seconds(one.seconds));
  const auto inner = [&](std::string_view element) {
    text += fmt::format(">\n      <{0} type=\"{1}\" message=\"{2}\">{3}</{0}>\n    </testcase>\n", element,
                        verdict_name(one.verdict), markup_attribute(first_line(one.message)),
                        markup_text(one.text));
  };
  switch (one.verdict) {
    case Verdict::passed: return text + "/>\n";
    case Verdict::skipped:
    case Verdict::expected_failure: inner("skipped"); return text;
    case Verdict::failed:
    case Verdict::unexpected_pass: inner("failure"); return text;
    case Verdict::broken: inner("error"); return text;
  }
  return text;
}

std::string suite_element(const std::string& name, const std::vector<Case>& cases, double time,
                          const std::string& output) {
  const auto count = [&](auto... verdicts) {
    return std::count_if(cases.begin(), cases.end(),
                         [&](const Case& one) { return ((one.verdict == verdicts) || ...); });
  };
  std::string text = fmt::format(
      "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3f}\">\n",
      markup_attribute(name), cases.size(), count(Verdict::failed, Verdict::unexpected_pass),
      count(Verdict::broken), count(Verdict::skipped, Verdict::expected_failure), seconds(time));
  for (const Case& one : cases) text += case_element(one);
  if (!output.empty()) text += fmt::format("    <system-out>{}</system-out>\n", markup_text(output));
  return text + "  </testsuite>\n";
}

Case case_of(const TestResult& test, std::string name, std::string class_name) {
  Case one{std::move(name), std::move(class_name), test.verdict, test.reason, "", test.host_seconds};
  if (counts_as_failure(test.verdict)) one.text = test.reason + "\n" + bundle_text(test);
  return one;
}

std::vector<Case> cases_of(const TestResult& test) {
  const std::string class_name = test.suite + "." + test.name;
  std::vector<Case> cases;
  bool explained = false;
  TestResult reported;  // what a check's text needs of it
  reported.line = test.line;
  reported.bundle = test.bundle;
  reported.ending = test.ending;
  reported.state_hash = test.state_hash;
  for (const Check& check : test.checks) {
    Case one{check.name, class_name, check.verdict, check.message, "", 0};
    if (counts_as_failure(check.verdict)) {
      explained = true;
      one.text = fmt::format("{}\nline {} of the output\n{}", check.message, check.line,
                             bundle_text(at_check(reported, check)));
    }
    cases.push_back(std::move(one));
  }
  // A limit or a crash is no check's verdict.
  if (counts_as_failure(test.verdict) && (!explained || test.verdict == Verdict::broken))
    cases.push_back(case_of(test, test.name, class_name));
  return cases;
}

}  // namespace

std::string junit_xml(const SuiteRun& run) {
  std::string suites;
  std::vector<std::string> names;  // of the suites that have tests without checks
  for (const TestResult& test : run.tests) {
    if (!test.checks.empty())
      suites += suite_element(test.suite + "." + test.name, cases_of(test), test.host_seconds, test.output);
    else if (std::find(names.begin(), names.end(), test.suite) == names.end())
      names.push_back(test.suite);
  }
  for (const std::string& name : names) {
    std::vector<Case> cases;
    double time = 0;
    for (const TestResult& test : run.tests) {
      if (test.suite != name || !test.checks.empty()) continue;
      cases.push_back(case_of(test, test.name, name));
      if (counts_as_failure(test.verdict) && !test.output.empty())
        cases.back().text += "output:\n" + test.output + "\n";
      time += seconds(test.host_seconds);
    }
    suites += suite_element(name, cases, time, "");
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{}\" "
      "time=\"{:.3f}\">\n{}</testsuites>\n",
      markup_attribute(run.program), seconds(run.host_seconds), suites);
}

}  // namespace ringside::conform
