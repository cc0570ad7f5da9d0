// Owns the face of the reports: a run of suites as text that other programs and people read.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "frontend/conform/result.h"

namespace ringside::conform {

// JUnit XML as Jenkins, GitLab and GitHub's readers take it: one testsuite a suite's test with checks, one
// for the tests without; what a guest prints that XML cannot hold is written as \xNN.
std::string junit_xml(const SuiteRun& run);
// TAP 14, with the checks of a test as its subtest.
std::string tap(const SuiteRun& run);
// One JSON object a line: "run" first, then each "test" with its checks. parse_json_lines() reads it back
// without loss.
std::string json_lines(const SuiteRun& run);
// False and one line in `error`, with the number of the line that is wrong.
bool parse_json_lines(std::string_view text, SuiteRun& run, std::string& error);
// One page with nothing to fetch: totals, a table to filter, failures in full with their bundles.
std::string html_page(const SuiteRun& run);
// For a terminal of `columns`, or for a file with 0: failures in full, the totals.
std::string text_summary(const SuiteRun& run, unsigned columns, bool colour);

// The results of several shards as one run. False: a test came twice with different verdicts, or two runs are
// of other programs; one line in `error`.
bool merge(std::span<const SuiteRun> shards, SuiteRun& all, std::string& error);

}  // namespace ringside::conform
